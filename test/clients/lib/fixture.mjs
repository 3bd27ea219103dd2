// One service of its own for a test file, on a fresh data directory and a free port, and on the
// embedded store unless DAVENPORT_TEST_STORE says "couchdb".
import assert from 'node:assert/strict';
import { createKey, removeDirectory, Service, temporaryDirectory } from '../../../scripts/lib/davenport.mjs';
import { CouchDb } from './couchdb.mjs';
import { chosenEncryption } from './encryption.mjs';

export const onCouchDb = process.env.DAVENPORT_TEST_STORE === 'couchdb';

// Known to the tests, so that they can check signatures.
export const signingSecret = `whsec_${Buffer.from('a secret that only tests know ...').toString('base64')}`;

export class Fixture {
  static async create(settings = {}) {
    const fixture = new Fixture();
    fixture.dataDir = await temporaryDirectory();
    if (onCouchDb) fixture.couchdb = await CouchDb.start();
    fixture.settings = {
      DAVENPORT_WEBHOOKS_ALLOW: '127.0.0.1',
      DAVENPORT_WEBHOOKS_SIGNING_SECRET: signingSecret,
      DAVENPORT_WEBHOOKS_FIRST_RETRY_MS: '50',
      ...chosenEncryption,
      ...fixture.couchdb?.settings,
      ...settings,
    };
    fixture.key = await createKey(fixture.dataDir, 'manager', fixture.settings);
    await fixture.startService();
    return fixture;
  }

  async startService() {
    this.service = await Service.start({ dataDir: this.dataDir, settings: this.settings });
    this.api = this.service.api(this.key);
  }

  get url() {
    return this.service.url;
  }

  // Calls with the credentials of a new key of that role.
  async apiOf(role) {
    const reply = await this.api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: [role] });
    return this.service.api(reply.json);
  }

  anonymous() {
    return this.service.api();
  }

  // Calls with the cookie of a new login session.
  async session(key = this.key) {
    const { api_key, api_secret } = key;
    const reply = await this.anonymous().expect(200, 'POST', '/api/v3/auth/login', { api_key, api_secret });
    const cookie = reply.headers['set-cookie'][0];
    return { api: this.service.api({ cookie: cookie.split(';')[0] }), cookie };
  }

  async stopService() {
    this.api.close();
    return this.service.stop();
  }

  async remove() {
    const code = await this.stopService();
    await this.couchdb?.stop();
    await removeDirectory(this.dataDir);
    assert.equal(code, 0, `SIGTERM must drain and exit 0; the log ends with: ${this.service.log.slice(-2000)}`);
  }
}

// ---- shorthand that several files use

export const backupDoc = (dbs, members = {}) => ({ id: '03_ibp_db_backup_1', type: 'athena_backup', dbs, ...members });

export const docsOf = (docs, members = {}) => ({ docs, ...members });

// Restores uploaded data and gives the ended transaction.
export async function restoreUpload(api, doc, query = '') {
  const reply = await api.expect(202, 'PUT', `/ak/api/v3/backups${query}`, doc);
  return api.waitForTransaction(reply.json.url);
}

export async function restoreById(api, id, query = '', body = undefined) {
  const reply = await api.expect(202, 'PUT', `/ak/api/v3/backups/${id}${query}`, body);
  return api.waitForTransaction(reply.json.url);
}

export function assertSuccess(transaction) {
  assert.equal(transaction.status, 'success', JSON.stringify(transaction));
}

// Ids that no earlier test of the file has used.
let used = 0;
export const freshId = (prefix = 'doc') => {
  used += 1;
  return `${prefix}-${used}`;
};
