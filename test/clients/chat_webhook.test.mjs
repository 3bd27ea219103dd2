// The post_comment webhook: what an application hears of its comments, whatever its receiver does.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually, must } from '../../scripts/lib/davenport.mjs';
import { signatureFault, WebhookListener } from '../../scripts/lib/webhook_listener.mjs';
import { ChatApp } from './lib/chat.mjs';
import { Fixture, freshId, signingSecret } from './lib/fixture.mjs';

const mail = (name) => `${name}@example.com`;

describe('the post_comment webhook', () => {
  let fixture;
  let apps = 0;

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_WEBHOOKS_TIMEOUT_MS: '1500', DAVENPORT_ACCESS_FAILURES_PER_MINUTE: '100000' });
  });
  after(() => fixture?.remove());

  const listening = async (options, use) => {
    const listener = await WebhookListener.start(options);
    apps += 1;
    const app = await ChatApp.create(fixture, `hook-${apps}`, { webhookUrl: `${listener.url}/comments?app=${apps}` });
    try {
      return await use(listener, app);
    } finally {
      app.close();
      await listener.stop();
    }
  };
  const deliveriesOf = async (app) => (await fixture.api.expect(200, 'GET', '/ak/api/v3/webhooks/deliveries?limit=1000')).json.deliveries
    .filter(({ id }) => id.startsWith(`chat_${app.id}_`));
  const settled = (app, count) => eventually(`${count} deliveries`, async () => {
    const deliveries = await deliveriesOf(app);
    return deliveries.length >= count && deliveries.every(({ state }) => state === 'delivered') && deliveries;
  });

  it('has the payload of the seed, signed', () => listening({}, async (listener, app) => {
    const ann = await app.user('ann', { avatar_url: 'https://example.com/ann.jpg' });
    const bob = await app.user('bob');
    const { room_id } = await app.call('create_room', { name: 'ini grup', creator: ann.email, participants: [bob.email] });
    await app.user('cid');
    await app.call('add_room_participants', { room_id, emails: [mail('cid')] });
    await app.call('remove_room_participants', { room_id, emails: [mail('cid')] });
    await app.post(room_id, 'ann', 'ini pesan "ü" 😀');
    const [request] = await listener.received(1);
    assert.equal(request.method, 'POST');
    assert.equal(request.url, `/comments?app=${apps}`);
    assert.match(request.headers['content-type'], /^application\/json/);
    assert.equal(signatureFault(request, signingSecret), undefined);
    const participant = ({ id, email, username, avatar_url }) => ({ id, email, username, avatar_url });
    const expected = {
      type: 'post_comment',
      payload: {
        from: { id: ann.id, email: ann.email, name: 'ann' },
        room: { id: room_id, topic_id: room_id, type: 'group', name: 'ini grup', participants: [participant(ann), participant(bob)] },
        message: { type: 'text', text: 'ini pesan "ü" 😀', payload: {} },
      },
    };
    assert.deepEqual(JSON.parse(request.text), expected);

    const { room } = await app.call('get_or_create_room_with_target', { emails: [bob.email, ann.email] });
    await app.post(room.id, 'bob', 'x', { type: 'custom', payload: { a: [1, { b: null }] } });
    const second = JSON.parse((await listener.received(2))[1].text).payload;
    assert.deepEqual(second, {
      from: { id: bob.id, email: bob.email, name: 'bob' },
      room: { id: room.id, topic_id: room.id, type: 'single', name: `${bob.email} ${ann.email}`, participants: [participant(bob), participant(ann)] },
      message: { type: 'custom', text: 'x', payload: { a: [1, { b: null }] } },
    });

    // Nothing else is told: neither system events, nor what was refused, nor what was read.
    await app.call('post_system_event_message', { system_event_type: 'join_room', room_id, subject_email: ann.email });
    await app.try('post_comment', { room_id, sender_email: mail('cid'), message: 'not in the room' });
    await app.load(room_id);
    assert.equal((await settled(app, 2)).length, 2);
    assert.equal(listener.requests.length, 2);
  }));

  it('comes once for a comment, however often it is posted', () => listening({}, async (listener, app) => {
    const room = await app.group('once', 'ann');
    await Promise.all(Array.from({ length: 16 }, () => app.post(room, 'ann', 'x', { unique_temp_id: 'same' })));
    await app.post(room, 'ann', 'x', { unique_temp_id: 'same' });
    await app.post(room, 'ann', 'y', { unique_temp_id: 'another' });
    assert.equal((await settled(app, 2)).length, 2);
    assert.equal(listener.requests.length, 2);
  }));

  it('comes for the longest comment in the largest room too', () => listening({}, async (listener, app) => {
    const people = Array.from({ length: 1500 }, (_, index) => `person-${index}`);
    const avatar_url = `https://example.com/${'x'.repeat(400)}`;
    for (let index = 0; index < people.length; index += 32) {
      await Promise.all(people.slice(index, index + 32).map((name) => app.user(name, { avatar_url })));
    }
    const { room_id } = await app.call('create_room', { name: 'large', creator: mail(people[0]), participants: people.map(mail) });
    const message = '\u0001'.repeat(65536);
    await app.post(room_id, people[0], message);
    const [request] = await listener.received(1);
    const { room, message: sent } = JSON.parse(request.text).payload;
    assert.equal(sent.text, message);
    // What has no room is counted, not just dropped.
    assert.ok(room.participants.length > 50);
    assert.equal(room.participants.length + room.participants_left_out, people.length);
    assert.equal(room.participants[0].email, mail(people[0]));
  }));

  it('is tried again until the answer is 2xx, and follows no redirect', async () => {
    let elsewhere = 0;
    const answer = (request, index) => {
      if (request.url === '/elsewhere') { elsewhere += 1; return { status: 200 }; }
      return [{ status: 500 }, { status: 302, headers: { location: '/elsewhere' } }, { status: 429 }][index] ?? { status: 204 };
    };
    await listening({ answer }, async (listener, app) => {
      const room = await app.group('again', 'ann');
      await app.post(room, 'ann', 'x');
      const requests = await listener.received(4);
      assert.equal(elsewhere, 0);
      assert.equal(new Set(requests.map(({ headers }) => headers['webhook-id'])).size, 1);
      assert.equal(new Set(requests.map(({ text }) => text)).size, 1);
      const [delivery] = await settled(app, 1);
      assert.deepEqual(delivery.attempts.map(({ status }) => status), [500, 302, 429, 204]);
    });
  });

  // A receiver that speaks for itself: `talk(socket)` is called once a request has begun.
  const talking = async (talk, use) => {
    const sockets = new Set();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      socket.once('data', () => talk(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    apps += 1;
    const app = await ChatApp.create(fixture, `hook-${apps}`, { webhookUrl: `http://127.0.0.1:${server.address().port}/` });
    try {
      await use(app, sockets, server);
    } finally {
      app.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  };

  it('does not slow down who posts, while the receiver says nothing', async () => {
    let asked = 0;
    await talking(() => { asked += 1; }, async (app) => {
      const room = await app.group('dead', 'ann', 'bob');
      await app.post(room, 'ann', 'first');
      await eventually('the receiver is asked', () => asked > 0);
      // It has not answered, and everything below is answered.
      const posts = await Promise.all(Array.from({ length: 64 }, (_, index) => app.post(room, index % 2 ? 'ann' : 'bob', `${index}`)));
      assert.equal(posts.length, 64);
      assert.equal((await app.history(room)).length, 65);
      const deliveries = await deliveriesOf(app);
      assert.equal(deliveries.length, 65);
      assert.ok(deliveries.every(({ state }) => state !== 'delivered'));
    });
    // Others hear of theirs meanwhile.
    await listening({}, async (listener, app) => {
      const room = await app.group('well', 'ann');
      await app.post(room, 'ann', 'heard');
      await listener.received(1);
    });
  });

  const lies = {
    'breaks off': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Le'),
    'is no HTTP': (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    'closes at once': (socket) => socket.resetAndDestroy(),
    'never ends its head': (socket) => { const more = setInterval(() => socket.write('X-More: x\r\n'), 20); socket.write('HTTP/1.1 200 OK\r\n'); socket.on('close', () => clearInterval(more)); },
  };
  for (const [what, talk] of Object.entries(lies)) {
    it(`is not done when the answer ${what}`, () => talking(talk, async (app) => {
      const room = await app.group('lies', 'ann');
      await app.post(room, 'ann', 'x');
      const delivery = await eventually('it is tried again', async () => {
        const [one] = await deliveriesOf(app);
        return one?.attempts.length >= 2 && one;
      });
      assert.notEqual(delivery.state, 'delivered');
      await app.post(room, 'ann', 'y');
    }));
  }

  it('goes where the application wants it now, and comes after a restart', () => listening({}, async (listener, app) => {
    const room = await app.group('moves', 'ann');
    const url = `${listener.url}/moved`;
    const setWebhook = (to) => must(['apps', 'set-webhook', '--app-id', app.id, '--webhook-url', to, '--data', fixture.dataDir], { settings: fixture.settings });
    await setWebhook(url);
    await eventually('the new address is used', async () => {
      await app.post(room, 'ann', freshId());
      return listener.requests.some((request) => request.url === '/moved');
    });
    // Down while the service goes down, and up again after it.
    const { port } = listener;
    await listener.stop();
    await app.post(room, 'ann', 'while nobody listened');
    assert.equal(await fixture.stopService(), 0);
    const again = await WebhookListener.start({ port });
    try {
      await fixture.startService();
      await eventually('it comes', () => again.requests.some(({ text }) => text.includes('while nobody listened')));
      await setWebhook('');
      await eventually('nothing is told any more', async () => {
        const message = freshId('silent');
        const before = (await deliveriesOf(app)).length;
        await app.post(room, 'ann', message);
        return (await deliveriesOf(app)).length === before;
      });
    } finally {
      await again.stop();
    }
  }));

  it('comes for an application that was deleted and made anew, too', () => listening({}, async (listener, app) => {
    const room = await app.group('first life', 'ann');
    await app.post(room, 'ann', 'same', { unique_temp_id: 'same' });
    await settled(app, 1);
    await must(['apps', 'delete', '--app-id', app.id, '--data', fixture.dataDir], { settings: fixture.settings });
    const anew = await ChatApp.create(fixture, app.id, { webhookUrl: listener.url });
    await eventually('it is known', async () => (await anew.try('login_or_register', { email: mail('ann'), username: 'ann' })).status === 200);
    await anew.post(await anew.group('second life', 'ann'), 'ann', 'same', { unique_temp_id: 'same' });
    await listener.received(2);
    anew.close();
  }));
});
