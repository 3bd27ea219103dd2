// The chat API's nine calls: every field of every answer, in every form of asking.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertChain, assertError, assertFields, ChatApp, forms, isId, isNow, isText, prefixes, urlencoded } from './lib/chat.mjs';
import { Fixture, freshId } from './lib/fixture.mjs';

const mail = (name) => `${name}@example.com`;
const avatar = 'https://example.com/a picture.png'.replace(' ', '%20');

describe('chat', () => {
  let fixture;
  let app;

  before(async () => {
    fixture = await Fixture.create();
    app = await ChatApp.create(fixture, 'the-app');
  });
  after(async () => {
    app?.close();
    await fixture?.remove();
  });

  for (const prefix of prefixes) {
    for (const form of Object.keys(forms)) {
      const options = { prefix, form };
      it(`has every call and field under ${prefix}, asked with ${form}`, async () => {
        const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => freshId(name));
        const login = await app.call('login_or_register', {
          email: mail(ann), password: 'secret', username: 'Ann Ömer', avatar_url: avatar, device_token: 'dt', device_platform: 'ios',
        }, options);
        assertFields(login, { user: (user) => typeof user === 'object' });
        assertFields(login.user, {
          id: isId, email: mail(ann), username: 'Ann Ömer', avatar_url: avatar, token: /^\S{16,}$/,
        });
        for (const name of [bob, cid]) {
          const { user } = await app.call('login_or_register', { email: mail(name), username: name }, options);
          assertFields(user, { id: (id) => id > login.user.id, email: mail(name), username: name, avatar_url: '', token: isText });
        }

        const created = await app.call('create_room', { name: 'Grüße & more', creator: mail(ann), participants: [mail(ann), mail(bob)] }, options);
        const room = {
          creator: mail(ann), participants: [mail(ann), mail(bob)], room_id: isId, room_name: 'Grüße & more', room_type: 'group',
        };
        assertFields(created, room);
        const { room_id } = created;
        room.room_id = room_id;
        assertFields(await app.call('add_room_participants', { room_id, emails: [mail(cid), mail(bob)] }, options),
          { ...room, participants: [mail(ann), mail(bob), mail(cid)] });
        assertFields(await app.call('remove_room_participants', { room_id, emails: [mail(cid), mail(bob)] }, options),
          { ...room, participants: [mail(ann)] });
        assertFields(await app.call('add_room_participants', { room_id, emails: [mail(bob)] }, options), room);

        const message = `one + two = 3 & "four" <ünïcödé> 😀 ${form}`;
        const { comment, ...rest } = await app.call('post_comment', { sender_email: mail(ann), room_id, message }, options);
        assert.deepEqual(rest, {});
        const shown = {
          id: isId, comment_before_id: 0, message, disable_link_preview: false, email: mail(ann), username: 'Ann Ömer',
          user_avatar_url: avatar, timestamp: isNow, unique_temp_id: /^\S{16,}$/,
        };
        assertFields(comment, shown);
        const second = (await app.call('post_comment', {
          sender_email: mail(bob), room_id, message: 'two', unique_temp_id: `temp/${bob}`, disable_link_preview: true,
        }, options)).comment;
        const shownSecond = {
          id: (id) => id > comment.id, comment_before_id: comment.id, message: 'two', disable_link_preview: true, email: mail(bob),
          username: bob, user_avatar_url: '', timestamp: isNow, unique_temp_id: `temp/${bob}`,
        };
        assertFields(second, shownSecond);

        const { comments, ...nothing } = await app.call('load_comments', { room_id, page: 1, limit: 20 }, options);
        assert.deepEqual(nothing, {});
        assert.equal(comments.length, 2);
        assertFields(comments[0], { ...shownSecond, room_id, room_name: 'Grüße & more' });
        assertFields(comments[1], { ...shown, room_id, room_name: 'Grüße & more' });
        assert.deepEqual(comments[0], { ...second, room_id, room_name: 'Grüße & more' });

        const { rooms_info } = await app.call('get_rooms_info', { room_id: [String(room_id)], user_email: mail(ann) }, options);
        assert.equal(rooms_info.length, 1);
        assertFields(rooms_info[0], {
          last_comment_id: second.id, last_comment_message: 'two', last_comment_timestamp: second.timestamp,
          room_id, room_name: 'Grüße & more', room_type: 'group', unread_count: 1,
        });

        const event = await app.call('post_system_event_message', { system_event_type: 'add_member', room_id, subject_email: mail(ann), object_email: [mail(bob), mail(cid)] }, options);
        assertFields(event, { comment: (value) => typeof value === 'object', object_id: isId });
      });
    }

    it(`finds or makes a room for two under ${prefix}`, async () => {
      const [ann, bob] = ['ann', 'bob'].map((name) => freshId(name));
      const path = `${prefix}/get_or_create_room_with_target`;
      await app.user(ann, { avatar_url: avatar });
      await app.user(bob);
      const options = { prefix };
      const fresh = await app.call('get_or_create_room_with_target', { emails: [mail(bob), mail(ann)], avatar_url: 'https://example.com/room.png' }, options);
      const participants = [
        { avatar_url: '', email: mail(bob), username: bob },
        { avatar_url: avatar, email: mail(ann), username: ann },
      ];
      const shown = {
        avatar_url: 'https://example.com/room.png', chat_type: 'single', id: isId, last_comment_id: 0, last_comment_message: '',
        last_topic_id: fresh.room.id, options: null, participants, room_name: `${mail(bob)} ${mail(ann)}`,
      };
      assert.deepEqual(fresh.comments, []);
      assertFields(fresh.room, shown);
      const one = await app.post(fresh.room.id, ann, 'one');
      const two = await app.post(fresh.room.id, bob, 'two');
      const queries = [
        `?${urlencoded({ emails: [mail(ann), mail(bob)] })}`,
        `?${urlencoded({ emails: [mail(bob), mail(ann)] }, '')}`,
        `?emails[]=${mail(ann)}&emails[]=${mail(bob)}`,
      ];
      for (const query of queries) {
        const reply = await app.raw('GET', path + query);
        assert.equal(reply.status, 200, reply.text);
        assertFields(reply.json.results, { comments: [two, one], room: (value) => typeof value === 'object' });
        assertFields(reply.json.results.room, { ...shown, id: fresh.room.id, last_comment_id: two.id, last_comment_message: 'two' });
      }
      for (const form of Object.keys(forms)) {
        const { body, type } = forms[form]({ emails: [mail(ann), mail(bob)] });
        const reply = await app.raw('GET', path, body, { 'content-type': type });
        assert.equal(reply.status, 200, `${form}: ${reply.text}`);
        assert.equal(reply.json.results.room.id, fresh.room.id);
      }
      const { rooms_info: [info] } = await app.call('get_rooms_info', { room_id: [fresh.room.id], user_email: mail(ann) }, options);
      assert.equal(info.room_type, 'single');
    });
  }

  it('updates a user by what is given, and keeps the token', async () => {
    const name = freshId('login');
    const first = await app.user(name, { password: 'a', avatar_url: avatar });
    assert.deepEqual(await app.user(name), first);
    const changed = (await app.call('login_or_register', { email: mail(name), username: 'Another', password: 'b' })).user;
    assert.deepEqual(changed, { ...first, username: 'Another' });
    assert.deepEqual((await app.call('login_or_register', { email: mail(name) })).user, changed);
    // Comments show what the user is called now.
    const room = await app.group('names', name);
    await app.post(room, name, 'hello');
    await app.call('login_or_register', { email: mail(name), username: 'Third', avatar_url: 'https://example.com/3.png' });
    const [comment] = await app.load(room);
    assert.equal(comment.username, 'Third');
    assert.equal(comment.user_avatar_url, 'https://example.com/3.png');
  });

  it('registers a user once, however many ask at the same time', async () => {
    const name = freshId('many');
    const users = await Promise.all(Array.from({ length: 16 }, () => app.user(name)));
    for (const user of users) assert.deepEqual(user, users[0]);
  });

  it('makes one room for two, in either order, however many ask at the same time', async () => {
    const [ann, bob] = ['ann', 'bob'].map((name) => freshId(name));
    for (const name of [ann, bob]) await app.user(name);
    const rooms = await Promise.all(Array.from({ length: 16 }, (_, index) => (
      app.call('get_or_create_room_with_target', { emails: index % 2 ? [mail(ann), mail(bob)] : [mail(bob), mail(ann)] }))));
    assert.equal(new Set(rooms.map(({ room }) => room.id)).size, 1);
    assert.equal(new Set(rooms.map(({ room }) => room.room_name)).size, 1);
  });

  it('chains the comments of a room, also of 32 who post at once into two rooms', async () => {
    const people = Array.from({ length: 32 }, () => freshId('poster'));
    const rooms = [await app.group('one', ...people), await app.group('two', ...people)];
    const posted = (await Promise.all(people.map(async (person, index) => {
      const own = [];
      for (let count = 0; count < 4; count += 1) {
        const room = rooms[(index + count) % 2];
        own.push({ room, ...await app.post(room, person, `${person} ${count}`) });
      }
      assert.deepEqual(own.map(({ id }) => id), own.map(({ id }) => id).sort((a, b) => a - b));
      return own;
    }))).flat();
    assert.equal(new Set(posted.map(({ id }) => id)).size, 128);
    for (const room of rooms) {
      const here = posted.filter((comment) => comment.room === room).sort((a, b) => a.id - b.id);
      assert.equal(here.length, 64);
      assertChain(here);
      const loaded = await app.history(room);
      assertChain(loaded);
      assert.deepEqual(loaded.map(({ id }) => id), here.map(({ id }) => id));
    }
  });

  it('gives the first comment for a repeated unique_temp_id', async () => {
    const [ann, bob] = ['ann', 'bob'].map((name) => freshId(name));
    const room = await app.group('repeated', ann, bob);
    const other = await app.group('other', ann);
    const before = await app.post(room, bob, 'before');
    const unique_temp_id = freshId('android_1494 ü/?&');
    const first = await app.post(room, ann, 'first', { unique_temp_id });
    await app.post(room, bob, 'after');
    assert.deepEqual(await app.post(room, ann, 'again', { unique_temp_id }), first);
    assert.equal(first.comment_before_id, before.id);
    // Of somebody else, or in another room, it is another comment: refused.
    assertError(await app.try('post_comment', { sender_email: mail(bob), room_id: room, message: 'mine', unique_temp_id }), 400, /unique_temp_id/);
    assertError(await app.try('post_comment', { sender_email: mail(ann), room_id: other, message: 'mine', unique_temp_id }), 400, /unique_temp_id/);
    assert.equal((await app.load(room)).length, 3);
    assert.deepEqual(await app.load(other), []);

    const atOnce = freshId('at-once');
    const comments = await Promise.all(Array.from({ length: 16 }, (_, index) => app.post(room, ann, `try ${index}`, { unique_temp_id: atOnce })));
    for (const comment of comments) assert.deepEqual(comment, comments[0]);
    assert.equal((await app.load(room)).filter((comment) => comment.unique_temp_id === atOnce).length, 1);
  });

  it('counts as unread what came since the own last comment, or since one came', async () => {
    const [ann, bob, cid, dan] = ['ann', 'bob', 'cid', 'dan'].map((name) => freshId(name));
    const room = await app.group('unread', ann, bob);
    const empty = await app.group('empty', ann);
    await app.user(cid);
    await app.user(dan);
    const info = async (name, ...rooms) => (await app.call('get_rooms_info', { room_id: rooms, user_email: mail(name) })).rooms_info;
    const unread = async (name) => (await info(name, room))[0].unread_count;
    assertFields((await info(ann, empty))[0], {
      last_comment_id: 0, last_comment_message: '', last_comment_timestamp: '0001-01-01T00:00:00Z', room_id: empty, room_name: 'empty', room_type: 'group', unread_count: 0,
    });
    for (const text of ['1', '2', '3']) await app.post(room, ann, text);
    assert.deepEqual([await unread(ann), await unread(bob)], [0, 3]);
    await app.post(room, bob, '4');
    assert.deepEqual([await unread(ann), await unread(bob)], [1, 0]);
    await app.call('add_room_participants', { room_id: room, emails: [mail(cid)] });
    assert.equal(await unread(cid), 0);
    const last = await app.post(room, ann, '5');
    assert.deepEqual([await unread(ann), await unread(bob), await unread(cid)], [0, 1, 1]);
    // Who leaves and comes again has missed what came meanwhile.
    await app.call('remove_room_participants', { room_id: room, emails: [mail(cid)] });
    await app.post(room, ann, '6');
    await app.call('add_room_participants', { room_id: room, emails: [mail(cid)] });
    assert.equal(await unread(cid), 0);
    // Rooms come in the order asked for.
    const both = await info(ann, empty, room);
    assert.deepEqual(both.map(({ room_id }) => room_id), [empty, room]);
    assert.equal(both[1].last_comment_message, '6');
    assert.ok(both[1].last_comment_id > last.id);
    // Neither a room one is not in nor one that is not there.
    assertError(await app.try('get_rooms_info', { room_id: [room], user_email: mail(dan) }), 400, /is not in room/);
    assertError(await app.try('get_rooms_info', { room_id: [room, 987654], user_email: mail(ann) }), 400, /987654/);
    assertError(await app.try('get_rooms_info', { room_id: [room], user_email: mail('nobody') }), 400, /nobody/);
    assertError(await app.try('get_rooms_info', { room_id: [], user_email: mail(ann) }), 400, /room_id/);
  });

  it('pages through comments, newest first, 20 a page', async () => {
    const ann = freshId('ann');
    const room = await app.group('pages', ann);
    const ids = [];
    for (let count = 1; count <= 25; count += 1) ids.unshift((await app.post(room, ann, `${count}`)).id);
    const load = async (members) => (await app.load(room, members)).map(({ id }) => id);
    assert.deepEqual(await load({}), ids.slice(0, 20));
    assert.deepEqual(await load({ page: 2 }), ids.slice(20));
    assert.deepEqual(await load({ page: 3 }), []);
    assert.deepEqual(await load({ page: 2, limit: 10 }), ids.slice(10, 20));
    assert.deepEqual(await load({ page: '3', limit: '10' }), ids.slice(20));
    assert.deepEqual(await load({ limit: 1000 }), ids);
    assert.deepEqual(await load({ page: '', limit: null }), ids.slice(0, 20));
    assert.deepEqual(await load({ page: '1000000000000000000' }), []);
    assert.deepEqual(await load({ page: 10 ** 15, limit: 1 }), []);
    const [newest] = await app.load(room, { limit: 1 });
    assert.equal(newest.comment_before_id, ids[1]);
    for (const bad of [0, -1, 'abc', '1e3', '-0', '+1', ' 1', 1.5, true, {}, [1, 2], '9223372036854775808', '99999999999999999999']) {
      assertError(await app.try('load_comments', { room_id: room, page: bad }), 400, /page/);
      assertError(await app.try('load_comments', { room_id: room, limit: bad }), 400, /limit/);
    }
    assertError(await app.try('load_comments', { room_id: room, limit: 1001 }), 400, /limit.*1000/);
  });

  it('adds and removes participants, again without harm', async () => {
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => freshId(name));
    const room = await app.group('people', ann, bob);
    await app.user(cid);
    const change = async (verb, ...names) => (await app.call(`${verb}_room_participants`, { room_id: room, emails: names.map(mail) })).participants;
    assert.deepEqual(await change('add', cid), [ann, bob, cid].map(mail));
    assert.deepEqual(await change('add', cid, cid, ann), [ann, bob, cid].map(mail));
    assert.deepEqual(await change('remove', bob), [ann, cid].map(mail));
    assert.deepEqual(await change('remove', bob), [ann, cid].map(mail));
    assertError(await app.try('post_comment', { sender_email: mail(bob), room_id: room, message: 'x' }), 403, /not in room/);
    // A stranger, known or not, is a clear error, and nobody else is removed then.
    const dan = await app.user(freshId('dan'));
    for (const email of [dan.email, mail('nobody')]) {
      assertError(await app.try('remove_room_participants', { room_id: room, emails: [mail(cid), email] }), 400, new RegExp(email));
    }
    assertError(await app.try('add_room_participants', { room_id: room, emails: [dan.email, mail('nobody')] }), 400, /nobody/);
    assert.deepEqual(await change('add', ann), [ann, cid].map(mail));
    for (const verb of ['add', 'remove']) {
      assertError(await app.try(`${verb}_room_participants`, { room_id: 987654, emails: [mail(ann)] }), 404, /987654/);
      assertError(await app.try(`${verb}_room_participants`, { room_id: room, emails: [] }), 400, /emails/);
      assertError(await app.try(`${verb}_room_participants`, { room_id: room }), 400, /emails/);
    }
    // Many at once: nobody is lost.
    const crowd = Array.from({ length: 16 }, () => freshId('crowd'));
    for (const name of crowd) await app.user(name);
    await Promise.all(crowd.map((name) => change('add', name)));
    assert.deepEqual(new Set(await change('add', ann)), new Set([ann, cid, ...crowd].map(mail)));
  });

  it('keeps the two of a single room', async () => {
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => freshId(name));
    for (const name of [ann, bob, cid]) await app.user(name);
    const { room: { id } } = await app.call('get_or_create_room_with_target', { emails: [mail(ann), mail(bob)] });
    assertError(await app.try('add_room_participants', { room_id: id, emails: [mail(cid)] }), 400, /single/);
    assertError(await app.try('remove_room_participants', { room_id: id, emails: [mail(ann)] }), 400, /single/);
    await app.post(id, ann, 'still here');
  });

  it('posts system events of all seven types', async () => {
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => freshId(name));
    const room = await app.group('Test Group', ann, bob);
    await app.user(cid);
    const expected = [
      ['create_room', { updated_room_name: 'Test Group' }, `${ann} created room Test Group`, {}],
      ['add_member', { object_email: [mail(bob)] }, `${ann} added ${bob}`, { object_email: mail(bob), object_username: bob }],
      ['join_room', {}, `${ann} joined room`, {}],
      ['remove_member', { object_email: [mail(bob)] }, `${ann} removed ${bob}`, { object_email: mail(bob), object_username: bob }],
      ['left_room', {}, `${ann} left room`, {}],
      ['change_room_name', { updated_room_name: '{0} 100 %' }, `${ann} changed room name to {0} 100 %`, { room_name: '{0} 100 %' }],
      ['change_room_avatar', {}, `${ann} changed room avatar`, {}],
    ];
    let before = 0;
    for (const [system_event_type, members, message, payload] of expected) {
      const results = await app.call('post_system_event_message', { system_event_type, room_id: room, subject_email: mail(ann), ...members });
      const { comment } = results;
      assertFields(comment, {
        comment_before_id: before,
        disable_link_preview: false,
        email: 'system@the-app.qiscus.com',
        id: (id) => isId(id) && id > before,
        message,
        payload: {
          object_email: '', object_username: '', room_name: 'Test Group', subject_email: mail(ann), subject_username: ann, type: system_event_type, ...payload,
        },
        room_id: room,
        timestamp: isNow,
        topic_id: room,
        type: 'system_event',
        unique_temp_id: /^\S{16,}$/,
        unix_timestamp: Date.parse(comment.timestamp) / 1000,
        user_avatar: { avatar: { url: comment.user_avatar_url } },
        user_avatar_url: isText,
        user_id: isId,
        username: 'System',
      });
      const withObject = system_event_type.endsWith('_member');
      assert.deepEqual(Object.keys(results).sort(), withObject ? ['comment', 'object_id'] : ['comment']);
      if (withObject) assert.equal(results.object_id, (await app.user(bob)).id);
      before = comment.id;
    }
    // Several objects: a comment each, and the last one answers.
    const { comment, object_id } = await app.call('post_system_event_message', {
      system_event_type: 'add_member', room_id: room, subject_email: mail(ann), object_email: [mail(bob), mail(cid)],
    });
    assert.equal(comment.message, `${ann} added ${cid}`);
    assert.equal(object_id, (await app.user(cid)).id);
    const history = await app.history(room);
    assertChain(history);
    assert.equal(history.length, 9);
    assert.equal(history.at(-1).email, 'system@the-app.qiscus.com');

    const base = { system_event_type: 'join_room', room_id: room, subject_email: mail(ann) };
    const bad = [
      [{ system_event_type: 'nonsense' }, 400, /system_event_type/],
      [{ system_event_type: undefined }, 400, /system_event_type/],
      [{ system_event_type: 'add_member' }, 400, /object_email/],
      [{ system_event_type: 'remove_member', object_email: [] }, 400, /object_email/],
      [{ system_event_type: 'add_member', object_email: [mail(bob), mail('nobody')] }, 400, /nobody/],
      [{ system_event_type: 'add_member', object_email: Array(1001).fill(mail(bob)) }, 400, /object_email/],
      [{ system_event_type: 'change_room_name' }, 400, /updated_room_name/],
      [{ system_event_type: 'create_room', updated_room_name: '' }, 400, /updated_room_name/],
      [{ system_event_type: 'create_room', updated_room_name: 'x'.repeat(1025) }, 400, /updated_room_name/],
      [{ subject_email: mail('nobody') }, 400, /nobody/],
      [{ subject_email: undefined }, 400, /subject_email/],
      [{ room_id: 987654 }, 404, /987654/],
      [{ room_id: undefined }, 400, /room_id/],
    ];
    for (const [members, status, pattern] of bad) {
      assertError(await app.try('post_system_event_message', { ...base, ...members }), status, pattern);
    }
    assert.equal((await app.history(room)).length, 9);
    // Nobody posts one as an ordinary comment.
    assertError(await app.try('post_comment', { sender_email: mail(ann), room_id: room, message: 'x', type: 'system_event' }), 400, /type/);
  });
});
