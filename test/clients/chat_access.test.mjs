// Applications: their commands, their credentials, and that none sees another's data.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, must, run } from '../../scripts/lib/davenport.mjs';
import { assertError, assertFields, ChatApp, isNow, prefixes } from './lib/chat.mjs';
import { Fixture, freshId } from './lib/fixture.mjs';

const calls = [
  ['POST', 'create_room'], ['GET', 'get_or_create_room_with_target'], ['POST', 'get_rooms_info'], ['POST', 'add_room_participants'],
  ['POST', 'remove_room_participants'], ['POST', 'post_comment'], ['POST', 'load_comments'], ['POST', 'login_or_register'],
  ['POST', 'post_system_event_message'],
];

describe('chat applications', () => {
  let fixture;
  let app;
  let api;

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_ACCESS_FAILURES_PER_MINUTE: '100000' });
    app = await ChatApp.create(fixture, 'first-app');
    api = fixture.anonymous();
  });
  after(async () => {
    api?.close();
    app?.close();
    await fixture?.remove();
  });

  const apps = (...args) => run(['apps', ...args, '--data', fixture.dataDir], { settings: fixture.settings });
  const login = '/api/v2/rest/login_or_register';
  const someone = { email: 'someone@example.com', username: 'Someone' };
  const answer = async (headers, path = login) => (await api.post(path, someone, { headers })).status;

  it('prove themselves in every spelling', async () => {
    const { id, secret } = app;
    const good = [
      { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': secret },
      { QISCUS_SDK_APP_ID: id, QISCUS_SDK_SECRET: secret },
      { 'qiscus-sdk-app-id': id, qiscus_sdk_secret: secret },
      { Qiscus_Sdk_App_Id: id, 'Qiscus-Sdk-Secret': secret },
      { Host: `${id}.qiscus.com`, 'QISCUS-SDK-SECRET': secret },
      { Host: `${id}.qiscus.com:8080`, QISCUS_SDK_SECRET: secret },
      { Host: id, QISCUS_SDK_SECRET: secret },
      { Host: 'First-App.Qiscus.COM', QISCUS_SDK_SECRET: secret },
      // The header counts before the host's name.
      { Host: 'another.qiscus.com', 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': secret },
    ];
    for (const headers of good) {
      for (const prefix of prefixes) assert.equal(await answer(headers, `${prefix}/login_or_register`), 200, JSON.stringify(headers));
    }
  });

  it('are refused with wrong or missing credentials, on every call', async () => {
    const { id, secret } = app;
    const bad = [
      {},
      { 'QISCUS-SDK-APP-ID': id },
      { 'QISCUS-SDK-SECRET': secret },
      { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': '' },
      { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': `${secret}x` },
      { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': secret.slice(1) },
      { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': secret.toLowerCase() === secret ? secret.toUpperCase() : secret.toLowerCase() },
      { 'QISCUS-SDK-APP-ID': 'unknown', 'QISCUS-SDK-SECRET': secret },
      { 'QISCUS-SDK-APP-ID': '../control', 'QISCUS-SDK-SECRET': secret },
      { 'QISCUS-SDK-APP-ID': 'x'.repeat(500), 'QISCUS-SDK-SECRET': secret },
      { 'QISCUS-SDK-APP-ID': '\xff\xfe', 'QISCUS-SDK-SECRET': '\xff' },
      { Host: 'unknown.qiscus.com', 'QISCUS-SDK-SECRET': secret },
      { Host: '[::1]:3000', 'QISCUS-SDK-SECRET': secret },
      // Keys of the backup API are nothing here.
      { authorization: `Basic ${Buffer.from(`${fixture.key.api_key}:${fixture.key.api_secret}`).toString('base64')}` },
    ];
    const messages = new Set();
    for (const headers of bad) {
      const reply = await api.post(login, someone, { headers });
      assertError(reply, 401);
      assert.ok(reply.headers['www-authenticate']);
      messages.add(reply.text);
    }
    // What was wrong is not told.
    assert.equal(messages.size, 1, [...messages].join('\n'));
    for (const prefix of prefixes) {
      for (const [method, name] of calls) {
        assertError(await api.request(method, `${prefix}/${name}`, '{', { headers: { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': 'wrong' } }), 401);
      }
    }
    assert.ok(!fixture.service.log.includes(secret));
  });

  it('know no other call and no other method', async () => {
    for (const prefix of prefixes) {
      assertError(await app.raw('GET', `${prefix}/nothing`), 404);
      assertError(await app.raw('GET', `${prefix}/`), 404);
      for (const [method, name] of calls) {
        const reply = await app.raw(method === 'GET' ? 'POST' : 'GET', `${prefix}/${name}`);
        assertError(reply, 405);
        assert.match(reply.headers.allow, new RegExp(method));
      }
    }
  });

  it('never see each other', async () => {
    const other = await ChatApp.create(fixture, 'other_app');
    try {
      // The same people and rooms, by name and by number, and different content.
      const rooms = [];
      for (const one of [app, other]) {
        rooms.push(await one.group(`of ${one.id}`, 'ann', 'bob'));
        await one.post(rooms.at(-1), 'ann', `secret of ${one.id}`, { unique_temp_id: 'the same' });
      }
      const onlyHere = await app.group('only here', 'only');
      await app.post(onlyHere, 'only', 'secret of first-app');
      for (const [index, one] of [app, other].entries()) {
        const [comment] = await one.load(rooms[index]);
        assert.equal(comment.message, `secret of ${one.id}`);
        assert.equal(comment.room_name, `of ${one.id}`);
      }
      for (let room = 1; room < onlyHere + 5; room += 1) {
        const reply = await other.try('load_comments', { room_id: room });
        assert.ok(!reply.text.includes('of first-app'), reply.text);
      }
      assertError(await other.try('load_comments', { room_id: onlyHere + 1000 }), 404);
      assertError(await other.try('create_room', { name: 'x', creator: 'only@example.com', participants: [] }), 400, /only@example.com/);
      const tokens = [await app.user('ann'), await other.user('ann')].map(({ token }) => token);
      assert.notEqual(tokens[0], tokens[1]);
      // The one's secret with the other's id.
      assert.equal(await answer({ 'QISCUS-SDK-APP-ID': other.id, 'QISCUS-SDK-SECRET': app.secret }), 401);
    } finally {
      other.close();
      await must(['apps', 'delete', '--app-id', 'other_app', '--data', fixture.dataDir], { settings: fixture.settings });
    }
  });

  it('are listed, and refused when they are wrong', async () => {
    const webhook = 'http://127.0.0.1:9/hook';
    const made = await apps('create', '--app-id', 'listed', '--webhook-url', webhook);
    assert.equal(made.code, 0, made.stderr);
    assertFields(JSON.parse(made.stdout), { app_id: 'listed', secret: /^\S{20,}$/ });
    assert.equal(made.stdout.trim().split('\n').length, 1);

    const listed = await apps('list');
    assert.equal(listed.code, 0);
    const rows = JSON.parse(listed.stdout).apps;
    assert.deepEqual(rows.map(({ app_id }) => app_id), ['first-app', 'listed']);
    assertFields(rows[1], { app_id: 'listed', webhook_url: webhook, database: 'chat_listed', created: isNow });
    const { secret } = JSON.parse(made.stdout);
    assert.ok(!listed.stdout.includes(secret));

    const again = await apps('create', '--app-id', 'listed');
    assert.deepEqual([again.code, again.stdout], [6, ''], again.stderr);
    // Nothing has changed for the one that is there.
    const headers = { 'QISCUS-SDK-APP-ID': 'listed', 'QISCUS-SDK-SECRET': secret };
    assert.equal(await answer(headers), 200);

    for (const id of ['', 'UPPER', '-a', 'a-', '_a', 'a b', 'a/b', '..', 'a.b', 'ä', 'x'.repeat(64), 'a\nb']) {
      const bad = await apps('create', '--app-id', id);
      assert.ok([2, 3].includes(bad.code), `${id}: ${bad.code} ${bad.stderr}`);
      assert.equal(bad.stdout, '');
    }
    for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/', 'ftp://127.0.0.1/', 'nonsense', 'http://user:pw@127.0.0.1/']) {
      const bad = await apps('create', '--app-id', 'refused', '--webhook-url', url);
      assert.deepEqual([bad.code, bad.stdout], [3, ''], `${url}: ${bad.stderr}`);
      assert.match(bad.stderr, /webhook_url/);
      assert.equal((await apps('set-webhook', '--app-id', 'listed', '--webhook-url', url)).code, 3);
    }
    assert.equal(JSON.parse((await apps('list')).stdout).apps.find(({ app_id }) => app_id === 'listed').webhook_url, webhook);
    const changed = await apps('set-webhook', '--app-id', 'listed', '--webhook-url', '');
    assert.equal(changed.code, 0, changed.stderr);
    assertFields(JSON.parse(changed.stdout), { app_id: 'listed', webhook_url: '' });
    assert.equal(JSON.parse((await apps('list')).stdout).apps[1].webhook_url, '');

    for (const args of [['rotate-secret'], ['delete'], ['set-webhook', '--webhook-url', '']]) {
      const [verb, ...rest] = args;
      const unknown = await apps(verb, '--app-id', 'unknown', ...rest);
      assert.deepEqual([unknown.code, unknown.stdout], [5, ''], `${verb}: ${unknown.stderr}`);
      assert.match(unknown.stderr, /unknown/);
      const strange = await apps(verb, '--app-id', '../x', ...rest);
      assert.ok([3, 5].includes(strange.code), strange.stderr);
    }
    for (const args of [[], ['nonsense'], ['create'], ['rotate-secret'], ['delete'], ['set-webhook', '--app-id', 'listed'], ['list', '--app-id', 'x']]) {
      const wrong = await run(['apps', ...args], { cwd: fixture.dataDir });
      assert.deepEqual([wrong.code, wrong.stdout], [2, ''], args.join(' '));
    }
    for (const verb of ['create', 'list', 'rotate-secret', 'set-webhook', 'delete']) {
      assert.equal((await run(['apps', verb, '--help'])).code, 0);
    }
    assert.equal((await apps('delete', '--app-id', 'listed')).code, 0);
    assert.deepEqual(JSON.parse((await apps('list')).stdout).apps.map(({ app_id }) => app_id), ['first-app']);
  });

  it('get a new secret, and the former one ends beside a running service', async () => {
    const one = await ChatApp.create(fixture, 'rotated');
    const former = one.headers;
    const room = await one.group('stays', 'ann');
    const rotated = await apps('rotate-secret', '--app-id', 'rotated');
    assert.equal(rotated.code, 0, rotated.stderr);
    assertFields(JSON.parse(rotated.stdout), { app_id: 'rotated', secret: (text) => text !== one.secret && text.length >= 20 });
    await eventually('the former secret is refused', async () => await answer(former) === 401, { timeoutMs: 5000 });
    one.secret = JSON.parse(rotated.stdout).secret;
    await one.post(room, 'ann', 'with the new one');
    assert.equal(await answer(former), 401);
    one.close();
  });

  it('are gone when they are deleted, and can come again', async () => {
    for (let round = 0; round < 2; round += 1) {
      const one = await ChatApp.create(fixture, 'deleted');
      // Another life, another secret; a service that knew the former one sees it soon.
      await eventually('the application is known', async () => await answer(one.headers) === 200, { timeoutMs: 5000 });
      const room = await one.group('goes', 'ann');
      assert.equal(room, 1, 'a fresh application begins with nothing');
      await one.post(room, 'ann', `round ${round}`);
      assert.equal((await one.load(room)).length, 1);
      const deleted = await apps('delete', '--app-id', 'deleted');
      assert.equal(deleted.code, 0, deleted.stderr);
      assertFields(JSON.parse(deleted.stdout), { app_id: 'deleted', deleted: true });
      await eventually('everything is 401', async () => {
        for (const [method, name] of calls) {
          const reply = await one.raw(method, `${prefixes[0]}/${name}`);
          assert.ok([400, 401, 404].includes(reply.status), reply.text);
          if (reply.status !== 401) return false;
        }
        return true;
      }, { timeoutMs: 5000 });
      assert.ok(!fixture.service.log.includes('internal'), fixture.service.log);
      one.close();
    }
  });
});

describe('chat credentials', () => {
  it('can be tried a few times a minute only', async () => {
    const fixture = await Fixture.create({ DAVENPORT_ACCESS_FAILURES_PER_MINUTE: '5' });
    try {
      const app = await ChatApp.create(fixture, 'guarded');
      const wrong = new ChatApp(fixture, 'guarded', 'wrong');
      await app.user('ann');
      for (let attempt = 0; attempt < 5; attempt += 1) assertError(await wrong.try('login_or_register', {}), 401);
      const limited = await wrong.try('login_or_register', {});
      assertError(limited, 429);
      assert.match(limited.headers['retry-after'], /^\d+$/);
      for (const one of [app, wrong]) one.close();
    } finally {
      await fixture.remove();
    }
  });
});
