// Drills: a backup restored into scratch databases and compared with the vault, and the signed
// report about it.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, run } from '../../scripts/lib/davenport.mjs';
import { signatureFault, WebhookListener } from '../../scripts/lib/webhook_listener.mjs';
import { Fixture, onCouchDb, signingSecret } from './lib/fixture.mjs';

const drills = '/ak/api/v3/drills';
const databases = ['athena_components', 'athena_sessions', 'athena_system'];
const settingsDoc = { _id: '00_settings_athena', type: 'settings', url_safe_list: ['https://not.rebuilt.example'] };

describe('drills', () => {
  let fixture;
  let api;
  let id; // of a backup
  let publicKeyFile;

  const place = () => ['--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`];
  const reportOf = (drill) => eventually(`drill ${drill} ends`, async () => {
    const reply = await api.expect(200, 'GET', `${drills}/${drill}`);
    return reply.json.in_progress ? undefined : reply;
  });
  const drill = async (backup = id, members = {}) => {
    const started = (await api.expect(202, 'POST', drills, { backup_id: backup, ...members })).json;
    assert.match(started.id, /^drill_[0-9a-f]{16}$/);
    assert.ok(started.url.endsWith(`${drills}/${started.id}`), started.url);
    return (await reportOf(started.id)).json;
  };
  const said = (report) => JSON.stringify([report.reasons, report.differences]);
  const inVault = (...parts) => join(fixture.dataDir, 'vault', ...parts);
  const filesOf = async (folder) => {
    const entries = await readdir(inVault(folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.path, entry.name));
    return Promise.all(files.map(async (path) => ({ path, size: (await stat(path)).size })));
  };
  const flip = async (path, at) => {
    const bytes = await readFile(path);
    bytes[at] ^= 1;
    await writeFile(path, bytes);
  };
  const scratchDirectories = () => readdir(join(fixture.dataDir, 'drills')).catch(() => []);
  const scratchDatabases = async () => (onCouchDb ? (await fixture.couchdb.call('GET', '/_all_dbs')).filter((name) => name.startsWith('davenport_drill_')) : []);
  const assertNothingLeft = async () => {
    assert.deepEqual(await scratchDirectories(), []);
    assert.deepEqual(await scratchDatabases(), []);
  };
  // What would change with any write.
  const stateOfDatabases = async () => {
    const state = [(await api.expect(200, 'GET', '/couchdb/_all_dbs')).json];
    for (const name of databases) {
      const info = (await api.expect(200, 'GET', `/couchdb/${name}`)).json;
      state.push([name, info.update_seq, info.doc_count, info.doc_del_count]);
    }
    return state;
  };

  before(async () => {
    fixture = await Fixture.create();
    ({ api } = fixture);
    const docs = Array.from({ length: 2_000 }, (_, n) => ({ _id: `component-${String(n).padStart(4, '0')}`, n, text: `${n} `.repeat(60) }));
    docs.push({ _id: 'with-attachment', _attachments: { picture: { content_type: 'image/png', data: Buffer.from('all its bytes').toString('base64') } } });
    docs.push({ _id: '_design/views', views: { all: { map: 'function (doc) { emit(doc._id); }' } } });
    await api.bulkWrite('athena_components', docs);
    await api.bulkWrite('athena_system', [settingsDoc]);
    ({ id } = await api.backup());
    const key = createPublicKey(createPrivateKey(await readFile(join(fixture.dataDir, 'signing-key.pem'))));
    publicKeyFile = join(fixture.dataDir, 'public-key.pem');
    await writeFile(publicKeyFile, key.export({ type: 'spki', format: 'pem' }));
  });
  after(() => fixture?.remove());

  it('a good backup is recoverable, and the report says what was compared and how long it took', async () => {
    const before = await stateOfDatabases();
    const report = await drill();
    assert.equal(report.verdict, 'recoverable', said(report));
    assert.deepEqual(report.reasons, []);
    assert.equal(report.difference_count, 0);
    assert.equal(report.backup_id, id);
    assert.equal(report.target, onCouchDb ? 'couchdb' : 'embedded');
    assert.match(report.manifest_sha256, /^[0-9a-f]{64}$/);
    assert.deepEqual(report.compared, ['documents', 'attachments', 'security', 'counts']);
    const components = report.databases.find(({ db }) => db === 'athena_components');
    assert.equal(components.documents, 2_002);
    assert.equal(components.compared, 2_002);
    assert.equal(components.attachments, 1);
    assert.deepEqual(report.databases.map(({ db }) => db).sort(), databases);
    assert.ok(report.restore_ms > 0 && report.restore_ms <= report.total_ms);
    assert.ok(report.recovery_point.age_secs >= 0 && report.recovery_point.age_secs < 600);
    assert.equal(report.left_behind, '');
    assert.deepEqual(await stateOfDatabases(), before);
    await assertNothingLeft();
  });

  it('the report is signed over its bytes, with a word at its top', async () => {
    const { id: drillId } = await drill('latest');
    const text = (await api.expect(200, 'GET', `${drills}/${drillId}`)).text;
    assert.match(text, /^\{"format":"davenport-drill-report","version":1,"verdict":"recoverable",/);
    const at = text.lastIndexOf(',"signature":"');
    const [, , signature] = JSON.parse(text).signature.split(':');
    assert.ok(verify(null, Buffer.from(text.slice(0, at)), await readFile(publicKeyFile, 'utf8'), Buffer.from(signature, 'base64')));

    const file = join(fixture.dataDir, 'report.json');
    await writeFile(file, text);
    const good = await run(['drill', '--check', file, '--public-key', publicKeyFile]);
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /^recoverable\n/);
    await writeFile(file, text.replace('"difference_count":0', '"difference_count":1'));
    assert.equal((await run(['drill', '--check', file, '--public-key', publicKeyFile])).code, 9);
  });

  it('tells monitoring when a drill ended well last', async () => {
    const report = await drill();
    const seconds = await eventually('the figure is fresh', async () => {
      const { text } = await api.expect(200, 'GET', '/metrics');
      const [, value] = /^davenport_drill_last_success_timestamp_seconds (\S+)$/m.exec(text) ?? [];
      return Number(value) >= report.ts_finished / 1000 ? Number(value) : undefined;
    });
    assert.ok(Math.abs(seconds * 1000 - report.ts_finished) < 1);
  });

  it('is listed, for auditors too, who may not start one', async () => {
    const { id: drillId } = await drill();
    const auditor = await fixture.apiOf('auditor');
    const rows = (await auditor.expect(200, 'GET', drills)).json.drills;
    assert.equal(rows[0].id, drillId);
    assert.equal(rows[0].verdict, 'recoverable');
    assert.equal(rows[0].backup_id, id);
    await auditor.expect(200, 'GET', `${drills}/${drillId}`);
    await auditor.expect(403, 'POST', drills, { backup_id: id });
    await (await fixture.apiOf('reader')).expect(403, 'GET', drills);
    auditor.close();
  });

  it('restores into embedded databases wherever the service keeps its own', async () => {
    const report = await drill(id, { target: 'embedded' });
    assert.equal(report.verdict, 'recoverable', said(report));
    assert.equal(report.target, 'embedded');
    await assertNothingLeft();
    if (!onCouchDb) assert.match((await api.expect(400, 'POST', drills, { backup_id: id, target: 'couchdb' })).json.message, /couchdb/);
  });

  it('refuses what can not be', async () => {
    await api.expect(404, 'POST', drills, { backup_id: '03_ibp_db_backup_1' });
    await api.expect(404, 'POST', drills, { backup_id: '../x' });
    await api.expect(404, 'GET', `${drills}/drill_0123456789abcdef`);
    await api.expect(404, 'GET', `${drills}/${id}`);
    for (const body of ['', '{', {}, { backup_id: 1 }, { backup_id: id, targets: 'x' }, { backup_id: id, target: 'memory' },
      { backup_id: id, client_webhook_url: 'http://10.0.0.1/x' }]) {
      await api.expect(400, 'POST', drills, body);
    }
  });

  it('tells a webhook the signed report', async () => {
    const listener = await WebhookListener.start();
    try {
      const report = await drill(id, { client_webhook_url: `${listener.url}/drilled` });
      const [hook] = await listener.received(1);
      assert.equal(signatureFault(hook, signingSecret), undefined);
      assert.equal(hook.text, (await api.get(`${drills}/${report.id}`)).text);
    } finally {
      await listener.stop();
    }
  });

  it('finds a changed byte of a segment and names documents', async () => {
    const [largest] = (await filesOf('segments')).sort((a, b) => b.size - a.size);
    const at = Math.floor(largest.size / 2);
    await flip(largest.path, at);
    const report = await drill();
    await flip(largest.path, at);
    assert.equal(report.verdict, 'not_recoverable');
    assert.match(said(report), /component-\d{4}/);
    const { code, stdout } = await run(['drill', '--report', report.id, ...place()]);
    assert.equal(code, 1);
    assert.match(stdout, /^not_recoverable\n/);
    assert.match(stdout, /component-\d{4}/);
    await assertNothingLeft();
    assert.equal((await drill()).verdict, 'recoverable');
  });

  it('finds a missing attachment and names its document', async () => {
    const [{ path }] = await filesOf('attachments');
    await rename(path, `${path}.away`);
    const report = await drill();
    await rename(`${path}.away`, path);
    assert.equal(report.verdict, 'not_recoverable');
    assert.ok(report.differences.some(({ id: doc }) => doc === 'with-attachment'), said(report));
    // It is no success for whoever reads the audit log either.
    const { entries } = (await api.expect(200, 'GET', '/ak/api/v3/audit?limit=500')).json;
    const end = entries.find(({ action, details }) => action === 'drill.end' && details.job === report.id);
    assert.deepEqual([end.outcome, end.error, end.target], ['failed', 'corrupt', id]);
  });

  it('works on a data directory, beside the service', async () => {
    const { code, stdout, stderr } = await run(['drill', 'latest', '--json', '--data', fixture.dataDir], { settings: fixture.settings });
    assert.equal(code, 0, stderr);
    const file = join(fixture.dataDir, 'local.json');
    await writeFile(file, stdout);
    assert.equal((await run(['drill', '--check', file, '--public-key', publicKeyFile])).code, 0);
    const listed = await run(['drill', '--list', ...place()]);
    assert.ok(listed.stdout.includes(JSON.parse(stdout).id), listed.stdout);
    assert.equal((await run(['drill', ...place()])).code, 2);
    assert.equal((await run(['drill', 'nonsense', ...place()])).code, 5);
  });

  it('comes by schedule', async () => {
    const at = new Date(Date.now() + 1_000).toISOString();
    const schedule = (await api.expect(201, 'POST', '/ak/api/v3/schedules', { kind: 'drill', at, parameters: { target: 'embedded' } })).json;
    const { last_run: last } = await eventually('the drill has run', async () => {
      const seen = (await api.expect(200, 'GET', `/ak/api/v3/schedules/${schedule.id}`)).json;
      return seen.last_run && seen.last_run.outcome !== 'running' ? seen : undefined;
    });
    assert.equal(last.outcome, 'succeeded', JSON.stringify(last));
    const report = (await reportOf(last.job)).json;
    assert.equal(report.verdict, 'recoverable');
    assert.equal(report.by, `schedule ${schedule.id}`);
    assert.equal(report.target, 'embedded');
  });

  it('that is killed in the middle begins anew and leaves nothing', async () => {
    const { id: drillId } = (await api.expect(202, 'POST', drills, { backup_id: id })).json;
    await eventually('there is something half done', async () => (onCouchDb ? (await scratchDatabases()).length : (await scratchDirectories()).length), { everyMs: 1 });
    api.close();
    await fixture.service.kill();
    assert.notDeepEqual(onCouchDb ? await scratchDatabases() : await scratchDirectories(), []);
    await fixture.startService();
    ({ api } = fixture);
    const report = (await reportOf(drillId)).json;
    assert.equal(report.verdict, 'recoverable', said(report));
    await assertNothingLeft();
  });

  it('what an ended drill left behind goes with the next start, and nothing else', async () => {
    const { id: drillId } = await drill();
    const unknown = 'drill_00000000000000aa';
    for (const name of [drillId, `${drillId}_1`, unknown, 'notes']) await mkdir(join(fixture.dataDir, 'drills', name));
    const scratch = [drillId, unknown].map((name) => `davenport_${name}_1_things`);
    if (onCouchDb) for (const name of [...scratch, 'davenport_drill_of_mine']) await fixture.couchdb.call('PUT', `/${name}`);
    await fixture.stopService();
    await fixture.startService();
    ({ api } = fixture);
    assert.deepEqual((await scratchDirectories()).sort(), [unknown, 'notes']);
    if (onCouchDb) assert.deepEqual((await scratchDatabases()).sort(), [scratch[1], 'davenport_drill_of_mine']);
    assert.equal((await drill()).verdict, 'recoverable');
  });

  it('ends before it fills the disk', async () => {
    await fixture.stopService();
    fixture.settings.DAVENPORT_DRILLS_MIN_FREE_BYTES = String(2 ** 49);
    await fixture.startService();
    ({ api } = fixture);
    const report = await drill(id, { target: 'embedded' });
    assert.equal(report.verdict, 'not_recoverable');
    assert.match(said(report), /min_free_bytes/);
  });
});
