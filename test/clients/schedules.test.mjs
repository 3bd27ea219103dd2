// Backups by schedule: the default one, those that users make, and what becomes of their runs.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { eventually, run } from '../../scripts/lib/davenport.mjs';
import { Fixture, onCouchDb } from './lib/fixture.mjs';

const schedules = '/ak/api/v3/schedules';

describe('schedules', () => {
  let fixture;
  let api;

  const place = () => ['--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`];
  const create = async (members) => (await api.expect(201, 'POST', schedules, { kind: 'backup', ...members })).json;
  const get = async (id) => (await api.expect(200, 'GET', `${schedules}/${id}`)).json;
  const soon = (ms = 1_000) => new Date(Date.now() + ms).toISOString();
  const backups = async () => (await api.expect(200, 'GET', '/ak/api/v3/backups')).json.ids;
  const lastRun = (id) => eventually(`schedule ${id} has run`, async () => {
    const { last_run: last } = await get(id);
    return last && last.outcome !== 'running' ? last : undefined;
  });
  const restart = async (settings = {}) => {
    await fixture.stopService();
    Object.assign(fixture.settings, settings);
    await fixture.startService();
    ({ api } = fixture);
  };

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_SCHEDULES_BACKUP: undefined, DAVENPORT_RETENTION_PRESET: 'none' });
    ({ api } = fixture);
    await api.bulkWrite('athena_components', [{ _id: 'a', v: 1 }]);
  });
  after(() => fixture?.remove());

  it('there is a daily backup that nobody asked for', async () => {
    const [schedule, ...more] = (await api.expect(200, 'GET', schedules)).json.schedules;
    assert.equal(more.length, 0);
    assert.equal(schedule.id, 'default-backup');
    assert.equal(schedule.kind, 'backup');
    assert.equal(schedule.cron, '0 1 * * *');
    assert.equal(schedule.zone, 'UTC');
    assert.equal(schedule.random_delay_secs, 600);
    assert.equal(schedule.state, 'active');
    assert.equal(schedule.last_run, null);
    const next = new Date(schedule.ts_next_run);
    assert.equal(next.getUTCHours(), 1);
    assert.ok(next.getUTCMinutes() <= 10);
    assert.ok(next - Date.now() > 0 && next - Date.now() <= 24 * 3_600_000 + 600_000);
  });

  it('the default one stays while a setting wants it, and stays paused', async () => {
    const reply = await api.expect(409, 'DELETE', `${schedules}/default-backup`);
    assert.match(reply.json.message, /schedules\.backup/);
    await api.expect(200, 'POST', `${schedules}/default-backup/pause`);
    await restart({ DAVENPORT_SCHEDULES_BACKUP: '30 2 * * 1', DAVENPORT_SCHEDULES_ZONE: 'Asia/Jakarta' });
    const changed = await get('default-backup');
    assert.equal(changed.cron, '30 2 * * 1');
    assert.equal(changed.zone, 'Asia/Jakarta');
    assert.equal(changed.state, 'paused');
    assert.equal(changed.ts_next_run, null);
    await api.expect(200, 'POST', `${schedules}/default-backup/resume`);
    assert.ok((await get('default-backup')).ts_next_run > Date.now());
    await restart({ DAVENPORT_SCHEDULES_BACKUP: '' });
    // Other instances on a CouchDB may want it.
    if (onCouchDb) await api.expect(200, 'DELETE', `${schedules}/default-backup`);
    await api.expect(404, 'GET', `${schedules}/default-backup`);
  });

  it('a wrong setting stops the start and is named', async () => {
    for (const [setting, value, named] of [['BACKUP', '0 25 * * *', 'schedules.backup'], ['ZONE', 'Mars/Phobos', 'schedules.zone']]) {
      const settings = { ...fixture.settings, [`DAVENPORT_SCHEDULES_${setting}`]: value };
      const { code, stderr } = await run(['schedules', 'list', '--data', fixture.dataDir], { settings });
      assert.equal(code, 3);
      assert.ok(stderr.includes(named), stderr);
    }
  });

  it('run at their time, once, and tell their job and its outcome', async () => {
    const before = await backups();
    const { id, state, ts_next_run: next } = await create({ at: soon() });
    assert.equal(state, 'active');
    assert.ok(next > Date.now() - 5_000);
    const last = await lastRun(id);
    assert.equal(last.outcome, 'succeeded');
    assert.deepEqual((await backups()).slice(before.length), [last.job]);
    assert.equal((await get(id)).state, 'done');
  });

  it('skip a run when there is a recent backup, which is no failure; but not one that was asked for', async () => {
    await api.backup();
    const before = await backups();
    const { id } = await create({ at: soon(), parameters: { skip_if_newer_secs: 3600 } });
    const last = await lastRun(id);
    assert.equal(last.outcome, 'skipped');
    assert.ok(last.message.includes(before.at(-1)), last.message);
    assert.deepEqual(await backups(), before);
    const { job } = (await api.expect(202, 'POST', `${schedules}/${id}/run`)).json;
    assert.equal((await lastRun(id)).job, job);
    assert.deepEqual((await backups()).slice(before.length), [job]);
    const older = await create({ at: soon(1_500), parameters: { skip_if_newer_secs: 1 } });
    assert.equal((await lastRun(older.id)).outcome, 'succeeded', 'by then it is not that recent');
  });

  it('make up for what passed while no service ran, once', async () => {
    const before = await backups();
    const at = soon(2_500);
    const { id } = await create({ at });
    await fixture.stopService();
    await sleep(Math.max(0, Date.parse(at) - Date.now()) + 50);
    // A command is no service: it starts nothing by schedule.
    const { stdout } = await run(['schedules', 'show', id, '--json', '--data', fixture.dataDir], { settings: fixture.settings });
    assert.equal(JSON.parse(stdout).last_run, null);
    await fixture.startService();
    ({ api } = fixture);
    assert.equal((await lastRun(id)).outcome, 'succeeded');
    assert.equal((await backups()).length, before.length + 1);
  });

  it('rest while they are paused', async () => {
    const before = await backups();
    const at = soon(2_500);
    const { id } = await create({ at });
    assert.equal((await api.expect(200, 'POST', `${schedules}/${id}/pause`)).json.state, 'paused');
    const other = await create({ at: new Date(Date.parse(at) + 500).toISOString() });
    assert.equal((await lastRun(other.id)).outcome, 'succeeded');
    assert.equal((await get(id)).last_run, null);
    assert.equal((await backups()).length, before.length + 1);
    // Its one time is past.
    await api.expect(400, 'POST', `${schedules}/${id}/resume`);
  });

  it('are removed', async () => {
    const { id } = await create({ cron: '@yearly' });
    await api.expect(200, 'DELETE', `${schedules}/${id}`);
    await api.expect(404, 'GET', `${schedules}/${id}`);
    for (const verb of ['pause', 'resume', 'run']) await api.expect(404, 'POST', `${schedules}/${id}/${verb}`);
    await api.expect(404, 'DELETE', `${schedules}/${id}`);
  });

  it('are refused when they can not be', async () => {
    const before = (await api.expect(200, 'GET', schedules)).json.schedules.length;
    for (const [body, pattern] of [
      ['', /JSON/i], ['[]', /object/], [{ cron: '@daily' }, /kind/], [{ kind: 'chat-export', cron: '@daily' }, /kind/],
      [{ kind: 'backup' }, /cron/], [{ kind: 'backup', cron: '@daily', at: soon() }, /cron/],
      [{ kind: 'backup', cron: '0 25 * * *' }, /hour/], [{ kind: 'backup', at: '2001-01-01T00:00:00Z' }, /past/],
      [{ kind: 'backup', cron: '@daily', zone: 'Mars/Phobos' }, /zone/], [{ kind: 'backup', cron: '@daily', crom: 'x' }, /crom/],
      [{ kind: 'backup', cron: '@daily', random_delay_secs: -1 }, /random_delay_secs/],
      [{ kind: 'backup', cron: '@daily', parameters: { skip: 1 } }, /skip/],
      [{ kind: 'drill', cron: '@daily', parameters: { target: 'memory' } }, /target/],
      [{ kind: 'drill', cron: '@daily', parameters: { client_webhook_url: 'http://10.0.0.1/' } }, /client_webhook_url/],
    ]) {
      const reply = await api.expect(400, 'POST', schedules, body);
      assert.match(reply.text, pattern);
    }
    assert.equal((await api.expect(200, 'GET', schedules)).json.schedules.length, before);
  });

  it('may be looked at by auditors and changed by those who may change settings', async () => {
    const { id } = await create({ cron: '@yearly' });
    const auditor = await fixture.apiOf('auditor');
    await auditor.expect(200, 'GET', schedules);
    await auditor.expect(200, 'GET', `${schedules}/${id}`);
    for (const verb of ['pause', 'resume', 'run']) await auditor.expect(403, 'POST', `${schedules}/${id}/${verb}`);
    await auditor.expect(403, 'DELETE', `${schedules}/${id}`);
    await auditor.expect(403, 'POST', schedules, { kind: 'backup', cron: '@daily' });
    await fixture.anonymous().expect(401, 'GET', schedules);
    auditor.close();
    const { api: session } = await fixture.session();
    await session.expect(200, 'GET', `/api/v1/schedules/${id}`);
    session.close();
    await api.expect(200, 'DELETE', `${schedules}/${id}`);
  });

  it('prune by the rules, after a backup and by themselves', async () => {
    await restart({ DAVENPORT_RETENTION_PRESET: 'rules', DAVENPORT_RETENTION_KEEP_LAST: '1' });
    const { id } = await create({ at: soon() });
    const { job } = await lastRun(id);
    await eventually('the older ones are gone', async () => (await backups()).join() === job);
    // The prune may not have let go yet.
    const { id: latest } = await eventually('a backup starts', async () => {
      const reply = await api.post('/ak/api/v3/backups');
      return reply.status === 202 ? reply.json : undefined;
    });
    await api.waitForBackup(latest);
    const prune = await create({ kind: 'prune', cron: '@yearly' });
    await api.expect(202, 'POST', `${schedules}/${prune.id}/run`);
    assert.equal((await lastRun(prune.id)).outcome, 'succeeded');
    assert.deepEqual(await backups(), [latest]);
    await restart({ DAVENPORT_RETENTION_PRESET: 'none', DAVENPORT_RETENTION_KEEP_LAST: '0' });
  });

  it('are run on the command line up to the end of that very run', async () => {
    // Another run stands in the schedule: it ended well before, or has begun meanwhile.
    for (const other of ['succeeded', 'running']) {
      let looks = 0;
      const service = createServer((request, response) => {
        const answer = () => {
          if (request.url.endsWith('/run')) return { message: 'in-progress', job: 'mine' };
          if (!request.url.endsWith('/jobs/mine')) return { id: 's', last_run: { job: 'another', outcome: other } };
          looks += 1;
          return { id: 'mine', state: looks < 3 ? 'running' : 'failed', created_timestamp: 1, error: { message: 'no disk' } };
        };
        response.writeHead(request.method === 'POST' ? 202 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer()));
      });
      await new Promise((resolve) => { service.listen(0, '127.0.0.1', resolve); });
      const there = ['--url', `http://127.0.0.1:${service.address().port}`, '--key', 'a:b'];
      const { code, stdout } = await run(['schedules', 'run', 's', '--json', ...there]);
      service.close();
      assert.deepEqual([code, looks], [1, 3], stdout);
      assert.deepEqual(JSON.parse(stdout).last_run, { ts_started: 1, job: 'mine', outcome: 'failed', message: 'no disk' });
    }
  });

  it('work on the command line', async () => {
    for (const where of [place(), ['--data', fixture.dataDir]]) {
      const command = async (...args) => {
        const { code, stdout, stderr } = await run(['schedules', ...args, '--json', ...where], { settings: fixture.settings });
        assert.equal(code, 0, `${args}: ${stderr}`);
        return JSON.parse(stdout);
      };
      const { id } = await command('create', '--kind', 'drill', '--cron', '0 3 * * 0', '--zone', 'Asia/Jakarta', '--random-delay', '60', '--parameters', '{"target":"embedded"}');
      assert.ok((await command('list')).schedules.some((one) => one.id === id));
      assert.equal((await command('pause', id)).state, 'paused');
      assert.equal((await command('resume', id)).state, 'active');
      const ran = await command('run', id);
      assert.equal(ran.last_run.outcome, 'succeeded', JSON.stringify(ran));
      assert.deepEqual((await command('show', id)).parameters, { target: 'embedded' });
      await command('remove', id);
      const gone = await run(['schedules', 'show', id, ...where], { settings: fixture.settings });
      assert.equal(gone.code, 5);
      const { stdout } = await run(['schedules', 'list', ...where], { settings: fixture.settings });
      assert.match(stdout, /done/);
    }
  });
});
