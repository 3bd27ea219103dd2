// A data directory on a file system of its own that is really full: what can still be done, and
// that everything can again once there is room. Mounting one takes a mount namespace of its own,
// in which this file runs itself again.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually, must, removeDirectory, run } from '../../scripts/lib/davenport.mjs';
import { ChatApp } from './lib/chat.mjs';
import { Fixture, onCouchDb } from './lib/fixture.mjs';

const backups = '/ak/api/v3/backups';
const MiB = 1 << 20;
const reserved = 2 * MiB;

if (process.env.FULL_DISK_TEST_INSIDE) describe('on a full disk', suite);
else outside();

function outside() {
  const waysIn = [['--user', '--map-root-user', '--mount'], ['--mount']];
  const way = waysIn.find((flags) => (
    spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0));
  const skip = way ? false : 'no file system may be mounted here';
  it('has room for records and removals on a full disk', { skip }, () => {
    const { NODE_TEST_CONTEXT: ours, ...env } = process.env;
    const { status } = spawnSync('unshare', [...way, process.execPath, '--test', fileURLToPath(import.meta.url)], {
      env: { ...env, FULL_DISK_TEST_INSIDE: 'yes' }, stdio: 'inherit', timeout: 300_000,
    });
    assert.equal(status, 0);
  });
}

