// Webhook transactions, and the deliveries that tell a client that its restore has ended.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../scripts/lib/davenport.mjs';
import { signatureFault, WebhookListener } from '../../scripts/lib/webhook_listener.mjs';
import { assertSuccess, backupDoc, docsOf, Fixture, freshId, restoreById, restoreUpload, signingSecret } from './lib/fixture.mjs';

describe('webhooks', () => {
  let fixture;
  let api;
  let backupId;

  before(async () => {
    fixture = await Fixture.create();
    ({ api } = fixture);
    await api.bulkWrite('athena_components', [{ _id: 'a', value: 1 }, { _id: 'b', value: 2 }]);
    backupId = (await api.backup()).id;
  });
  after(() => fixture?.remove());

  const listening = async (options, use) => {
    const listener = await WebhookListener.start(options);
    try {
      return await use(listener);
    } finally {
      await listener.stop();
    }
  };

  it('keep a transaction for every restore', async () => {
    const begun = Date.now();
    const tx = await restoreById(api, backupId);
    assertSuccess(tx);
    assert.equal(typeof tx.tx_id, 'string');
    assert.equal(typeof tx.description, 'string');
    assert.equal(tx.by, fixture.key.api_key);
    assert.equal(typeof tx.uuid, 'string');
    assert.equal(tx.sub_type, 'backup_restore');
    assert.equal(tx.on_step, tx.total_steps);
    assert.ok(tx.total_steps >= 1);
    assert.ok(tx.ts_started >= begun - 5 && tx.ts_completed >= tx.ts_started);
    assert.ok(Array.isArray(tx.athena_messages));
    assert.equal(typeof tx.message, 'string');
    assert.equal(typeof tx.progress, 'object');
    assert.ok(!JSON.stringify(tx).includes('client_webhook_url'));
  });

  it('answer 404 for an unknown transaction', async () => {
    for (const id of ['nothing', '..%2f..', '%00']) {
      assert.equal((await api.get(`/ak/api/v1/webhooks/txs/${id}`)).status, 404, id);
    }
  });

  it('are listed, pending first, then newest, page by page', async () => {
    const ids = [];
    for (let count = 0; count < 3; count += 1) ids.push((await restoreById(api, backupId)).tx_id);
    const whole = (await api.expect(200, 'GET', '/ak/api/v2/webhooks')).json;
    assert.ok(whole.total >= 3);
    assert.equal(whole.matches, whole.webhooks.length);
    assert.deepEqual(whole.webhooks.slice(0, 3).map(({ tx_id }) => tx_id), ids.reverse());
    const page = (await api.expect(200, 'GET', '/ak/api/v2/webhooks?limit=1&skip=1')).json;
    assert.equal(page.total, whole.total);
    assert.deepEqual(page.webhooks.map(({ tx_id }) => tx_id), [ids[1]]);
    for (const query of ['limit=x', 'limit=-1', 'skip=-1']) {
      assert.equal((await api.get(`/ak/api/v2/webhooks?${query}`)).status, 400, query);
    }
  });

  it('post the transaction, signed, to exactly the given URL', async () => {
    await listening({}, async (listener) => {
      const target = '/hook/a%20b?token=x%2By&empty=&c=1';
      const ended = await restoreById(api, backupId, '', { client_webhook_url: listener.url + target });
      const [request] = await listener.received(1);
      assert.equal(request.method, 'POST');
      assert.equal(request.url, target);
      assert.match(request.headers['content-type'], /^application\/json/);
      assert.equal(signatureFault(request, signingSecret), undefined);
      assert.deepEqual(JSON.parse(request.text), ended);
    });
  });

  it('take the URL from the top level of an upload too', async () => {
    await listening({}, async (listener) => {
      const doc = backupDoc({ athena_components: docsOf([{ _id: freshId(), value: 1 }]) }, { client_webhook_url: `${listener.url}/upload` });
      const ended = await restoreUpload(api, doc);
      const [request] = await listener.received(1);
      assert.equal(request.url, '/upload');
      assert.equal(JSON.parse(request.text).tx_id, ended.tx_id);
    });
  });

  it('are tried again until the answer is 2xx, redirects not followed, with one webhook-id', async () => {
    let elsewhere = 0;
    const answer = (request, index) => {
      if (request.url === '/elsewhere') { elsewhere += 1; return { status: 200 }; }
      return [
        { status: 500 },
        { status: 302, headers: { location: '/elsewhere' } },
        { status: 404 },
        { status: 204 },
      ][index] ?? { status: 200 };
    };
    await listening({ answer }, async (listener) => {
      await restoreById(api, backupId, '', { client_webhook_url: `${listener.url}/again` });
      const requests = await listener.received(4);
      assert.equal(elsewhere, 0);
      assert.equal(new Set(requests.map(({ headers }) => headers['webhook-id'])).size, 1);
      assert.equal(new Set(requests.map(({ text }) => text)).size, 1);
      for (const request of requests) assert.equal(signatureFault(request, signingSecret), undefined);
      const id = requests[0].headers['webhook-id'];
      const delivery = await eventually('the delivery is logged as done', async () => {
        const { deliveries } = (await api.expect(200, 'GET', '/ak/api/v3/webhooks/deliveries')).json;
        return deliveries.find((row) => row.id === id && row.state === 'delivered');
      });
      assert.deepEqual(delivery.attempts.map(({ status }) => status), [500, 302, 404, 204]);
      // A delivery can be replayed.
      await api.expect(202, 'POST', `/ak/api/v3/webhooks/deliveries/${encodeURIComponent(id)}/replay`);
      const replayed = (await listener.received(5))[4];
      assert.equal(replayed.headers['webhook-id'], id);
      assert.equal(replayed.text, requests[0].text);
    });
  });

  it('honour Retry-After', async () => {
    const answer = (_, index) => (index === 0 ? { status: 503, headers: { 'retry-after': '2' } } : { status: 200 });
    await listening({ answer }, async (listener) => {
      await restoreById(api, backupId, '', { client_webhook_url: listener.url });
      const requests = await listener.received(2);
      assert.ok(requests[1].at - requests[0].at >= 1900, `${requests[1].at - requests[0].at} ms`);
    });
  });

  it('survive a restart', async () => {
    let well = false;
    await listening({ answer: () => ({ status: well ? 200 : 500 }) }, async (listener) => {
      const ended = await restoreById(api, backupId, '', { client_webhook_url: `${listener.url}/restart` });
      await listener.received(1);
      assert.equal(await fixture.stopService(), 0);
      const seen = listener.requests.length;
      well = true;
      await fixture.startService();
      ({ api } = fixture);
      const request = (await listener.received(seen + 1))[seen];
      assert.equal(JSON.parse(request.text).tx_id, ended.tx_id);
      assert.equal(request.headers['webhook-id'], listener.requests[0].headers['webhook-id']);
    });
  });

  it('may not point to refused addresses, and the restore does not begin', async () => {
    const own = await Fixture.create({ DAVENPORT_WEBHOOKS_ALLOW: '' });
    try {
      await own.api.bulkWrite('athena_components', [{ _id: 'a', value: 1 }]);
      const { id } = await own.api.backup();
      const urls = [
        'http://127.0.0.1:9/', 'http://127.1/', 'http://2130706433/', 'http://0x7f000001/', 'http://0177.0.0.1/', 'http://0/',
        'http://localhost:9/', 'http://[::1]/', 'http://[::]/', 'http://169.254.169.254/latest/meta-data', 'http://10.0.0.1/',
        'http://172.16.0.1/', 'http://192.168.1.1/', 'http://100.64.0.1/', 'http://224.0.0.1/', 'http://[fe80::1]/', 'http://[fc00::1]/',
        'http://[::ffff:127.0.0.1]/', 'http://[::ffff:10.0.0.1]/', 'http://[64:ff9b::7f00:1]/', 'http://[2002:7f00:1::]/', 'http://[fd00:ec2::254]/',
        'not a url', 'ftp://192.0.2.1/', 'file:///etc/passwd', 'http://', 'http://user:secret@93.184.216.34/', 'javascript:alert(1)', 'http://93.184.216.34:99999/',
      ];
      for (const url of urls) {
        const byId = await own.api.put(`/ak/api/v3/backups/${id}`, { client_webhook_url: url });
        assert.equal(byId.status, 400, `by id ${url}: ${byId.text}`);
        const upload = await own.api.put('/ak/api/v3/backups', backupDoc({ athena_components: docsOf([{ _id: 'refused', value: 1 }]) }, { client_webhook_url: url }));
        assert.equal(upload.status, 400, `upload ${url}: ${upload.text}`);
      }
      assert.equal(await own.api.document('athena_components', 'refused'), undefined);
    } finally {
      await own.remove();
    }
  });

  it('tell of a restore that failed as an error', async () => {
    await listening({}, async (listener) => {
      // Found only while restoring: the attachment that this document keeps does not exist.
      const doc = backupDoc({
        athena_components: docsOf([
          { _id: 'whole', value: 1 },
          { _id: 'lacking', _attachments: { gone: { content_type: 'text/plain', digest: 'md5-rL0Y20zC+Fzt72VPzMSk2A==', length: 3, revpos: 1, stub: true } } },
        ]),
      }, { client_webhook_url: listener.url });
      const reply = await api.put('/ak/api/v3/backups', doc);
      if (reply.status === 400) {
        assert.match(reply.text, /lacking|gone|attachment/);
        return;
      }
      const ended = await api.waitForTransaction(reply.json.url);
      assert.equal(ended.status, 'error');
      const told = `${ended.message} ${ended.athena_messages.join(' ')}`;
      assert.match(told, /lacking/);
      assert.match(told, /athena_components/);
      assert.equal(JSON.parse((await listener.received(1))[0].text).status, 'error');
    });
  });
});
