// A service whose vault is encrypted, under a master key and for recipients.
import assert from 'node:assert/strict';
import { chmod, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { canonicalJson } from '../../scripts/lib/canonical_json.mjs';
import { must, run } from '../../scripts/lib/davenport.mjs';
import { assertSuccess, Fixture, restoreById } from './lib/fixture.mjs';

const marker = 'for-nobody-else-to-read';
const database = 'athena_components';
const locked = 13;

async function files(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

async function assertUnreadable(vault) {
  const found = await files(vault);
  assert.ok(found.length > 3, found.join());
  for (const file of found) {
    assert.ok(!file.includes(marker), file);
    assert.ok(!(await readFile(file)).includes(marker), file);
  }
}

// Documents, an attachment, and security.
async function fill(api, count = 40) {
  const documents = Array.from({ length: count }, (_, number) => ({ _id: `${marker}-${number}`, text: `${marker} ${number}` }));
  for (const outcome of await api.bulkWrite(database, documents)) assert.equal(outcome.ok, true, JSON.stringify(outcome));
  await api.expect(201, 'PUT', `/couchdb/${database}/${marker}-with-attachment`, {
    _attachments: { [`${marker}.bin`]: { content_type: 'application/octet-stream', data: Buffer.from(`${marker} `.repeat(20_000)).toString('base64') } },
  });
}

async function backUp(api) {
  const { id } = (await api.expect(202, 'POST', '/ak/api/v3/backups')).json;
  await api.waitForBackup(id);
  return id;
}

const docsOf = async (api, id) => (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).json.dbs[database].docs
  .map((doc) => canonicalJson(doc)).sort();

describe('encryption', () => {
  describe('under a master key', () => {
    let fixture;
    let api;
    let vault;
    let directory;

    before(async () => {
      fixture = await Fixture.create({ DAVENPORT_ENCRYPTION_KEY: '' });
      directory = fixture.dataDir;
      vault = join(directory, 'vault');
      // Switched on later, as an operator would.
      await must(['encryption', 'generate', join(directory, 'one.key')]);
      assert.equal((await stat(join(directory, 'one.key'))).mode & 0o777, 0o600);
      ({ api } = fixture);
    });
    after(() => fixture?.remove());

    async function restart(settings) {
      await fixture.stopService();
      Object.assign(fixture.settings, settings);
      await fixture.startService();
      ({ api } = fixture);
    }
    // The settings must not come from the shell.
    const command = (...args) => run([...args, '--data', directory], { settings: fixture.settings });

    let plain;
    let first;

    it('never overwrites a key', async () => {
      assert.equal((await run(['encryption', 'generate', join(directory, 'one.key')])).code, 6);
    });

    it('backs up, appends, downloads and restores, and nothing of it can be read in the vault', async () => {
      await restart({ DAVENPORT_ENCRYPTION_KEY_FILE: join(directory, 'one.key') });
      await fill(api);
      first = await backUp(api);
      await api.expect(200, 'PUT', `/ak/api/v3/backups/${first}/attachments/${marker}`, { attachment: `${marker} appended` });
      await assertUnreadable(vault);

      const doc = (await api.expect(200, 'GET', `/ak/api/v3/backups/${first}`)).json;
      assert.equal(Buffer.from(doc._attachments[marker], 'base64').toString(), `${marker} appended`);
      assert.equal(doc.dbs[database].docs.length, 41);
      const attached = doc.dbs[database].docs.find((one) => one._id === `${marker}-with-attachment`);
      assert.equal(Buffer.from(attached._attachments[`${marker}.bin`].data, 'base64').toString(), `${marker} `.repeat(20_000));

      await api.bulkWrite(database, [{ _id: 'more', text: marker }]);
      const second = await backUp(api);
      assert.equal((await docsOf(api, second)).length, 42);
      plain = await docsOf(api, first);
      assertSuccess(await restoreById(api, first, '?mode=exact'));
      const third = await backUp(api);
      assert.equal((await docsOf(api, third)).length, 41);
      await assertUnreadable(vault);
      const verified = await must(['verify', '--json', '--data', directory], { settings: fixture.settings });
      assert.deepEqual([JSON.parse(verified.stdout).sound, JSON.parse(verified.stdout).undecrypted], [true, 0]);
    });

    it('says which key is missing before it does anything', async () => {
      const status = JSON.parse((await command('encryption', 'status', '--json')).stdout);
      const [key] = status.encrypts_for;
      await fixture.stopService();
      await must(['encryption', 'generate', join(directory, 'other.key')]);
      for (const settings of [{}, { DAVENPORT_ENCRYPTION_KEY_FILE: join(directory, 'other.key') }]) {
        const all = { ...fixture.settings, DAVENPORT_ENCRYPTION_KEY_FILE: '', ...settings };
        const before = await files(vault);
        for (const args of [['serve', '--listen', '127.0.0.1:0'], ['backup'], ['show', first], ['restore', first]]) {
          const { code, stderr, stdout } = await run([...args, '--data', directory], { settings: all });
          assert.equal(code, locked, `${args}: ${stderr}${stdout}`);
          assert.ok(stderr.includes(key), stderr);
        }
        assert.deepEqual(await files(vault), before);
        const list = await run(['list', '--data', directory], { settings: all });
        assert.equal(list.code, 0, list.stderr);
        assert.ok(list.stdout.includes(first));
        const verified = await run(['verify', '--json', '--data', directory], { settings: all });
        assert.equal(verified.code, 0, verified.stderr);
        assert.ok(JSON.parse(verified.stdout).undecrypted > 0);
      }
      await fixture.startService();
      ({ api } = fixture);
    });

    it('says which key a rotation lacks, takes no identity for a master key, and warns of an open key file', async () => {
      const lacking = { ...fixture.settings, DAVENPORT_ENCRYPTION_KEY_FILE: join(directory, 'other.key') };
      const rotated = await run(['encryption', 'rotate', '--data', directory], { settings: lacking });
      assert.equal(rotated.code, locked);
      const lacks = await run(['encryption', 'status', '--data', directory], { settings: lacking });
      assert.match(lacks.stdout, /\n\d+ keys can't be opened here, \d+ are to be rotated, which takes all of their keys\n$/);
      // Nothing to rotate to, whether the keys can be opened or not.
      for (const old of ['one.key', 'other.key']) {
        const none = { ...fixture.settings, DAVENPORT_ENCRYPTION_KEY_FILE: '', DAVENPORT_ENCRYPTION_OLD_KEY_FILES: join(directory, old) };
        assert.match((await run(['encryption', 'rotate', '--data', directory], { settings: none })).stderr, /no key is configured to encrypt with/);
        assert.match((await run(['encryption', 'status', '--data', directory], { settings: none })).stdout, /and no key is configured to rotate to\n$/);
        const { stdout } = await run(['encryption', 'status', '--json', '--data', directory], { settings: none });
        assert.equal(JSON.parse(stdout).to_rotate, 0);
      }
      assert.match(rotated.stderr, /keys\/[0-9a-f]+ can't be rewrapped: it can be opened with master-[0-9a-f]+ alone.*encryption\.key_file/);

      const identity = join(directory, 'own.identity');
      await must(['encryption', 'generate', '--recipient', identity]);
      const wrong = await run(['list', '--data', directory], { settings: { ...fixture.settings, DAVENPORT_ENCRYPTION_KEY_FILE: identity } });
      assert.equal(wrong.code, 3);
      assert.match(wrong.stderr, /this is an identity: use encryption\.identity_file/);

      const warning = `the key file ${join(directory, 'one.key')} is open to other users (mode 0640)`;
      assert.ok(!fixture.service.log.includes(warning));
      await chmod(join(directory, 'one.key'), 0o640);
      await restart({});
      assert.ok(fixture.service.log.includes(warning), fixture.service.log);
      await chmod(join(directory, 'one.key'), 0o600);
    });

    it('rotates keys without touching a segment', async () => {
      await must(['encryption', 'generate', join(directory, 'two.key')]);
      await restart({
        DAVENPORT_ENCRYPTION_KEY_FILE: join(directory, 'two.key'),
        DAVENPORT_ENCRYPTION_OLD_KEY_FILES: join(directory, 'one.key'),
      });
      assert.deepEqual(await docsOf(api, first), plain);
      const segments = async () => Promise.all((await files(join(vault, 'segments'))).map(async (file) => [file, (await stat(file)).mtimeMs]));
      const before = await segments();
      const rotated = await command('encryption', 'rotate', '--json');
      assert.equal(rotated.code, 0, rotated.stderr);
      const { rewrapped } = JSON.parse(rotated.stdout);
      assert.ok(rewrapped > 0);
      const audited = (await api.expect(200, 'GET', '/ak/api/v3/audit?limit=50')).json.entries
        .filter((line) => line.action === 'encryption.rotate').slice(-2);
      assert.deepEqual(audited.map((line) => line.outcome), ['begun', 'done']);
      assert.equal(audited[1].details.rewrapped, String(rewrapped));
      assert.deepEqual(await segments(), before);
      // The running service goes on, and a start without the old key does.
      await backUp(api);
      await restart({ DAVENPORT_ENCRYPTION_OLD_KEY_FILES: '' });
      assert.deepEqual(await docsOf(api, first), plain);
      const status = JSON.parse((await command('encryption', 'status', '--json')).stdout);
      assert.deepEqual([status.locked, status.to_rotate], [0, 0]);
    });

    it('tells nobody a key that was given in place of its file', async () => {
      const key = (await readFile(join(directory, 'one.key'), 'utf8')).split('\n')[1];
      const identity = `davenport-identity:${key}`;
      for (const [setting, value] of [['KEY_FILE', key], ['OLD_KEY_FILES', key], ['KEY_FILE', identity], ['IDENTITY_FILE', identity], ['IDENTITY_FILE', key]]) {
        const settings = { ...fixture.settings, [`DAVENPORT_ENCRYPTION_${setting}`]: value };
        const { code, stderr, stdout } = await run(['list', '--data', directory], { settings });
        assert.equal(code, 3);
        assert.match(stderr, new RegExp(`encryption\\.${setting.toLowerCase()}: it must name a file`));
        assert.ok(!(stderr + stdout).includes(key.slice(0, 8)));
      }
    });

    it('tells a key that makes no sense from its file', async () => {
      const { code, stderr } = await run(['list', '--data', directory], { settings: { ...fixture.settings, DAVENPORT_ENCRYPTION_KEY_FILE: join(directory, 'place') } });
      assert.equal(code, 3);
      assert.match(stderr, /encryption\.key_file .*place/);
      assert.ok(!stderr.includes(await readFile(join(directory, 'place'), 'utf8')));
    });
  });

  describe('for recipients', () => {
    let fixture;
    let api;
    let vault;
    let identity;

    let earlier; // a schedule from before

    before(async () => {
      fixture = await Fixture.create({ DAVENPORT_ENCRYPTION_KEY: '', DAVENPORT_BACKUP_MAX_SEGMENTS: '2' });
      earlier = (await fixture.api.expect(201, 'POST', '/ak/api/v3/schedules', { kind: 'drill', cron: '0 3 1 1 *' })).json;
      identity = join(fixture.dataDir, 'identity.key');
      vault = join(fixture.dataDir, 'vault');
      const { stdout } = await must(['encryption', 'generate', '--recipient', identity]);
      assert.match(stdout, /^davenport-recipient:\S+\n$/);
      await fixture.stopService();
      fixture.settings.DAVENPORT_ENCRYPTION_RECIPIENTS = stdout.trim();
      await fixture.startService();
      ({ api } = fixture);
    });
    after(() => fixture?.remove());

    it('backs up what it can not read, and whoever has the identity can', async () => {
      await fill(api);
      const ids = [await backUp(api)];
      for (let number = 0; number < 4; number += 1) {
        await api.bulkWrite(database, [{ _id: `later-${number}`, text: marker }]);
        ids.push(await backUp(api));
      }
      await api.expect(200, 'PUT', `/ak/api/v3/backups/${ids[0]}/attachments/${marker}`, { attachment: marker });
      await assertUnreadable(vault);

      for (const [method, path] of [['GET', ''], ['PUT', ''], ['PUT', '?dry_run=true']]) {
        const reply = await api.request(method, `/ak/api/v3/backups/${ids[2]}${path}`);
        assert.equal(reply.status, 423, `${method} ${path}: ${reply.text}`);
      }
      // A drill there could say nothing about the backup.
      const drill = await api.request('POST', '/ak/api/v3/drills', { backup_id: ids[2] });
      assert.equal(drill.status, 423, drill.text);
      for (const parameters of [{}, { backup_id: 'latest' }, { backup_id: ids[2] }]) {
        const scheduled = await api.request('POST', '/ak/api/v3/schedules', { kind: 'drill', cron: '0 3 * * *', parameters });
        assert.deepEqual([scheduled.status, scheduled.json.error], [423, drill.json.error], scheduled.text);
      }
      const schedule = await run(['schedules', 'create', '--kind', 'drill', '--cron', '0 3 * * *', '--data', fixture.dataDir], { settings: fixture.settings });
      assert.equal(schedule.code, 13, schedule.stderr);
      assert.match(schedule.stderr, /x25519-.*can't drill/);
      const old = (await api.expect(200, 'GET', '/ak/api/v3/schedules')).json.schedules;
      assert.deepEqual(old.map(({ id }) => id), [earlier.id]);
      assert.deepEqual((await api.expect(200, 'GET', '/ak/api/v3/drills')).json.drills, []);
      await api.expect(200, 'GET', `/ak/api/v3/backups/${ids[2]}?docs=false`);
      const verified = await must(['verify', '--json', '--data', fixture.dataDir], { settings: fixture.settings });
      const report = JSON.parse(verified.stdout);
      assert.equal(report.sound, true);
      assert.ok(report.undecrypted >= report.segments);

      await fixture.stopService();
      fixture.settings.DAVENPORT_ENCRYPTION_IDENTITY_FILE = identity;
      await fixture.startService();
      ({ api } = fixture);
      for (const [number, id] of ids.entries()) assert.equal((await docsOf(api, id)).length, 41 + number);
      assertSuccess(await restoreById(api, ids[1], '?mode=exact'));
      assert.equal((await docsOf(api, await backUp(api))).length, 42);
      const again = await must(['verify', '--json', '--data', fixture.dataDir], { settings: fixture.settings });
      assert.equal(JSON.parse(again.stdout).undecrypted, 0);
    });
  });
});
