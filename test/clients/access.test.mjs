// Who may do what: keys, roles, tokens, login sessions, and what the service says to those who may not.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createKey, eventually, must, run } from '../../scripts/lib/davenport.mjs';
import { Fixture, onCouchDb } from './lib/fixture.mjs';

describe('access', () => {
  let fixture;
  let api;
  let backupId;

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_ACCESS_FAILURES_PER_MINUTE: '1000' });
    ({ api } = fixture);
    backupId = (await api.backup()).id;
  });
  after(() => fixture?.remove());

  const settings = 'blockchain.optools.settings';
  const as = (key) => fixture.service.api(key);
  const unauthorized = (reply, what) => {
    assert.equal(reply.status, 401, `${what}: ${reply.status} ${reply.text}`);
    assert.match(reply.headers['www-authenticate'], /^Basic/);
    assert.equal(typeof reply.json, 'object');
  };
  const forbidden = (reply, action, what) => {
    assert.equal(reply.status, 403, `${what}: ${reply.status} ${reply.text}`);
    assert.equal(reply.json.authorized, false);
    assert.equal(typeof reply.json.error, 'string');
    assert.ok(reply.json.attempted_actions.includes(action), reply.text);
  };
  // Every route, with the action it needs.
  const routes = () => [
    ['POST', 'backups', settings], ['GET', 'backups', settings], ['GET', `backups/${backupId}`, settings],
    ['PUT', 'backups', settings, {}], ['PUT', `backups/${backupId}`, settings, {}],
    ['PUT', `backups/${backupId}/attachments/a`, settings, { attachment: 'a' }], ['DELETE', 'backups/nothing', settings],
    ['GET', 'webhooks', 'blockchain.optools.view'], ['GET', 'webhooks/txs/nothing', 'blockchain.optools.view'],
    ['GET', 'permissions/keys', 'blockchain.api_keys.manage'], ['POST', 'permissions/keys', 'blockchain.api_keys.manage', { roles: ['manager'] }],
    ['DELETE', 'permissions/keys/nothing', 'blockchain.api_keys.manage'],
  ];
  const paths = (prefix) => routes().flatMap(([method, path, action, body]) =>
    ['v1', 'v2', 'v3'].map((version) => [method, `${prefix}/${version}/${path}`, action, body]));

  it('is refused without or with wrong credentials on every route', async () => {
    const { api_key, api_secret } = fixture.key;
    const wrong = {
      none: undefined,
      'a wrong secret': { api_key, api_secret: `${api_secret}x` },
      'an empty secret': { api_key, api_secret: '' },
      'an unknown key': { api_key: 'nobody', api_secret },
      'a token that is none': { token: 'nonsense' },
      'a cookie only': { cookie: 'davenport_session=nonsense' },
    };
    for (const [what, key] of Object.entries(wrong)) {
      for (const [method, path, , body] of paths('/ak/api')) {
        unauthorized(await as(key).request(method, path, body), `${what}: ${method} ${path}`);
      }
      unauthorized(await as(key).get('/couchdb/athena_components/_all_docs'), what);
      unauthorized(await as(key).post('/couchdb/athena_components/_bulk_docs', { docs: [] }), what);
    }
    for (const [method, path, , body] of paths('/api')) {
      unauthorized(await as(undefined).request(method, path, body), `no session: ${method} ${path}`);
      unauthorized(await as({ cookie: 'davenport_session=nonsense' }).request(method, path, body), `wrong session: ${method} ${path}`);
      unauthorized(await api.request(method, path, body), `a key where a session is needed: ${method} ${path}`);
    }
    for (const header of ['Basic', 'Basic !!!!', 'Basic Og==', 'Bearer', 'Bearer ', 'Digest abc', `basic ${'A'.repeat(9000)}`]) {
      unauthorized(await as(undefined).get('/ak/api/v3/backups', { headers: { authorization: header } }), header.slice(0, 20));
    }
  });

  it('does not depend on the case of the scheme', async () => {
    const pair = Buffer.from(`${fixture.key.api_key}:${fixture.key.api_secret}`).toString('base64');
    for (const scheme of ['Basic', 'basic', 'BASIC']) {
      assert.equal((await as(undefined).get('/ak/api/v3/backups', { headers: { authorization: `${scheme} ${pair}` } })).status, 200);
    }
  });

  it('gives readers and writers what their role holds, and no more', async () => {
    for (const role of ['reader', 'writer']) {
      const caller = await fixture.apiOf(role);
      for (const [method, path, action, body] of paths('/ak/api')) {
        const reply = await caller.request(method, path, body);
        if (action === 'blockchain.optools.view') assert.ok([200, 404].includes(reply.status), `${role} ${path}`);
        else forbidden(reply, action, `${role}: ${method} ${path}`);
      }
      forbidden(await caller.get('/couchdb/athena_components/_all_docs'), settings, `${role}: /couchdb/`);
      forbidden(await caller.put('/couchdb/athena_components/x', {}), settings, `${role}: /couchdb/`);
    }
  });

  it('lets auditors read backups and change nothing', async () => {
    const auditor = await fixture.apiOf('auditor');
    assert.equal((await auditor.get('/ak/api/v3/backups')).status, 200);
    assert.equal((await auditor.get(`/ak/api/v3/backups/${backupId}`)).status, 200);
    assert.equal((await auditor.get(`/ak/api/v3/backups/${backupId}/verification`)).json.sound, true);
    for (const [method, path, action, body] of paths('/ak/api')) {
      if (method !== 'GET') forbidden(await auditor.request(method, path, body), action, `auditor: ${method} ${path}`);
    }
    for (const [method, path] of [['GET', '/couchdb/_all_dbs'], ['PUT', '/couchdb/mine'], ['POST', '/couchdb/athena_system/_bulk_docs']]) {
      forbidden(await auditor.request(method, path, method === 'POST' ? { docs: [] } : undefined), settings, path);
    }
  });

  it('makes, lists and removes keys', async () => {
    const created = (await api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: ['reader'], description: 'x' })).json;
    assert.equal(created.message, 'ok');
    assert.deepEqual(created.roles, ['reader']);
    assert.ok(created.api_key.length >= 8 && created.api_secret.length >= 22, 'at least 128 random bits');
    assert.equal((await as(created).get('/ak/api/v3/webhooks')).status, 200);
    const listed = (await api.expect(200, 'GET', '/ak/api/v1/permissions/keys')).text;
    assert.ok(listed.includes(created.api_key) && listed.includes('"x"'));
    assert.ok(!listed.includes(created.api_secret) && !/secret|hash|salt/i.test(listed));
    const token = (await as(created).expect(200, 'POST', '/ak/api/v3/identity/token', {})).json;
    const { api: session } = await fixture.session(created);
    await api.expect(200, 'DELETE', `/ak/api/v2/permissions/keys/${created.api_key}`);
    assert.equal((await api.delete(`/ak/api/v2/permissions/keys/${created.api_key}`)).status, 404);
    // Look-ups are remembered for at most a second.
    await new Promise((resolve) => { setTimeout(resolve, 1100); });
    unauthorized(await as(created).get('/ak/api/v3/webhooks'), 'a removed key');
    unauthorized(await as({ token: token.access_token }).get('/ak/api/v3/webhooks'), "a removed key's token");
    unauthorized(await session.get('/api/v3/webhooks'), "a removed key's session");
    for (const body of [{}, { roles: [] }, { roles: ['king'] }, { roles: 'reader' }, { roles: [5] }, { roles: ['reader'], colour: 'red' }, '{', '']) {
      assert.equal((await api.post('/ak/api/v3/permissions/keys', body)).status, 400, JSON.stringify(body));
    }
  });

  for (const where of ['on the data directory', 'on the running service']) {
    it(`lists and deletes keys ${where}`, async () => {
      const place = where.includes('service') ? ['--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`] : ['--data', fixture.dataDir];
      const options = { settings: fixture.settings };
      const made = (await api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: ['writer', 'reader'], description: `x ${where}` })).json;
      const { access_token } = (await as(made).expect(200, 'POST', '/ak/api/v3/identity/token', {})).json;
      const known = (await api.expect(200, 'GET', '/ak/api/v3/permissions/keys')).json;
      const listed = await must(['keys', 'list', '--json', ...place], options);
      assert.deepEqual(JSON.parse(listed.stdout), known);
      const table = (await must(['keys', 'list', ...place], options)).stdout;
      assert.match(table, new RegExp(`^${made.api_key}  \\d{4}-\\S+Z  reader,writer  x ${where}$`, 'm'));
      assert.equal(table.trim().split('\n').length, known.keys.length);
      assert.ok(![listed.stdout, table].some((text) => text.includes(made.api_secret)));

      assert.equal((await must(['keys', 'delete', made.api_key, ...place], options)).stdout, `${made.api_key}  deleted\n`);
      await eventually('its refusal', async () => (await as(made).get('/ak/api/v3/webhooks')).status === 401);
      unauthorized(await as({ token: access_token }).get('/ak/api/v3/webhooks'), "a deleted key's token");
      const again = await run(['keys', 'delete', made.api_key, ...place], options);
      assert.deepEqual([again.code, again.stdout], [5, '']);
      assert.match(again.stderr, new RegExp(made.api_key));
      const { entries } = (await api.expect(200, 'GET', '/ak/api/v3/audit?limit=1000')).json;
      const lines = entries.filter(({ action, target }) => action === 'key.delete' && target === made.api_key);
      assert.deepEqual(lines.map(({ outcome }) => outcome), ['begun', 'done', 'begun', 'refused']);
    });
  }

  it('makes keys on the command line beside the running service', async () => {
    const key = await createKey(fixture.dataDir, 'reader', fixture.settings);
    assert.deepEqual(Object.keys(key).sort(), ['api_key', 'api_secret', 'roles']);
    assert.deepEqual(key.roles, ['reader']);
    assert.equal((await as(key).get('/ak/api/v3/webhooks')).status, 200);
  });

  it('gives tokens that expire and can be taken back', async () => {
    const made = (await api.expect(200, 'POST', '/ak/api/v3/identity/token', { expiration_secs: 3600 })).json;
    assert.equal(made.message, 'ok');
    assert.equal(made.token_type, 'Bearer');
    assert.ok(Math.abs(made.expiration - (Date.now() / 1000 + 3600)) < 30, `${made.expiration} is the time of expiry`);
    const bearer = as({ token: made.access_token });
    assert.equal((await bearer.get('/ak/api/v3/backups')).status, 200);
    const other = await fixture.apiOf('reader');
    const foreign = await other.delete(`/ak/api/v3/identity/token/${made.token_id}`);
    assert.ok([403, 404].includes(foreign.status), `another key must not end the token: ${foreign.status}`);
    assert.equal((await bearer.get('/ak/api/v3/backups')).status, 200);
    await api.expect(200, 'DELETE', `/ak/api/v3/identity/token/${made.token_id}`);
    await new Promise((resolve) => { setTimeout(resolve, 1100); });
    unauthorized(await bearer.get('/ak/api/v3/backups'), 'a removed token');

    const byDefault = (await api.expect(200, 'POST', '/ak/api/v3/identity/token')).json;
    assert.ok(Math.abs(byDefault.expiration - (Date.now() / 1000 + 3600)) < 30, 'an hour by default');
    const short = (await api.expect(200, 'POST', '/ak/api/v3/identity/token', { expiration_secs: 1 })).json;
    await new Promise((resolve) => { setTimeout(resolve, 2200); });
    unauthorized(await as({ token: short.access_token }).get('/ak/api/v3/backups'), 'an expired token');
    for (const expiration_secs of [0, -1, 32 * 24 * 3600, 1e18, '60', 1.5, null]) {
      assert.equal((await api.post('/ak/api/v3/identity/token', { expiration_secs })).status, 400, String(expiration_secs));
    }
    const reader = await fixture.apiOf('reader');
    const readerToken = (await reader.expect(200, 'POST', '/ak/api/v3/identity/token', {})).json;
    forbidden(await as({ token: readerToken.access_token }).get('/ak/api/v3/backups'), settings, "a reader's token");
    assert.equal((await reader.post('/ak/api/v3/identity/token', { roles: ['manager'] })).status, 403);
  });

  it('logs in with a cookie that scripts and other sites cannot use', async () => {
    const { api: session, cookie } = await fixture.session();
    assert.match(cookie, /^davenport_session=[^;]{20,};/);
    assert.match(cookie, /; *HttpOnly/i);
    assert.match(cookie, /; *SameSite=Strict/i);
    assert.equal((await session.get('/api/v3/auth/session')).status, 200);
    assert.equal((await session.get('/api/v3/backups')).status, 200);
    unauthorized(await session.get('/ak/api/v3/backups'), 'a session where a key is needed');
    await session.expect(200, 'POST', '/api/v3/auth/logout');
    unauthorized(await session.get('/api/v3/auth/session'), 'after the logout');
    const { api_key, api_secret } = fixture.key;
    unauthorized(await as(undefined).post('/api/v3/auth/login', { api_key, api_secret: 'wrong' }), 'a wrong secret');
    for (const body of ['{', '', '[]', {}, { api_key }, { api_key, api_secret: 5 }]) {
      assert.equal((await as(undefined).post('/api/v3/auth/login', body)).status, 400, JSON.stringify(body));
    }
    const reader = (await api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: ['reader'] })).json;
    forbidden(await (await fixture.session(reader)).api.get('/api/v3/backups'), settings, "a reader's session");
  });

  it('keeps secrets out of its log, and hashed on disk', async () => {
    assert.ok(!fixture.service.log.includes(fixture.key.api_secret));
    const { readdir, readFile } = await import('node:fs/promises');
    const { join } = await import('node:path');
    const files = [];
    const walk = async (directory) => {
      for (const entry of await readdir(directory, { withFileTypes: true })) {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) await walk(path);
        else files.push(path);
      }
    };
    await walk(fixture.dataDir);
    assert.ok(onCouchDb || files.length > 3);
    for (const file of files) assert.ok(!(await readFile(file)).includes(fixture.key.api_secret), file);
    if (onCouchDb) {
      const stored = JSON.stringify(await fixture.couchdb.call('GET', '/davenport_control/_all_docs?include_docs=true'));
      assert.ok(stored.includes(fixture.key.api_key) && !stored.includes(fixture.key.api_secret));
    }
  });

  it('slows down guessing', async () => {
    const own = await Fixture.create({ DAVENPORT_ACCESS_FAILURES_PER_MINUTE: '5' });
    try {
      const guess = (n) => own.service.api({ api_key: own.key.api_key, api_secret: `guess ${n}` }).get('/ak/api/v3/backups');
      const seen = [];
      for (let n = 0; n < 12; n += 1) seen.push((await guess(n)).status);
      assert.deepEqual(seen.slice(0, 4), [401, 401, 401, 401]);
      assert.equal(seen.at(-1), 429, seen.join(' '));
      const login = await own.anonymous().post('/api/v3/auth/login', { api_key: own.key.api_key, api_secret: 'guess' });
      assert.equal(login.status, 429);
      const listed = await must(['audit', 'list', '--json', '--data', own.dataDir], { settings: own.settings });
      const { entries } = JSON.parse(listed.stdout);
      assert.ok(entries.some(({ action, status }) => action === 'access.refused' && status === 429), JSON.stringify(entries));
    } finally {
      await own.remove();
    }
  });
});
