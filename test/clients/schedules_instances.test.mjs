// Schedules and drills of several services on one CouchDB, and what they wait for.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { eventually } from '../../scripts/lib/davenport.mjs';
import { assertRefused, backups, fill, manyDocuments, withInstances, writes } from './lib/instances.mjs';

const schedules = '/ak/api/v3/schedules';
const drills = '/ak/api/v3/drills';
// What follows a backup would be in the way.
const settings = { DAVENPORT_RETENTION_PRESET: 'none' };
const soon = (ms) => new Date(Date.now() + ms).toISOString();
const get = async (api, id) => (await api.expect(200, 'GET', `${schedules}/${id}`)).json;
const ended = (api, id) => eventually(`schedule ${id} has run`, async () => {
  const { last_run: last } = await get(api, id);
  return last && last.outcome !== 'running' ? last : undefined;
});
const idsOf = async (api) => (await api.expect(200, 'GET', backups)).json.ids;

describe('instances with schedules', { concurrency: 3 }, () => {
  it('start a run once', withInstances({ directories: 'shared', names: ['a', 'b', 'c'], settings }, async ({ a, b, c }) => {
    await fill(a.api, manyDocuments(50));
    const made = [];
    for (const { api } of [a, b]) made.push((await api.expect(201, 'POST', schedules, { kind: 'backup', at: soon(1_000) })).json.id);
    const jobs = [];
    for (const id of made) {
      const last = await ended(c.api, id);
      assert.equal(last.outcome, 'succeeded', JSON.stringify(last));
      jobs.push(last.job);
    }
    assert.equal(new Set(jobs).size, 2);
    await sleep(1_500); // whoever looks once a second has looked
    assert.deepEqual((await idsOf(b.api)).sort(), jobs.sort());
  }));

  it('make one default schedule together', withInstances({ directories: 'shared', names: ['a', 'b'], settings: { DAVENPORT_SCHEDULES_BACKUP: '5 4 * * *' } }, async ({ a, b }) => {
    for (const { api } of [a, b]) {
      const rows = (await api.expect(200, 'GET', schedules)).json.schedules;
      assert.deepEqual(rows.map(({ id, cron }) => [id, cron]), [['default-backup', '5 4 * * *']]);
    }
  }));

  it('keep the default schedule that one of them does not want', withInstances({ directories: 'own', names: ['a'], settings: { DAVENPORT_SCHEDULES_BACKUP: '5 4 * * *' } }, async (instances) => {
    instances.settings.DAVENPORT_SCHEDULES_BACKUP = '';
    const { a, b } = { a: instances.a, b: await instances.start('b') };
    assert.equal((await get(a.api, 'default-backup')).cron, '5 4 * * *');
    assert.match(b.service.log, /default-backup is left to the other instances/);
    await a.api.expect(409, 'DELETE', `${schedules}/default-backup`);
    await b.api.expect(200, 'DELETE', `${schedules}/default-backup`);
  }));

  it('let a backup that is due wait for a restore', withInstances({ directories: 'shared', names: ['a'], settings }, async ({ a }) => {
    await fill(a.api, manyDocuments(50));
    const { id: earlier } = await a.api.backup();
    await a.api.bulkWrite('athena_components', [{ _id: 'new', value: 1 }]);
    await a.api.bulkWrite('athena_components', [{ ...(await a.api.document('athena_components', 'many-00001')), value: 'changed' }]);
    const held = a.gate.hold(writes('athena_components'));
    const { url } = (await a.api.expect(202, 'PUT', `${backups}/${earlier}`)).json;
    await held;
    const { id } = (await a.api.expect(201, 'POST', schedules, { kind: 'backup', at: soon(300) })).json;
    const waiting = await eventually('it waits', async () => {
      const seen = await get(a.api, id);
      return seen.waits ? seen : undefined;
    });
    assert.ok(waiting.waits.includes(url.split('/').pop()), waiting.waits);
    assert.equal(waiting.last_run, null);
    // One that was asked for now is told so.
    const other = (await a.api.expect(201, 'POST', schedules, { kind: 'backup', cron: '@yearly' })).json;
    assertRefused(await a.api.post(`${schedules}/${other.id}/run`), url.split('/').pop());
    a.gate.release();
    assert.equal((await a.api.waitForTransaction(url)).status, 'success');
    assert.equal((await ended(a.api, id)).outcome, 'succeeded');
  }));

  it('keep the backup that a drill reads, and drill one at a time', withInstances({ directories: 'shared', names: ['a', 'b'] }, async ({ a, b }) => {
    await fill(a.api, manyDocuments(300));
    const { id } = await a.api.backup();
    const held = [a, b].map(({ gate }) => gate.hold(/^POST \/davenport_drill_\w+\/_bulk_docs/));
    const { id: drill } = (await a.api.expect(202, 'POST', drills, { backup_id: id })).json;
    await Promise.race(held);
    assertRefused(await b.api.post(drills, { backup_id: id }), drill);
    const refused = await b.api.expect(409, 'DELETE', `${backups}/${id}`);
    assert.ok(refused.json.message.includes(drill), refused.text);
    // A backup beside it is fine, and what nobody drills may go.
    const { id: other } = await b.api.backup();
    await b.api.expect(200, 'DELETE', `${backups}/${other}`);
    for (const { gate } of [a, b]) gate.release();
    const report = await eventually('the drill ends', async () => {
      const seen = (await b.api.expect(200, 'GET', `${drills}/${drill}`)).json;
      return seen.in_progress ? undefined : seen;
    });
    assert.equal(report.verdict, 'recoverable', JSON.stringify(report));
    await a.api.expect(200, 'DELETE', `${backups}/${id}`);
  }));

  it('say that a drill did not work out when CouchDB goes away, or do it when it is back', withInstances({ directories: 'shared', names: ['a'], settings }, async ({ a }) => {
    await fill(a.api, manyDocuments(300));
    const { id } = await a.api.backup();
    const held = a.gate.hold(/^POST \/davenport_drill_\w+\/_bulk_docs/);
    const { id: drill } = (await a.api.expect(202, 'POST', drills, { backup_id: id })).json;
    await held;
    await a.gate.outage({ attempts: 1, refusedMs: 500 });
    const report = await eventually('the drill ends', async () => {
      const reply = await a.api.get(`${drills}/${drill}`);
      return reply.status === 200 && !reply.json.in_progress ? reply.json : undefined;
    });
    // The store waits for a server that is away for a while.
    assert.equal(report.verdict, 'recoverable', JSON.stringify(report));
  }));
});
