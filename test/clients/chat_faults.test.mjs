// What the chat API does with bad input: a 4xx in its own form, and nothing written.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertError, ChatApp, forms, multipart } from './lib/chat.mjs';
import { Fixture } from './lib/fixture.mjs';

const ann = 'ann@example.com';
const bob = 'bob@example.com';

describe('chat, bad input', () => {
  let fixture;
  let app;
  let room;
  let base;
  let documents;

  const databaseOf = () => fixture.api.allDocuments('chat_faulty');

  before(async () => {
    fixture = await Fixture.create();
    app = await ChatApp.create(fixture, 'faulty');
    room = await app.group('room', 'ann', 'bob');
    await app.post(room, 'ann', 'hello');
    await app.call('post_system_event_message', { system_event_type: 'join_room', room_id: room, subject_email: ann });
    base = {
      login_or_register: { email: 'new@example.com', username: 'New' },
      create_room: { name: 'new', creator: ann, participants: [bob] },
      get_or_create_room_with_target: { emails: [ann, bob] },
      get_rooms_info: { room_id: [room], user_email: ann },
      add_room_participants: { room_id: room, emails: [bob] },
      remove_room_participants: { room_id: room, emails: [bob] },
      post_comment: { room_id: room, sender_email: ann, message: 'x' },
      load_comments: { room_id: room },
      post_system_event_message: { system_event_type: 'join_room', room_id: room, subject_email: ann },
    };
    documents = await databaseOf();
    assert.ok(documents.size >= 5);
  });
  after(async () => {
    app?.close();
    await fixture?.remove();
  });

  const path = (name) => `/api/v2/rest/${name}`;
  const method = (name) => (name.startsWith('get_or_create') ? 'GET' : 'POST');
  const send = (name, body, type) => app.raw(method(name), path(name), body, type === undefined ? {} : { 'content-type': type });
  const assertUntouched = async () => assert.deepEqual(await databaseOf(), documents);

  it('of every parameter is refused', async () => {
    const wrongEmails = ['', 'no address', 'a@', '@b', 'a@b@c', 'a b@c', `${'x'.repeat(400)}@example.com`, 'a\n@b', 'a\u0000@b', 7, {}, [], true, ['a@b', 'c@d']];
    const wrongIds = ['', 0, -1, 'abc', '1x', 1.5, 1e30, '1e30', '99999999999999999999', true, {}, [], [[1]], ' 1'];
    const wrongTexts = ['', 7, {}, true, ['a'], 'x\u0000y'];
    const wrong = {
      login_or_register: {
        email: wrongEmails,
        username: [...wrongTexts, 'x'.repeat(1025), 'a\u0007b'],
        password: [7, {}, true, ['a'], 'x'.repeat(1025), 'a\u0000b'],
        avatar_url: [7, {}, 'nonsense', 'ftp://x/', 'javascript:alert(1)', 'https://', 'https://a b/', `https://x/${'y'.repeat(5000)}`],
        device_token: [7, {}, 'x'.repeat(5000), 'a\u0000b'],
        device_platform: ['windows', 7, {}, ['ios']],
      },
      create_room: {
        name: [...wrongTexts, 'x'.repeat(1025)],
        creator: [...wrongEmails, 'nobody@example.com'],
        participants: [7, {}, true, 'nobody@example.com', ['nobody@example.com'], [7], [[ann]], [null], [''], [`${'x'.repeat(400)}@example.com`], Array(10001).fill(ann)],
      },
      get_rooms_info: {
        room_id: [...wrongIds.filter((value) => !Array.isArray(value)), [], [0], ['x'], [null], [room, {}], Array(101).fill(room), [10 ** 15]],
        user_email: [...wrongEmails, 'nobody@example.com'],
      },
      add_room_participants: { room_id: [...wrongIds, 987654, '9223372036854775807'], emails: ['', [], {}, 7, [7], ['nobody@example.com'], Array(10001).fill(ann)] },
      remove_room_participants: { room_id: [...wrongIds, 987654, '9223372036854775807'], emails: ['', [], {}, 7, [7], ['nobody@example.com'], Array(10001).fill(ann)] },
      post_comment: {
        sender_email: [...wrongEmails, 'nobody@example.com'],
        room_id: [...wrongIds, 987654, '9223372036854775807'],
        message: [...wrongTexts, 'x'.repeat(65537), '\u00e4'.repeat(32769)],
        unique_temp_id: [7, {}, ['a'], 'x'.repeat(513), 'a\nb', 'a\u0000b'],
        type: [7, 'system_event', 'UPPER', 'a b', 'x'.repeat(65)],
        payload: [7, 'text', [], '[]', '{', { text: 'x'.repeat(70000) }],
        disable_link_preview: [7, 'yes', {}],
      },
      load_comments: { room_id: [...wrongIds, 987654, '9223372036854775807'] },
      post_system_event_message: {
        system_event_type: [...wrongTexts, 'nonsense'],
        room_id: [...wrongIds, 987654],
        subject_email: [...wrongEmails, 'nobody@example.com'],
        updated_room_name: [7, {}, 'a\u0000b', 'x'.repeat(2000)],
        object_email: [7, {}, [7]],
      },
    };
    for (const [name, parameters] of Object.entries(wrong)) {
      for (const [parameter, values] of Object.entries(parameters)) {
        for (const value of values) {
          const reply = await app.try(name, { ...base[name], [parameter]: value });
          assert.ok([400, 404].includes(reply.status), `${name} ${parameter}=${JSON.stringify(value)?.slice(0, 100)}: ${reply.status} ${reply.text.slice(0, 300)}`);
          assertError(reply, reply.status);
        }
        // Left out, where it is needed.
        const { [parameter]: left, ...rest } = base[name];
        if (left !== undefined && parameter !== 'participants') assertError(await app.try(name, rest), 400, new RegExp(parameter));
      }
      const several = await app.try(name, {});
      assertError(several, 400);
      assert.equal(several.json.error.detailed_messages.length, new Set(several.json.error.detailed_messages).size);
    }
    const pairs = [[], [ann], [ann, ann], [ann, bob, 'c@example.com'], [ann, 'nobody@example.com'], [ann, ''], [ann, 'x']];
    for (const emails of pairs) assertError(await app.try('get_or_create_room_with_target', { emails }), 400, /emails/);
    assertError(await app.try('get_or_create_room_with_target', { emails: [ann, bob], avatar_url: 'nonsense' }), 400, /avatar_url/);
    // All faults of a request at once.
    const faults = (await app.try('post_comment', { room_id: 'x' })).json.error.detailed_messages;
    assert.deepEqual(faults.map((line) => line.split(':')[0]).sort(), ['message', 'room_id', 'sender_email']);
    await assertUntouched();
  });

  it('of a body that cannot be read is refused', async () => {
    const json = 'application/json';
    const form = 'application/x-www-form-urlencoded';
    const parts = 'multipart/form-data; boundary=b';
    const part = (head, text) => `--b\r\n${head}\r\n\r\n${text}\r\n`;
    const named = (name, text) => part(`Content-Disposition: form-data; name="${name}"`, text);
    const bodies = [
      ['{', json], ['}', json], ['[]', json], ['"text"', json], ['null', json], ['7', json], ['{"a":1}x', json], ["{'a':1}", json],
      ['{"room_id":1e999}', json], ['{"room_id":123456789012345678901234567890}', json], ['{"room_id":-0}', json], ['{"room_id":NaN}', json],
      [Buffer.from('{"message":"\xff\xfe"}', 'latin1'), json], [Buffer.from('{"\xff":1}', 'latin1'), json],
      ['{"message":"\\ud800"}', json], ['{"message":"\\u00"}', json], ['{"message":"a\u0001b"}', json],
      [`{"a":${'['.repeat(100000)}${']'.repeat(100000)}}`, json], [`${'{"a":'.repeat(50000)}1${'}'.repeat(50000)}`, json],
      [`{"room_id":"${'9'.repeat(100000)}"}`, json],
      ['room_id=%', form], ['room_id=%zz', form], ['message=%ff%fe', form], ['%ff=1', form], ['room_id=1&room_id=2', form],
      [Buffer.from([0xff, 0xfe, 0x3d]), form],
      ['', parts], ['nonsense', parts], ['--b', parts], ['--b--', parts], ['--b\r\n', parts],
      [named('room_id', '1'), parts],
      [`${part('X: y', '1')}--b--\r\n`, parts],
      [`${named('room_id', '1')}${named('room_id', '2')}--b--\r\n`, parts],
      [Buffer.concat([Buffer.from(named('message', '').slice(0, -2)), Buffer.from([0xff, 0xfe]), Buffer.from('\r\n--b--\r\n')]), parts],
      [`${named('room_id', '1')}--b--\r\n`, 'multipart/form-data'],
      [`${named('room_id', '1')}--b--\r\n`, 'multipart/form-data; boundary='],
      [`${named('room_id', '1')}--b--\r\n`, 'multipart/form-data; boundary=another'],
      ['{}', 'application/xml'], ['<a/>', 'text/xml'], ['{}', 'image/png'], ['{}', 'nonsense'],
    ];
    for (const name of Object.keys(base)) {
      for (const [body, type] of bodies) {
        const reply = await send(name, body, type);
        const what = `${name} ${type} ${String(body).slice(0, 60)}: ${reply.status} ${reply.text.slice(0, 300)}`;
        assert.ok(reply.status >= 400 && reply.status < 500, what);
        assertError(reply, reply.status);
      }
      for (const query of ['?a=%', '?room_id=%ff', '?%ff=1']) {
        assertError(await app.raw(method(name), path(name) + query), 400);
      }
    }
    await assertUntouched();
  });

  it('that is too long is refused', async () => {
    const long = 'x'.repeat(2 << 20);
    for (const form of Object.keys(forms)) {
      const { body, type } = forms[form]({ room_id: room, sender_email: ann, message: long });
      const reply = await send('post_comment', body, type);
      assertError(reply, 413);
    }
    const many = multipart(Array.from({ length: 20000 }, (_, index) => [`f${index}`, '']));
    const reply = await send('post_comment', many.body, many.type);
    assert.ok([400, 413].includes(reply.status), reply.text);
    assertError(reply, reply.status);
    await assertUntouched();
    // The longest that is not.
    const { message } = await app.post(room, 'ann', '\u00e4'.repeat(32768), { unique_temp_id: 'x'.repeat(512) });
    assert.equal(message.length, 32768);
    assert.equal((await app.load(room))[0].message, message);
    documents = await databaseOf();
  });

  it('of a stranger is refused: who is not in the room posts nothing', async () => {
    await app.user('stranger');
    documents = await databaseOf();
    assertError(await app.try('post_comment', { room_id: room, sender_email: 'stranger@example.com', message: 'x' }), 403, /stranger@example.com is not in room/);
    // Neither does the user that speaks for the system.
    assertError(await app.try('post_comment', { room_id: room, sender_email: 'system@faulty.qiscus.com', message: 'x' }), 403);
    await assertUntouched();
  });
});
