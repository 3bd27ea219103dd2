// The CouchDB that a test file's service keeps its databases on, when DAVENPORT_TEST_STORE says
// "couchdb": a server of its own, or the one that DAVENPORT_TEST_COUCHDB names (with credentials in
// the URL), which is emptied first.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../support/couchdb_server.mjs', import.meta.url));
// A console's databases exist before Davenport comes.
const consoles = ['athena_components', 'athena_sessions', 'athena_system'];

export class CouchDb {
  #child;

  static async start() {
    const couchdb = new CouchDb();
    if (process.env.DAVENPORT_TEST_COUCHDB) {
      const url = new URL(process.env.DAVENPORT_TEST_COUCHDB);
      [couchdb.user, couchdb.password] = [url.username, url.password].map(decodeURIComponent);
      couchdb.url = url.origin;
      for (const name of await couchdb.call('GET', '/_all_dbs')) {
        if (!name.startsWith('_')) await couchdb.call('DELETE', `/${encodeURIComponent(name)}`);
      }
    } else {
      couchdb.user = 'admin';
      couchdb.password = randomBytes(12).toString('hex');
      couchdb.#child = spawn(process.execPath, [script, couchdb.user, couchdb.password], { stdio: ['pipe', 'pipe', 'inherit'] });
      const [port] = await once(couchdb.#child.stdout.setEncoding('utf8'), 'data');
      couchdb.url = `http://127.0.0.1:${port.trim()}`;
    }
    for (const name of consoles) await couchdb.call('PUT', `/${name}`);
    return couchdb;
  }

  async call(method, path, body) {
    const credentials = Buffer.from(`${this.user}:${this.password}`).toString('base64');
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Basic ${credentials}`, ...(body && { 'Content-Type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  get settings() {
    return {
      DAVENPORT_DATABASES_COUCHDB_URL: this.url,
      DAVENPORT_DATABASES_COUCHDB_USER: this.user,
      DAVENPORT_DATABASES_COUCHDB_PASSWORD: this.password,
    };
  }

  // It ends with its standard input.
  async stop() {
    if (!this.#child) return;
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}