function suite() {
  let disk;
  let fixture;
  let ids;
  let app;
  let round = 0;

  const path = (name) => join(fixture.dataDir, name);
  const reserve = () => statSync(path('reserve')).size;
  const reserveIsBack = () => eventually('the reserve is back', () => reserve() === reserved);

  // Not a byte is left.
  function fill() {
    const file = openSync(join(disk, `filler-${round += 1}`), 'w');
    for (let size = MiB; size >= 1;) {
      try {
        if (writeSync(file, Buffer.alloc(size)) < size) size = Math.floor(size / 2);
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
        size = Math.floor(size / 2);
      }
    }
    closeSync(file);
  }
  const empty = async () => {
    for (; round > 0; round -= 1) await rm(join(disk, `filler-${round}`), { force: true });
  };

  // Full, and the reserve is whole: what others take after it was given up is gone.
  async function fillAnew() {
    await empty();
    await metric('davenport_data_reserve_bytes');
    assert.equal(reserve(), reserved);
    fill();
  }

  // In full, of a database made anew: no later backup needs what is in it.
  async function backUp() {
    await fixture.api.expect(200, 'DELETE', '/couchdb/athena_components');
    // A CouchDB's database is told from the one before it by the second in which it was made.
    if (onCouchDb) await sleep(1100);
    await fixture.api.expect(201, 'PUT', '/couchdb/athena_components');
    const data = randomBytes(5 * MiB).toString('base64');
    await fixture.api.bulkWrite('athena_components', [{
      _id: 'large', _attachments: { noise: { content_type: 'application/octet-stream', data } },
    }]);
    const { id, error } = await fixture.api.backup();
    assert.equal(error, undefined);
    return id;
  }

  const newestLines = async () => (await fixture.api.expect(200, 'GET', '/ak/api/v3/audit?limit=200')).json.entries;
  const lines = async (action, target) => (await newestLines())
    .filter((line) => line.action === action && line.target === target);
  const metric = async (name) => {
    const { text } = await fixture.api.expect(200, 'GET', '/metrics');
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };

  // Until records find no room but in the reserve. On CouchDB they are not on this disk.
  async function readUntilGivenUp(id) {
    for (let n = 0; n < 50; n += 1) {
      await fixture.api.expect(200, 'GET', `${backups}/${id}`);
      if (onCouchDb || reserve() === 0) return;
    }
    assert.fail('the reserve was not needed');
  }

  before(async () => {
    disk = await mkdtemp(join(tmpdir(), 'davenport-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', disk]);
    process.env.TMPDIR = disk;
    fixture = await Fixture.create({
      DAVENPORT_DATA_RESERVE_BYTES: String(reserved),
      DAVENPORT_RETENTION_PRESET: 'rules',
      DAVENPORT_RETENTION_KEEP_LAST: '3',
    });
    assert.equal(reserve(), reserved);
    assert.ok(statSync(path('reserve')).blocks * 512 >= reserved, 'it is sparse');
    ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await backUp());
    app = await ChatApp.create(fixture, 'shop');
    await app.user('ann');
  });
  after(async () => {
    await empty();
    await fixture?.remove();
    execFileSync('umount', ['--lazy', disk]);
    await removeDirectory(disk);
  });

  it('reads backups, and records that', async () => {
    fill();
    const before = (await lines('backup.read', ids[0])).length;
    await readUntilGivenUp(ids[0]);
    assert.ok((await lines('backup.read', ids[0])).length > before);
    assert.equal((await fixture.api.expect(200, 'GET', '/ak/api/v3/verification')).json.sound, true);
    await fixture.api.expect(200, 'GET', '/health');
    const ready = await fixture.api.expect(503, 'GET', '/ready');
    assert.equal(ready.json.checks.vault, 'no_space');
    assert.equal(await metric('davenport_data_reserve_bytes'), onCouchDb ? reserved : 0);
  });

  it('stores no data, and says why', async () => {
    const started = await fixture.api.request('POST', backups);
    if (started.status === 202) {
      const doc = await fixture.api.waitForBackup(started.json.id);
      assert.match(doc.error, /no space/i);
    } else {
      assert.equal(started.status, 507, started.text);
      assert.match(started.text, /no space left/);
    }
    if (onCouchDb) return;
    assert.equal(started.status, 507);
    const restore = await fixture.api.request('PUT', `${backups}/${ids[1]}`);
    assert.equal(restore.status, 507, restore.text);
    const write = await fixture.api.request('PUT', '/couchdb/athena_components/small', {});
    assert.equal(write.status, 507, write.text);
    assert.equal(reserve(), 0);
  });

  it('starts', async () => {
    await fillAnew();
    await fixture.service.kill();
    await fixture.startService();
    await readUntilGivenUp(ids[1]);
  });

  it('removes a backup', async () => {
    await fixture.api.expect(200, 'DELETE', `${backups}/${ids[0]}`);
    const [end] = await eventually('the end of the removal', async () => {
      const found = await lines('removal.end', ids[0]);
      return found.length > 0 && found;
    });
    assert.equal(end.outcome, 'done');
    assert.match(end.details.job, /^removal_/);
  });

  it('prunes by the API, and has its reserve again', async () => {
    await fillAnew();
    await readUntilGivenUp(ids[2]);
    const { id } = (await fixture.api.expect(202, 'POST', '/ak/api/v3/prune')).json;
    const pruned = await eventually('the prune has ended', async () => {
      const { json } = await fixture.api.expect(200, 'GET', `/ak/api/v3/prunes/${id}`);
      return ['succeeded', 'failed'].includes(json.state) && json;
    });
    assert.equal(pruned.state, 'succeeded', JSON.stringify(pruned));
    assert.deepEqual(pruned.result.removed, [ids[1]]);
    await reserveIsBack();
    assert.equal((await lines('prune.end', id)).at(-1).outcome, 'done');
  });

  it('removes an export', async () => {
    const { unique_id: id } = await app.call('exports', { type: 'users' }, { prefix: '/api/v2.1/rest' });
    const exported = `/api/v2.1/rest/exports/${id}`;
    await eventually('the export has ended', async () => (
      (await app.raw('GET', exported)).json.results.backup_history.status === 'finished'));
    await fillAnew();
    await readUntilGivenUp(ids[2]);
    const removed = await app.raw('DELETE', exported);
    assert.equal(removed.status, 200, removed.text);
  });

  it('is told as that, and as no mistake in the settings, where no data directory can be made', async () => {
    const crowded = await mkdtemp(join(disk, 'crowded-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=1', 'tmpfs', crowded]);
    const { code, stderr } = await run(['keys', 'create', '--role', 'reader', '--data', join(crowded, 'data')]);
    execFileSync('umount', [crowded]);
    assert.equal(code, 10, stderr);
    assert.match(stderr, /data\.directory: .*No space left on device/);
  });

  it('prunes by the command line, and then takes backups again', async () => {
    await fillAnew();
    assert.equal(await fixture.stopService(), 0);
    const settings = { ...fixture.settings, DAVENPORT_RETENTION_KEEP_LAST: '1' };
    const shown = await run(['show', ids[3], '--data', fixture.dataDir], { settings });
    assert.equal(shown.code, 0, shown.stderr);
    const pruned = await run(['prune', '--json', '--data', fixture.dataDir], { settings });
    assert.equal(pruned.code, 0, pruned.stderr);
    assert.deepEqual(JSON.parse(pruned.stdout).result.removed, ids.slice(2, 4));
    assert.equal(reserve(), reserved);
    await must(['verify', '--data', fixture.dataDir], { settings });

    await fixture.startService();
    const { error } = await fixture.api.backup();
    assert.equal(error, undefined);
    const { json } = await fixture.api.expect(200, 'GET', '/ak/api/v3/audit/verification');
    assert.deepEqual(json.findings, []);
    assert.equal(reserve(), reserved);
  });
}
