// Several instances of the service on one CouchDB, with and without one data directory, while others
// start and while CouchDB is away: nobody takes what another one needs, or can do better.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, it } from 'node:test';
import { eventually } from '../../scripts/lib/davenport.mjs';
import { WebhookListener } from '../../scripts/lib/webhook_listener.mjs';
import { assertSuccess } from './lib/fixture.mjs';
import {
  reads, writes, backups, manyDocuments, fill, assertStored, assertBackedUp, one, upload, txOf, withInstances,
} from './lib/instances.mjs';

const drills = '/ak/api/v3/drills';

describe('instances on one CouchDB', { concurrency: 3 }, () => {
  describe('with data directories of their own', { concurrency: 1 }, () => {
    it('back up to the end what one that died began, in the vault of the one that took it over', withInstances({ directories: 'own', names: ['a'] }, async (instances) => {
      const { a } = instances;
      const docs = await fill(a.api);
      const { id: before } = await a.api.backup();
      await a.api.bulkWrite('athena_sessions', [{ _id: 'more', value: 1 }]);
      const held = a.gate.hold(reads('athena_sessions'));
      const { id } = await a.api.startBackup();
      await held;
      const b = await instances.start('b');
      await instances.kill('a');
      assert.equal((await b.api.waitForBackup(id)).error, undefined);
      await assertBackedUp(b.api, id, docs);
      const { api } = await instances.start('a');
      // It says where it is, and counts as nothing that could be restored or deleted there.
      const there = (await api.expect(200, 'GET', `${backups}/${id}?docs=false`)).json;
      assert.match(there.error, /data directory of another instance/);
      assert.equal(there.in_progress, false);
      assert.deepEqual((await api.expect(200, 'GET', backups)).json.ids, [before]);
      assert.equal((await api.put(`${backups}/${id}`)).status, 400);
      assert.equal((await api.delete(`${backups}/${id}`)).status, 404);
      assert.equal((await b.api.waitForBackup(id)).error, undefined);
      // A's next one builds on what A has.
      const { id: next } = await api.backup();
      await assertBackedUp(api, next, docs);
    }));

    it('end a restore whose source died with its instance as an error', withInstances({ directories: 'own', names: ['a'] }, async (instances) => {
      const { a } = instances;
      const docs = await fill(a.api);
      const { id } = await a.api.backup();
      const b = await instances.start('b');
      const listener = await WebhookListener.start();
      try {
        const body = { client_webhook_url: listener.url };
        for (const [index, begin] of [(api) => api.put(`${backups}/${id}`, body), (api) => api.put(backups, upload(docs, body))].entries()) {
          await instances.a.api.expect(200, 'DELETE', '/couchdb/athena_components');
          const held = instances.a.gate.hold(writes('athena_components'), 2);
          const tx = txOf(await begin(instances.a.api));
          await held;
          await instances.kill('a');
          const ended = await b.api.waitForTransaction(tx);
          assert.equal(ended.status, 'error');
          assert.match(ended.message, /data directory of the instance that took this restore over/);
          assert.doesNotMatch(ended.message, /\/tmp|uploads\//);
          assert.equal(JSON.parse((await listener.received(index + 1))[index].text).status, 'error');
          // Nothing stands in the way of the next.
          assertSuccess(await b.api.waitForTransaction(txOf(await b.api.put(backups, upload(docs)))));
          await assertStored(b.api, docs);
          await instances.start('a');
        }
      } finally {
        await listener.stop();
      }
    }));

    it('say nothing of a backup whose drill died with its instance', withInstances({ directories: 'own', names: ['a'] }, async (instances) => {
      const { a } = instances;
      await fill(a.api, one);
      const { id } = await a.api.backup();
      const b = await instances.start('b');
      const held = a.gate.hold(/^POST \/davenport_drill_\w+\/_bulk_docs/);
      const { id: drill } = (await a.api.expect(202, 'POST', drills, { backup_id: id })).json;
      await held;
      await instances.kill('a');
      const reply = await eventually('the drill ends', async () => {
        const found = await b.api.request('GET', `${drills}/${drill}`);
        return found.json.in_progress ? undefined : found;
      });
      assert.equal(reply.status, 404, reply.text);
      assert.match(reply.json.message, /another data directory/);
      assert.deepEqual((await b.api.expect(200, 'GET', drills)).json.drills, []);
      const { api } = await instances.start('a');
      const { id: again } = (await api.expect(202, 'POST', drills, { backup_id: id })).json;
      const report = await eventually('the next drill ends', async () => {
        const { json } = await api.expect(200, 'GET', `${drills}/${again}`);
        return json.in_progress ? undefined : json;
      });
      assert.equal(report.verdict, 'recoverable', JSON.stringify(report.reasons));
    }));

    it('leave work to the one that took it on', withInstances({ directories: 'own', settings: { DAVENPORT_JOBS_LEASE_MS: '15000' } }, async ({ a, b }) => {
      await fill(a.api, one);
      const { id } = await a.api.backup();
      const begin = [() => a.api.put(backups, upload()), () => a.api.put(`${backups}/${id}`), () => a.api.post(backups)];
      for (const start of begin) {
        // Its job is stored, but A can neither say so nor begin it; B looks for work meanwhile.
        const held = a.gate.hold(/job_group(%2F|\/)backup-restore/, 2);
        const reply = start();
        await held;
        await b.gate.saw(/davenport_control\/_find/, 8);
        a.gate.release();
        const { json } = await reply;
        if (json.url.includes('txs')) assertSuccess(await b.api.waitForTransaction(json.url));
        else await assertBackedUp(a.api, (await a.api.waitForBackup(json.id)).id, one);
      }
    }));
  });

  // The server is away for longer than a lease: nobody can renew one then, and nobody loses any.
  describe('when CouchDB goes away and comes back', { concurrency: 1 }, () => {
    const settings = { DAVENPORT_JOBS_LEASE_MS: '5000' };
    const inTheMiddle = async ({ a, b }, pattern, nth, start) => {
      const held = Promise.race([a, b].map(({ gate }) => gate.hold(pattern, nth)));
      const reply = await start();
      await held;
      await Promise.all([a, b].map(({ gate }) => gate.outage({ attempts: 2, refusedMs: 4500 })));
      return reply;
    };

    it('go on with a backup and a restore of it', withInstances({ directories: 'shared', settings }, async (instances) => {
      const { a, b } = instances;
      const docs = await fill(a.api);
      const { id } = await inTheMiddle(instances, reads('athena_sessions'), 1, () => a.api.startBackup());
      for (const { api } of [b, a]) assert.equal((await api.waitForBackup(id)).error, undefined);
      await assertBackedUp(a.api, id, docs);
      await a.api.expect(200, 'DELETE', '/couchdb/athena_components');
      const reply = await inTheMiddle(instances, writes('athena_components'), 2, () => a.api.put(`${backups}/${id}`));
      assertSuccess(await b.api.waitForTransaction(txOf(reply)));
      await assertStored(a.api, docs);
    }));

    it('go on with a restore where its upload is', withInstances({ directories: 'own', settings }, async (instances) => {
      const { a, b } = instances;
      const docs = manyDocuments();
      const reply = await inTheMiddle(instances, writes('athena_components'), 2, () => a.api.put(backups, upload(docs)));
      assertSuccess(await b.api.waitForTransaction(txOf(reply)));
      await assertStored(a.api, docs);
    }));
  });

  describe('that share a data directory', { concurrency: 1 }, () => {
    it('leave alone what another one is receiving', withInstances({ directories: 'shared', names: ['a'] }, async (instances) => {
      const { a } = instances;
      await fill(a.api, one);
      const docs = manyDocuments(8000);
      const text = Buffer.from(JSON.stringify(upload(docs)));
      const { hostname, port } = new URL(a.service.url);
      const { api_key, api_secret } = instances.key;
      const request = http.request({
        hostname, port, method: 'PUT', path: backups, auth: `${api_key}:${api_secret}`,
        headers: { 'content-type': 'application/json', 'content-length': text.length },
      });
      const answered = once(request, 'response');
      request.write(text.subarray(0, text.length / 2));
      await eventually('the body is being spooled', async () => (await instances.files('spool')).length > 0);
      await instances.start('b');
      request.end(text.subarray(text.length / 2));
      const [response] = await answered;
      const answer = JSON.parse((await response.toArray()).join(''));
      assert.equal(response.statusCode, 202, JSON.stringify(answer));
      assertSuccess(await a.api.waitForTransaction(answer.url));
      await assertStored(a.api, docs);
    }));

    it('leave alone an upload whose restore is just about to be stored', withInstances({ directories: 'shared', names: ['a'] }, async (instances) => {
      const { a } = instances;
      await fill(a.api, one);
      const held = a.gate.hold(/job_group/);
      const docs = manyDocuments(100);
      const reply = a.api.put(backups, upload(docs));
      await held;
      await instances.start('b');
      a.gate.release();
      assertSuccess(await a.api.waitForTransaction(txOf(await reply)));
      await assertStored(a.api, docs);
    }));
  });
});
