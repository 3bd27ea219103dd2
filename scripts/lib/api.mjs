// A client of Davenport's HTTP API: one method a call, raw enough for tests that send what no
// well-behaved client would.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export class Reply {
  constructor(status, headers, body) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get text() {
    return this.body.toString('utf8');
  }

  get json() {
    try {
      return JSON.parse(this.text);
    } catch {
      throw new Error(`not JSON (${this.status}): ${this.text.slice(0, 300)}`);
    }
  }
}

export class Api {
  // `key` = {api_key, api_secret} for Basic credentials, {token} for Bearer, {cookie} for a login
  // session; none = no credentials.
  constructor(url, key) {
    this.url = url;
    this.key = key;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  }

  // Stops keep-alive connections; calls after it open new ones.
  close() {
    this.agent.destroy();
  }

  #credentials() {
    const { key } = this;
    if (!key) return {};
    if (key.token) return { authorization: `Bearer ${key.token}` };
    if (key.cookie) return { cookie: key.cookie };
    const pair = Buffer.from(`${key.api_key}:${key.api_secret}`).toString('base64');
    return { authorization: `Basic ${pair}` };
  }

  // `path` goes out exactly as given. An object as `body` is sent as JSON, a string or Buffer as is.
  // `localAddress` is the address to call from.
  request(method, path, body, { headers = {}, timeoutMs = 120_000, localAddress } = {}) {
    const { hostname, port } = new URL(this.url);
    const payload = body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
      ? body : JSON.stringify(body);
    const sent = { ...this.#credentials(), ...headers };
    if (payload !== undefined) {
      sent['content-type'] ??= 'application/json';
      sent['content-length'] ??= Buffer.byteLength(payload);
    }
    return new Promise((resolve, reject) => {
      const options = { hostname, port, method, path, headers: sent, agent: this.agent, localAddress };
      const request = http.request(options, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          if (!response.complete) reject(new Error(`the answer to ${method} ${path} was cut off`));
          else resolve(new Reply(response.statusCode, response.headers, Buffer.concat(parts)));
        });
      });
      request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer to ${method} ${path} in ${timeoutMs} ms`)));
      request.on('error', reject);
      request.end(payload);
    });
  }

  get(path, options) {
    return this.request('GET', path, undefined, options);
  }

  post(path, body, options) {
    return this.request('POST', path, body, options);
  }

  put(path, body, options) {
    return this.request('PUT', path, body, options);
  }

  delete(path, body, options) {
    return this.request('DELETE', path, body, options);
  }

  // The same, but any other status is an error.
  async expect(status, method, path, body, options) {
    const reply = await this.request(method, path, body, options);
    if (reply.status !== status) {
      throw new Error(`${method} ${path} answered ${reply.status} instead of ${status}: ${reply.text.slice(0, 500)}`);
    }
    return reply;
  }

  // ---- backups and restores

  async startBackup() {
    return (await this.expect(202, 'POST', '/ak/api/v3/backups')).json;
  }

  async backup({ timeoutMs = 120_000 } = {}) {
    const { id } = await this.startBackup();
    return this.waitForBackup(id, timeoutMs);
  }

  // The backup doc without its documents, once the backup has ended, well or not.
  waitForBackup(id, timeoutMs = 120_000) {
    return this.#poll(`backup ${id}`, timeoutMs, async () => {
      const doc = (await this.expect(200, 'GET', `/ak/api/v3/backups/${id}?docs=false`)).json;
      return doc.in_progress ? undefined : doc;
    });
  }

  // `url` or id of a webhook transaction -> the transaction, once it has ended, well or not.
  waitForTransaction(urlOrId, timeoutMs = 120_000) {
    const id = urlOrId.split('/').pop();
    return this.#poll(`transaction ${id}`, timeoutMs, async () => {
      const tx = (await this.expect(200, 'GET', `/ak/api/v1/webhooks/txs/${id}`)).json;
      return tx.status === 'pending' ? undefined : tx;
    });
  }

  async #poll(what, timeoutMs, probe) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const seen = await probe();
      if (seen) return seen;
      if (Date.now() > deadline) throw new Error(`${what} has not ended after ${timeoutMs} ms`);
      await sleep(10);
    }
  }

  // ---- documents

  async bulkWrite(database, documents, batch = 1000) {
    const outcomes = [];
    for (let from = 0; from < documents.length; from += batch) {
      const docs = documents.slice(from, from + batch);
      const reply = await this.request('POST', `/couchdb/${database}/_bulk_docs`, { docs });
      if (reply.status !== 201) throw new Error(`_bulk_docs answered ${reply.status}: ${reply.text.slice(0, 500)}`);
      outcomes.push(...reply.json);
    }
    return outcomes;
  }

  // Every document of a database, id -> document with its revision.
  async allDocuments(database) {
    const reply = await this.expect(200, 'GET', `/couchdb/${database}/_all_docs?include_docs=true`);
    return new Map(reply.json.rows.map(({ id, doc }) => [id, doc]));
  }

  async document(database, id) {
    const reply = await this.get(`/couchdb/${database}/${encodeURIComponent(id)}`);
    return reply.status === 404 ? undefined : reply.json;
  }

  async attachment(database, id, name) {
    const path = `/couchdb/${database}/${encodeURIComponent(id)}/${encodeURIComponent(name)}`;
    return (await this.expect(200, 'GET', path)).body;
  }
}
