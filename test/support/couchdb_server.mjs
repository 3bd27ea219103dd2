// A server of CouchDB's protocol for tests: PouchDB in memory behind express-pouchdb, with a front
// that answers as CouchDB 3 does where those differ. Prints its port, and ends when its standard
// input does, so that nothing of a killed test stays behind.
//
//   node couchdb_server.mjs USER PASSWORD
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Front } from './couchdb_server/front.mjs';
import { Sessions } from './couchdb_server/sessions.mjs';

// The libraries chatter.
for (const channel of ['log', 'info', 'warn', 'error']) console[channel] = () => {};

const require = createRequire(new URL('../clients/package.json', import.meta.url));
const [user, password] = process.argv.slice(2);

// What the libraries spool goes with the process.
const spool = mkdtempSync(path.join(tmpdir(), 'davenport-couchdb-'));
process.env.TMPDIR = spool;
process.on('exit', () => rmSync(spool, { recursive: true, force: true }));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0));
process.stdin.resume();

const PouchDB = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-memory'))
  .plugin(require('pouchdb-mapreduce'))
  .plugin(require('pouchdb-replication'))
  .defaults({ adapter: 'memory' });

const app = require('express-pouchdb')({
  mode: 'minimumForPouchDB',
  overrideMode: {
    include: ['config-infrastructure', 'routes/find', 'routes/security', 'routes/uuids', 'validation'],
    exclude: ['compression'],
  },
  inMemoryConfig: true,
});
await app.setPouchDB(PouchDB);

const { getOrCreateDB, deleteDB } = require('express-pouchdb/lib/create-or-delete-dbs.js');
const databases = {
  open: async (name) => {
    const database = await getOrCreateDB(PouchDB, name);
    await app.dbWrapper.wrap(name, database);
    return database;
  },
  drop: (name) => deleteDB(PouchDB, name, {}),
};
const front = new Front(app, databases, new Sessions(user, password));

const server = createServer((request, response) => front.handle(request, response));
server.keepAliveTimeout = 300_000;
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
