// What stands before express-pouchdb and makes it answer as CouchDB 3 does.
import { randomUUID } from 'node:crypto';
import { changes } from './changes.mjs';
import { Failure, parseJson, readBody, sendJson } from './http.mjs';
import { LocalDocuments } from './local.mjs';
import { readRelated } from './multipart.mjs';
import { bulkGet, getDocument, readDocument } from './read.mjs';

// A slash may stand in CouchDB's names but not in PouchDB's, a tilde the other way round.
const inside = (name) => name.replaceAll('/', '~');

const noDatabase = () => new Failure(404, 'not_found', 'Database does not exist.');

// What belongs to one creation of a database. Its time is in seconds, as CouchDB counts, so that a
// successor may have the same; the mark, which its sequences carry, is another one.
const born = () => ({
  second: Math.floor(Date.now() / 1000),
  mark: randomUUID().slice(0, 8),
  locals: new LocalDocuments(),
  isSecured: false, // was _security ever written?
  tombstones: { sequence: 0, count: 0 },
});

// CouchDB's default limit; attachments do not count.
function checkSize({ _attachments, ...members }) {
  const bytes = Buffer.byteLength(JSON.stringify(members));
  if (bytes > 8_000_000) throw new Failure(413, 'document_too_large', members._id ?? '');
}

// Hands what express-pouchdb answers to `change` first: (status, value) -> text, or undefined to
// leave it.
function filterAnswer(response, change) {
  const end = response.end.bind(response);
  response.end = (chunk, ...rest) => {
    response.end = end;
    const replaced = chunk && change(response.statusCode, JSON.parse(chunk.toString()));
    if (!replaced) return end(chunk, ...rest);
    const body = Buffer.from(replaced);
    response.removeHeader('etag');
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-length', body.length);
    return end(body);
  };
}

// "a" or "_design/a" of a path's segments; undefined when they name something else.
function documentId(segments) {
  const [first = '', second] = segments.map(decodeURIComponent);
  if (segments.length === 1 && !first.startsWith('_')) return first;
  return segments.length === 2 && ['_design', '_local'].includes(first) ? `${first}/${second}` : undefined;
}

export class Front {
  #app;
  #databases;
  #births = new Map(); // by database

  #sessions;

  // `databases` opens (creates, too) and drops PouchDB's by their names.
  constructor(app, databases, sessions) {
    this.#app = app;
    this.#databases = databases;
    this.#sessions = sessions;
    for (const name of ['_replicator', '_users']) this.#births.set(name, born());
  }

  async handle(request, response) {
    try {
      await this.#route(request, response);
    } catch (error) {
      if (response.headersSent) return response.destroy();
      const failure = error.message === 'database is destroyed' ? noDatabase() : error;
      sendJson(response, failure.status ?? 500, { error: failure.error ?? 'internal_server_error', reason: failure.message });
    }
  }

  async #route(request, response) {
    // By hand: a document may be called "..".
    const [path, search = ''] = request.url.split(/\?(.*)/s);
    const [first, ...rest] = path.slice(1).split('/');
    const query = new URLSearchParams(search);
    if (first === '_session') return this.#sessions.handle(request, response);
    this.#sessions.check(request);
    if (first === '' || (first.startsWith('_') && !['_users', '_replicator'].includes(first)))
      return this.#server(first, request, response);

    const name = decodeURIComponent(first);
    if (!/^([a-z][a-z0-9_$()+/-]*|_users|_replicator)$/.test(name) || name.length > 238)
      throw new Failure(400, 'illegal_database_name', `Name: '${name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.`);
    if (rest.at(-1) === '') rest.pop();
    if (rest.length === 0 && request.method === 'PUT') return this.#create(name, response);
    if (!this.#births.has(name)) throw noDatabase();
    request.url = `/${encodeURIComponent(inside(name))}${path.slice(first.length + 1)}${search && `?${search}`}`;
    return this.#database(name, rest, query, request, response);
  }

