// A chat database is an ordinary protected one: backed up, and restored into a new place with its
// order and what is unique in it.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { must } from '../../scripts/lib/davenport.mjs';
import { assertChain, assertError, ChatApp } from './lib/chat.mjs';
import { assertSuccess, Fixture, restoreById, restoreUpload } from './lib/fixture.mjs';

const mail = (name) => `${name}@example.com`;
const settings = { DAVENPORT_DATABASES_OTHERS: 'chat_x' };

async function converse(app) {
  const group = await app.group('Group', 'ann', 'bob', 'cid');
  await app.call('remove_room_participants', { room_id: group, emails: [mail('cid')] });
  const { room } = await app.call('get_or_create_room_with_target', { emails: [mail('ann'), mail('bob')] });
  for (let count = 0; count < 30; count += 1) {
    await app.post(count % 3 ? group : room.id, count % 2 ? 'ann' : 'bob', `message ${count}`, { unique_temp_id: `temp-${count}` });
  }
  await app.call('post_system_event_message', { system_event_type: 'add_member', room_id: group, subject_email: mail('ann'), object_email: [mail('bob')] });
  return { group, single: room.id };
}

const withoutToken = ({ token, ...user }) => user;

// Everything that the API shows of it.
async function stateOf(app, { group, single }) {
  const infos = {};
  for (const name of ['ann', 'bob']) infos[name] = await app.call('get_rooms_info', { room_id: [group, single], user_email: mail(name) });
  return {
    comments: { group: await app.history(group), single: await app.history(single) },
    infos,
    users: await Promise.all(['ann', 'bob', 'cid'].map(async (name) => withoutToken((await app.call('login_or_register', { email: mail(name) })).user))),
    pair: await app.call('get_or_create_room_with_target', { emails: [mail('bob'), mail('ann')] }),
  };
}

// It goes on as if nothing had happened.
async function assertGoesOn(app, rooms, state) {
  assert.deepEqual(await stateOf(app, rooms), state);
  // Who has been seen is known again; who was removed is still out.
  const old = state.comments.group[0];
  assert.equal(old.unique_temp_id, 'temp-1');
  const { room_id, room_name, ...shown } = old;
  assert.deepEqual(await app.post(rooms.group, 'ann', 'again', { unique_temp_id: 'temp-1' }), shown);
  assertError(await app.try('post_comment', { room_id: rooms.group, sender_email: mail('cid'), message: 'x' }), 403);
  const newest = Math.max(...Object.values(state.comments).flat().map(({ id }) => id));
  const fresh = await app.post(rooms.group, 'bob', 'after the restore');
  assert.ok(fresh.id > newest, `${fresh.id} after ${newest}`);
  assert.equal(fresh.comment_before_id, state.comments.group.at(-1).id);
  const user = await app.user('dan');
  assert.ok(user.id > Math.max(...state.users.map(({ id }) => id)));
  assert.ok(await app.group('another', 'dan') > Math.max(rooms.group, rooms.single));
  const posts = await Promise.all(Array.from({ length: 8 }, (_, index) => app.post(rooms.single, 'ann', `${index}`)));
  assert.equal(new Set(posts.map(({ id }) => id)).size, 8);
  for (const room of Object.values(rooms)) assertChain(await app.history(room));
}

describe('a chat database', () => {
  it('is restored into a new service, whole', async () => {
    const from = await Fixture.create(settings);
    let rooms;
    let state;
    let doc;
    try {
      const app = await ChatApp.create(from, 'x');
      rooms = await converse(app);
      state = await stateOf(app, rooms);
      assertChain(state.comments.group);
      const { id, error } = await from.api.backup();
      assert.equal(error, undefined);
      doc = (await from.api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).json;
      assert.ok(doc.dbs.chat_x.docs.length > 60);
      // Nobody's password or secret is in it.
      assert.ok(!JSON.stringify(doc).includes(app.secret));
      app.close();
    } finally {
      await from.remove();
    }

    const to = await Fixture.create(settings);
    try {
      delete doc._attachments;
      assertSuccess(await restoreUpload(to.api, doc));
      // The application takes over what stands there.
      const app = await ChatApp.create(to, 'x');
      await assertGoesOn(app, rooms, state);
      app.close();
    } finally {
      await to.remove();
    }
  });

  it('is restored by the command line before its application is made', async () => {
    const from = await Fixture.create(settings);
    const file = join(from.dataDir, 'backup.json');
    const to = await Fixture.create(settings);
    try {
      const app = await ChatApp.create(from, 'x');
      const rooms = await converse(app);
      const state = await stateOf(app, rooms);
      const { id } = await from.api.backup();
      await writeFile(file, (await from.api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).body);
      assert.ok((await readFile(file)).length > 1000);
      await to.stopService();
      await must(['restore', file, '--data', to.dataDir], { settings: to.settings });
      const there = await (async () => { await to.startService(); return ChatApp.create(to, 'x'); })();
      await assertGoesOn(there, rooms, state);
      for (const one of [app, there]) one.close();
    } finally {
      await from.remove();
      await to.remove();
    }
  });

  for (const mode of ['', '?mode=exact']) {
    it(`goes back under a running service${mode && ', exactly'}`, async () => {
      const fixture = await Fixture.create(settings);
      try {
        const app = await ChatApp.create(fixture, 'x');
        const rooms = await converse(app);
        const state = await stateOf(app, rooms);
        const { id } = await fixture.api.backup();
        const later = [];
        for (let count = 0; count < 5; count += 1) later.push(await app.post(rooms.group, 'ann', `later ${count}`, { unique_temp_id: `later-${count}` }));
        await app.call('remove_room_participants', { room_id: rooms.group, emails: [mail('bob')] });
        await app.call('login_or_register', { email: mail('ann'), username: 'Renamed' });
        const lost = await app.group('later room', 'eve');
        assertSuccess(await restoreById(fixture.api, id, mode));

        const exact = mode !== '';
        if (exact) {
          // What came later is gone, and its unique ids are free again.
          assert.deepEqual(await stateOf(app, rooms), state);
          assertError(await app.try('load_comments', { room_id: lost }), 404);
          const again = await app.post(rooms.group, 'ann', 'anew', { unique_temp_id: 'later-0' });
          assert.equal(again.message, 'anew');
          assert.equal(again.comment_before_id, state.comments.group.at(-1).id);
          assertChain(await app.history(rooms.group));
          return;
        }
        // What came later stays; what was there is as it was.
        const history = await app.history(rooms.group);
        assertChain(history);
        assert.deepEqual(history.slice(-5).map((comment) => comment.id), later.map((comment) => comment.id));
        assert.equal((await app.load(lost)).length, 0);
        assert.equal((await app.call('login_or_register', { email: mail('ann') })).user.username, 'ann');
        const { room_id, ...same } = (await app.load(rooms.group, { limit: 1 }))[0];
        assert.equal((await app.post(rooms.group, 'ann', 'x', { unique_temp_id: 'later-4' })).id, same.id);
        const fresh = await app.post(rooms.group, 'bob', 'bob is back');
        assert.ok(fresh.id > same.id);
        assert.equal(fresh.comment_before_id, same.id);
        assertChain(await app.history(rooms.group));
        app.close();
      } finally {
        await fixture.remove();
      }
    });
  }
});
