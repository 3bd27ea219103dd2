// Several instances of the service on one CouchDB: who takes what, and what becomes of the work of
// one that dies.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../scripts/lib/davenport.mjs';
import { signatureFault, WebhookListener } from '../../scripts/lib/webhook_listener.mjs';
import { assertSuccess, freshId, restoreById, signingSecret } from './lib/fixture.mjs';
import {
  Instances, reads, writes, backups, manyDocuments, fill, assertStored, assertBackedUp, assertRefused, one, upload, deliveriesOf, txOf, withInstances,
} from './lib/instances.mjs';

describe('instances on one CouchDB', { concurrency: 3 }, () => {
  // A delivery under way is anybody's again after half a minute.
  describe('of which one is killed while a receiver keeps it waiting', () => {
    it('deliver its webhook', withInstances({ directories: 'own', names: ['a'] }, async (instances) => {
      const { a } = instances;
      await fill(a.api, one);
      const { id } = await a.api.backup();
      const seen = [];
      const receiver = http.createServer((request, response) => {
        seen.push(request.headers['webhook-id']);
        if (seen.length > 1) request.resume().on('end', () => response.end());
      });
      await once(receiver.listen(0, '127.0.0.1'), 'listening');
      try {
        await restoreById(a.api, id, '', { client_webhook_url: `http://127.0.0.1:${receiver.address().port}` });
        await eventually('the receiver has it', () => seen.length === 1);
        await instances.kill('a');
        const { api } = await instances.start('b');
        await eventually('the delivery is logged as done', async () => (await deliveriesOf(api))[0].state === 'delivered', { everyMs: 200 });
        assert.equal(seen.length, 2);
        assert.equal(new Set(seen).size, 1);
      } finally {
        receiver.closeAllConnections();
        receiver.close();
      }
    }));
  });

  describe('that all live', { concurrency: 1 }, () => {
    let instances;
    let a;
    let b;
    let c;

    before(async () => {
      instances = await Instances.create({ directories: 'shared', names: ['a', 'b', 'c'] });
      ({ a, b, c } = instances);
      await fill(a.api, manyDocuments(100));
    });
    after(() => instances?.remove());

    it('refuse a backup and a restore while another one backs up', async () => {
      const { id: earlier } = await a.api.backup();
      const held = b.gate.hold(reads('athena_components'));
      // Whoever is quickest may take a job; the others' gates are shut too.
      const others = [a, c].map(({ gate }) => gate.hold(reads('athena_components')));
      const { id } = await b.api.startBackup();
      await Promise.race([held, ...others]);
      for (const { api } of [a, b, c]) {
        assertRefused(await api.post(backups), id);
        assertRefused(await api.put(`${backups}/${earlier}`), id);
        assertRefused(await api.put(backups, upload()), id);
      }
      for (const { gate } of [a, b, c]) gate.release();
      assert.equal((await a.api.waitForBackup(id)).error, undefined);
      // Over for one is over for all.
      for (const { api } of [b, c, a]) await api.backup();
    });

    it('refuse a backup and a restore while another one restores', async () => {
      const { id: earlier } = await a.api.backup();
      for (const begin of [(api) => api.put(`${backups}/${earlier}`), (api) => api.put(backups, upload([{ _id: freshId(), value: 1 }]))]) {
        await a.api.bulkWrite('athena_components', [{ _id: freshId(), value: 1 }]);
        // Every restore asks for the current revisions before it writes.
        const held = [a, b, c].map(({ gate }) => gate.hold(/^\w+ \/athena_components\//));
        const tx = txOf(await begin(a.api));
        await Promise.race(held);
        for (const { api } of [b, c, a]) {
          assertRefused(await api.post(backups), tx);
          assertRefused(await api.put(`${backups}/${earlier}`), tx);
          assertRefused(await api.put(backups, upload()), tx);
        }
        for (const { gate } of [a, b, c]) gate.release();
        assertSuccess(await b.api.waitForTransaction(tx));
      }
    });

    it('accept exactly one of many starts', async () => {
      for (const { gate } of [a, b, c]) gate.hold(reads('athena_components'));
      const replies = await Promise.all(Array.from({ length: 30 }, (_, index) => [a, b, c][index % 3].api.post(backups)));
      const accepted = replies.filter(({ status }) => status === 202);
      assert.equal(accepted.length, 1, replies.map(({ status, text }) => `${status} ${text}`).join('\n'));
      for (const reply of replies.filter(({ status }) => status !== 202)) assert.equal(reply.json.message, 'already_in_progress', reply.text);
      for (const { gate } of [a, b, c]) gate.release();
      assert.equal((await b.api.waitForBackup(accepted[0].json.id)).error, undefined);
    });

    it('give every backup an id of its own', async () => {
      const ids = [];
      for (let round = 0; round < 8; round += 1) {
        const replies = await Promise.all(Array.from({ length: 9 }, (_, index) => [a, b, c][index % 3].api.post(backups)));
        const accepted = replies.filter(({ status }) => status === 202).map(({ json }) => json.id);
        assert.ok(accepted.length >= 1, replies.map(({ text }) => text).join('\n'));
        ids.push(...accepted);
        for (const id of accepted) assert.equal((await c.api.waitForBackup(id)).error, undefined);
      }
      assert.equal(new Set(ids).size, ids.length);
      for (const { api } of [a, b, c]) {
        const listed = (await api.expect(200, 'GET', backups)).json.ids;
        assert.equal(new Set(listed).size, listed.length);
        for (const id of ids) assert.ok(listed.includes(id), id);
      }
    });

    it('take keys and login sessions of one another at once, and refuse revoked ones', async () => {
      const key = (await a.api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: ['manager'] })).json;
      const onB = b.service.api(key);
      await onB.expect(200, 'GET', backups);
      const login = await a.service.api().expect(200, 'POST', '/api/v3/auth/login', { api_key: key.api_key, api_secret: key.api_secret });
      const cookie = login.headers['set-cookie'][0].split(';')[0];
      const [sessionA, sessionB] = [a, b].map(({ service }) => service.api({ cookie }));
      await sessionB.expect(200, 'GET', '/api/v3/backups');
      const token = (await onB.expect(200, 'POST', '/ak/api/v3/identity/token', {})).json;
      const tokenOnA = a.service.api({ token: token.access_token });
      await tokenOnA.expect(200, 'GET', backups);

      await sessionA.expect(200, 'POST', '/api/v3/auth/logout');
      // What was found good a moment ago may be remembered for a second.
      const refused = (what, api, path) => eventually(what, async () => (await api.get(path)).status === 401, { timeoutMs: 10_000 });
      await refused('the session has ended', sessionB, '/api/v3/backups');
      const again = await b.service.api().expect(200, 'POST', '/api/v3/auth/login', { api_key: key.api_key, api_secret: key.api_secret });
      const [another] = again.headers['set-cookie'][0].split(';');
      await a.service.api({ cookie: another }).expect(200, 'GET', '/api/v3/backups');
      await a.api.expect(200, 'DELETE', `/ak/api/v3/permissions/keys/${key.api_key}`);
      await refused('the key is gone', onB, backups);
      await refused('a session ends with its key', b.service.api({ cookie: another }), '/api/v3/backups');
      await refused('a token ends with its key', tokenOnA, backups);
    });

    it('deliver a webhook once', async () => {
      const { id } = await a.api.backup();
      const listener = await WebhookListener.start({ answer: (_, index) => ({ status: index < 3 ? 500 : 200 }) });
      try {
        const ended = await restoreById(a.api, id, '', { client_webhook_url: listener.url });
        const [first] = await listener.received(4);
        const delivery = await eventually('the delivery is logged as done', async () => {
          return (await deliveriesOf(c.api)).find((row) => row.id === first.headers['webhook-id'] && row.state === 'delivered');
        });
        // One attempt after the other, by whomever: none was made twice.
        assert.deepEqual(delivery.attempts.map(({ status }) => status), [500, 500, 500, 200]);
        assert.equal(JSON.parse(first.text).tx_id, ended.tx_id);
        // Deliveries that come later, by all three at the same time, pass it by.
        await Promise.all([a, b, c].map(({ api }) => api.post(`/ak/api/v3/webhooks/deliveries/${delivery.id}/replay`)));
        await listener.received(5);
        assert.equal(new Set(listener.requests.map(({ headers }) => headers['webhook-id'])).size, 1);
        assert.ok(listener.requests.length <= 7);
      } finally {
        await listener.stop();
      }
    });
  });

  describe('of which one dies', { concurrency: 1 }, () => {
    it('back up to the end, in a vault they share', withInstances({ directories: 'shared', names: ['a'] }, async (instances) => {
      const { a } = instances;
      const docs = await fill(a.api);
      const held = a.gate.hold(reads('athena_sessions'));
      const { id } = await a.api.startBackup();
      await held;
      const b = await instances.start('b');
      assertRefused(await b.api.post(backups), id);
      await instances.kill('a');
      assert.equal((await b.api.waitForBackup(id)).error, undefined);
      await assertBackedUp(b.api, id, docs);
      await b.api.backup();
    }));

    it('restore to the end, in a vault they share, and tell it once', withInstances({ directories: 'shared', names: ['a'] }, async (instances) => {
      const { a } = instances;
      const docs = await fill(a.api);
      const { id } = await a.api.backup();
      const listener = await WebhookListener.start();
      try {
        const uploaded = docs.map(({ _id, value }) => ({ _id, value: value + 1 }));
        const begin = [
          [(api) => api.put(`${backups}/${id}`, { client_webhook_url: listener.url }), docs],
          [(api) => api.put(backups, upload(uploaded, { client_webhook_url: listener.url })), uploaded],
        ];
        for (const [[start, expected], index] of begin.map((entry, at) => [entry, at])) {
          const [dying, other] = index === 0 ? ['a', 'b'] : ['b', 'a'];
          await instances[dying].api.expect(200, 'DELETE', '/couchdb/athena_components');
          const held = instances[dying].gate.hold(writes('athena_components'), 2);
          const tx = txOf(await start(instances[dying].api));
          await held;
          await instances.start(other);
          await instances.kill(dying);
          assertSuccess(await instances[other].api.waitForTransaction(tx));
          await assertStored(instances[other].api, expected);
          const request = (await listener.received(index + 1))[index];
          assert.equal(JSON.parse(request.text).tx_id, tx);
          assert.equal(signatureFault(request, signingSecret), undefined);
        }
        assert.equal(listener.requests.length, 2);
      } finally {
        await listener.stop();
      }
    }));

    it('take over what one does that hangs, and it keeps its hands off when it wakes', withInstances({ directories: 'shared' }, async (instances) => {
      const { a, b } = instances;
      const docs = await fill(a.api);
      // Whoever takes the job hangs.
      const held = [['a', a], ['b', b]].map(async ([name, { gate }]) => { await gate.hold(reads('athena_sessions')); return name; });
      const { id } = await a.api.startBackup();
      const [hung, awake] = await Promise.race(held) === 'a' ? [a, b] : [b, a];
      process.kill(hung.service.pid, 'SIGSTOP');
      awake.gate.release();
      assert.equal((await awake.api.waitForBackup(id)).error, undefined);
      await assertBackedUp(awake.api, id, docs);
      process.kill(hung.service.pid, 'SIGCONT');
      hung.gate.release();
      // It sees the end as it is, and is of use again.
      assert.equal((await hung.api.waitForBackup(id)).error, undefined);
      const { id: next } = await hung.api.backup();
      await assertBackedUp(awake.api, next, docs);
      const verified = await awake.api.get(`${backups}/${id}?docs=false`);
      assert.equal(verified.json.error, undefined);
    }));

    it('deliver its webhooks', withInstances({ directories: 'own', names: ['a'], settings: { DAVENPORT_WEBHOOKS_FIRST_RETRY_MS: '3000' } }, async (instances) => {
      const { a } = instances;
      await fill(a.api, one);
      const { id } = await a.api.backup();
      let well = false;
      const listener = await WebhookListener.start({ answer: () => ({ status: well ? 200 : 500 }) });
      try {
        const ended = await restoreById(a.api, id, '', { client_webhook_url: listener.url });
        // Between its first attempt and the next.
        await eventually('an attempt is logged', async () => (await deliveriesOf(a.api))[0]?.attempts.length === 1);
        await instances.kill('a');
        const seen = listener.requests.length;
        well = true;
        const b = await instances.start('b');
        const request = (await listener.received(seen + 1))[seen];
        assert.equal(JSON.parse(request.text).tx_id, ended.tx_id);
        assert.equal(signatureFault(request, signingSecret), undefined);
        assert.equal(new Set(listener.requests.map(({ headers }) => headers['webhook-id'])).size, 1);
        await eventually('the delivery is logged as done', async () => {
          const deliveries = await deliveriesOf(b.api);
          return deliveries.length === 1 && deliveries[0].state === 'delivered';
        });
        assert.equal(listener.requests.length, seen + 1);
      } finally {
        await listener.stop();
      }
    }));
  });
});