  async #server(what, request, response) {
    if (what === '_all_dbs') {
      return sendJson(response, 200, [...this.#births.keys()].sort());
    } else if (what === '' && request.method === 'GET') {
      filterAnswer(response, (status, value) =>
        status === 200 ? JSON.stringify({ couchdb: 'Welcome', version: '3.0.0', uuid: value.uuid.replaceAll('-', ''), features: [], vendor: value.vendor }) : undefined,
      );
    } else if (what === '_dbs_info') {
      const { keys } = request.method === 'POST' ? parseJson(await readBody(request)) : { keys: [...this.#births.keys()].sort() };
      const all = [];
      for (const key of keys)
        all.push(this.#births.has(key) ? { key, info: await this.#info(key) } : { key, error: 'not_found' });
      return sendJson(response, 200, all);
    }
    return this.#app(request, response);
  }

  // express-pouchdb would let several create one.
  async #create(name, response) {
    if (this.#births.has(name))
      throw new Failure(412, 'file_exists', 'The database could not be created, the file already exists.');
    this.#births.set(name, born());
    const database = await this.#open(name);
    await database.info(); // until then express-pouchdb may not know it
    return sendJson(response, 201, { ok: true });
  }

  async #drop(name, response) {
    this.#births.delete(name);
    await this.#databases.drop(inside(name));
    return sendJson(response, 200, { ok: true });
  }

  async #database(name, rest, query, request, response) {
    const { method } = request;
    const last = rest[0];
    if (rest.length === 0 && method === 'DELETE') return this.#drop(name, response);
    if (rest.length === 0 && method === 'GET') return sendJson(response, 200, await this.#info(name));
    if (last === '_changes') {
      const body = method === 'POST' ? parseJson(await readBody(request)) : {};
      return changes(await this.#open(name), this.#birth(name).mark, query, body, response);
    }
    if (last === '_all_docs') return this.#allDocs(name, query, request, response);
    if (last === '_bulk_get' && method === 'POST')
      return sendJson(response, 200, await bulkGet(await this.#open(name), query, parseJson(await readBody(request))));
    if (last === '_security') await this.#security(name, request, response);
    if (last === '_bulk_docs') await this.#bulkDocs(request, response);
    const id = documentId(rest);
    if (id?.startsWith('_local/')) return this.#birth(name).locals.handle(id, request, response);
    if (id !== undefined && (method === 'GET' || method === 'HEAD'))
      return readDocument(await this.#open(name), id, query, request, response);
    if (id !== undefined && method === 'PUT') await this.#preparePut(id, query, request, response);
    if (id !== undefined && method === 'DELETE') await this.#prepareDelete(name, id, query, request, response);
    return this.#app(request, response);
  }

  // One row a line, as CouchDB writes them.
  #allDocs(name, query, request, response) {
    // PouchDB's own bound leaves out what lies beyond U+FFFF.
    const bounds = query.get('descending') === 'true' ? ['startkey', 'start_key'] : ['endkey', 'end_key'];
    if (!['key', 'keys', ...bounds].some((bound) => query.has(bound)) && request.method !== 'POST')
      request.url += `${request.url.includes('?') ? '&' : '?'}${bounds[0]}=${encodeURIComponent('"\u{10FFFF}"')}`;
    filterAnswer(response, (status, { rows, update_seq, ...head }) => {
      if (status !== 200) return undefined;
      if (update_seq !== undefined) head.update_seq = `${update_seq}-${this.#birth(name).mark}`;
      return `${JSON.stringify(head).slice(0, -1)},"rows":[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]}\n`;
    });
    return this.#app(request, response);
  }

  // Everybody but administrators is locked out of a new database.
  async #security(name, request, response) {
    const birth = this.#birth(name);
    if (request.method === 'GET' && !birth.isSecured)
      filterAnswer(response, () => JSON.stringify({ members: { roles: ['_admin'] }, admins: { roles: ['_admin'] } }));
    if (request.method !== 'PUT') return;
    request.body = parseJson(await readBody(request));
    request._body = true; // read already
    if (request.body === null || typeof request.body !== 'object' || Array.isArray(request.body))
      throw new Failure(500, 'error', 'no_majority');
    birth.isSecured = true;
  }

  // One bad document, and CouchDB refuses them all.
  async #bulkDocs(request, response) {
    request.body = parseJson(await readBody(request));
    request._body = true; // read already
    for (const document of request.body.docs ?? []) checkSize(document);
    filterAnswer(response, (status, value) => {
      if (status === 500 && value.error === 'doc_validation') response.statusCode = 400;
      if (!/^Only reserved document ids/.test(value.reason)) return undefined;
      return JSON.stringify({ ...value, error: 'illegal_docid' });
    });
  }

  async #preparePut(id, query, request, response) {
    const { headers } = request;
    const match = headers['if-match']?.replaceAll('"', '');
    if (match && !query.get('rev')) request.url += `${request.url.includes('?') ? '&' : '?'}rev=${match}`;
    if (/^multipart\/related/.test(headers['content-type'])) {
      const body = await readBody(request);
      try {
        request.body = readRelated(headers['content-type'], body);
      } catch (error) {
        throw new Failure(400, 'bad_request', error.message);
      }
    } else {
      request.body = parseJson(await readBody(request));
    }
    checkSize(request.body);
    request._body = true; // read already
    headers['content-type'] = 'application/json';
    if (query.get('new_edits') !== 'false') return;
    const rev = request.body._rev ?? query.get('rev');
    filterAnswer(response, (status, value) =>
      status === 201 && Array.isArray(value) ? JSON.stringify({ ok: true, id, rev }) : undefined,
    );
  }

  // express-pouchdb deletes the winner when it is told no revision.
  async #prepareDelete(name, id, query, request, response) {
    const match = request.headers['if-match']?.replaceAll('"', '');
    await getDocument(await this.#open(name), id);
    if (!match && !query.get('rev')) throw new Failure(409, 'conflict', 'Document update conflict.');
    if (match && !query.get('rev')) request.url += `${request.url.includes('?') ? '&' : '?'}rev=${match}`;
    filterAnswer(response, (status) => {
      if (status !== 404) return undefined;
      response.statusCode = 409;
      return JSON.stringify({ error: 'conflict', reason: 'Document update conflict.' });
    });
  }

  #open(name) {
    return this.#databases.open(inside(name));
  }

  #birth(name) {
    const birth = this.#births.get(name);
    if (!birth) throw noDatabase(); // it went meanwhile
    return birth;
  }

  async #info(name) {
    const database = await this.#open(name);
    const { doc_count, update_seq } = await database.info();
    const { second, mark, tombstones } = this.#birth(name);
    if (tombstones.sequence !== update_seq) {
      const { results } = await database.changes({ since: 0 });
      tombstones.sequence = update_seq;
      tombstones.count = results.filter((change) => change.deleted).length;
    }
    return {
      instance_start_time: String(second),
      db_name: name,
      purge_seq: `0-${mark}`,
      update_seq: `${update_seq}-${mark}`,
      sizes: { file: 0, external: 0, active: 0 },
      props: {},
      doc_del_count: tombstones.count,
      doc_count,
      disk_format_version: 8,
      compact_running: false,
      cluster: { q: 1, n: 1, w: 1, r: 1 },
    };
  }
}
