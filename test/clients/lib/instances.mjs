// Several services on one CouchDB, each behind a gate of its own, on one data directory or on
// directories of their own.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createKey, removeDirectory, Service, temporaryDirectory } from '../../../scripts/lib/davenport.mjs';
import { CouchDb } from './couchdb.mjs';
import { backupDoc, docsOf, signingSecret } from './fixture.mjs';
import { Gate } from './gate.mjs';

export class Instances {
  #directories = new Map();

  // `directories`: 'shared' or 'own'.
  static async create({ directories, names = ['a', 'b'], settings = {} }) {
    const instances = new Instances();
    instances.directories = directories;
    instances.couchdb = await CouchDb.start();
    instances.settings = {
      DAVENPORT_WEBHOOKS_ALLOW: '127.0.0.1',
      DAVENPORT_WEBHOOKS_SIGNING_SECRET: signingSecret,
      DAVENPORT_WEBHOOKS_FIRST_RETRY_MS: '50',
      DAVENPORT_JOBS_LEASE_MS: '1000',
      ...settings,
      ...instances.couchdb.settings,
    };
    instances.all = new Map();
    const directory = await instances.#directory(names[0]);
    instances.key = await createKey(directory, 'manager', instances.settings);
    for (const name of names) await instances.start(name);
    return instances;
  }

  // Starts an instance, for the first time or again. It is known as a property: `instances.a`.
  async start(name) {
    const instance = this.all.get(name) ?? { gate: await Gate.start(this.couchdb.url) };
    instance.service = await Service.start({
      dataDir: await this.#directory(name),
      settings: { ...this.settings, DAVENPORT_DATABASES_COUCHDB_URL: instance.gate.url },
    });
    instance.api = instance.service.api(this.key);
    instance.running = true;
    this.all.set(name, instance);
    this[name] = instance;
    return instance;
  }

  async kill(name) {
    const instance = this.all.get(name);
    instance.running = false;
    instance.api.close();
    await instance.service.kill();
    instance.gate.release();
  }

  // What lies below a shared data directory, whole paths.
  async files(folder) {
    const entries = await readdir(join(await this.#directory(), folder), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.path, entry.name));
  }

  get logs() {
    return [...this.all].map(([name, { service }]) => `--- ${name}\n${service.log}`).join('\n');
  }

  async remove() {
    const codes = [];
    for (const { api, service, gate, running } of this.all.values()) {
      gate.release();
      api.close();
      if (running) codes.push(await service.stop());
      await gate.stop();
    }
    await this.couchdb.stop();
    for (const directory of this.#directories.values()) await removeDirectory(directory);
    assert.ok(codes.every((code) => code === 0), `SIGTERM must drain and exit 0: ${codes}\n${this.logs}`);
  }

  async #directory(name) {
    const key = this.directories === 'shared' ? '' : name;
    if (!this.#directories.has(key)) this.#directories.set(key, await temporaryDirectory());
    return this.#directories.get(key);
  }
}

// ---- shorthand of the test files

// What a backup and a restore send first for a database, and while they are in the middle of it.
export const reads = (database) => new RegExp(`^(GET|POST) /${database}/(_all_docs|_changes)`);
export const writes = (database) => new RegExp(`^POST /${database}/_bulk_docs`);

export const backups = '/ak/api/v3/backups';
export const manyDocuments = (count = 3000) => Array.from({ length: count }, (_, index) => (
  { _id: `many-${String(index).padStart(5, '0')}`, value: index, text: 'x'.repeat(100) }));

export async function fill(api, docs = manyDocuments()) {
  for (const outcome of await api.bulkWrite('athena_components', docs)) assert.ok(outcome.ok, JSON.stringify(outcome));
  await api.bulkWrite('athena_sessions', [{ _id: 'session', value: 1 }]);
  await api.bulkWrite('athena_system', [{ _id: 'system', value: 1 }]);
  return docs;
}

export async function assertStored(api, docs) {
  const stored = await api.allDocuments('athena_components');
  for (const { _id, value } of docs) assert.equal(stored.get(_id)?.value, value, _id);
}

export async function assertBackedUp(api, id, docs) {
  const doc = (await api.expect(200, 'GET', `${backups}/${id}`)).json;
  assert.equal(doc.error, undefined);
  const backed = new Map(doc.dbs.athena_components.docs.map((entry) => [entry._id, entry.value]));
  for (const { _id, value } of docs) assert.equal(backed.get(_id), value, _id);
}

export function assertRefused(reply, id) {
  assert.equal(reply.status, 400, reply.text);
  assert.equal(reply.json.message, 'already_in_progress');
  assert.equal(reply.json.id, id);
}

export const one = [{ _id: 'one', value: 1 }];
export const upload = (docs = one, members = {}) => backupDoc({ athena_components: docsOf(docs) }, members);
export const deliveriesOf = async (api) => (await api.expect(200, 'GET', '/ak/api/v3/webhooks/deliveries')).json.deliveries;
export const txOf = (reply) => reply.json.url.split('/').pop();

// Runs `use` with instances of its own; what they logged is told when it fails.
export const withInstances = (options, use) => async () => {
  const instances = await Instances.create(options);
  let failure;
  try {
    await use(instances);
  } catch (error) {
    error.message += `\n${instances.logs}`;
    failure = error;
  }
  await instances.remove().catch((error) => { failure ??= error; });
  if (failure) throw failure;
};
