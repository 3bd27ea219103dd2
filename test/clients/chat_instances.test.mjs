// Several services on one CouchDB serve one chat application: nothing twice, nothing lost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, must } from '../../scripts/lib/davenport.mjs';
import { assertChain, ChatApp } from './lib/chat.mjs';
import { withInstances } from './lib/instances.mjs';

const mail = (name) => `${name}@example.com`;
const options = { directories: 'own', settings: { DAVENPORT_ACCESS_FAILURES_PER_MINUTE: '100000' } };

// The application as each of the instances serves it.
async function registered(instances, id) {
  const fixtures = ['a', 'b'].map((name) => {
    const { service } = instances[name];
    return { service, url: service.url, dataDir: service.dataDir, settings: instances.settings };
  });
  const first = await ChatApp.create(fixtures[0], id);
  const both = [first, new ChatApp(fixtures[1], id, first.secret)];
  const cli = (...args) => must(['apps', ...args, '--app-id', id, '--data', fixtures[0].dataDir], { settings: fixtures[0].settings });
  return { both, cli };
}

describe('chat on several instances', () => {
  it('numbers, chains and repeats as on one', withInstances(options, async (instances) => {
    const { both } = await registered(instances, 'shared');
    const people = Array.from({ length: 8 }, (_, index) => `poster-${index}`);
    const rooms = [await both[0].group('one', ...people), await both[0].group('two', ...people)];
    const posted = (await Promise.all(people.map(async (person, index) => {
      const own = [];
      for (let count = 0; count < 6; count += 1) {
        const room = rooms[(index + count) % 2];
        own.push({ room, ...await both[index % 2].post(room, person, `${count}`) });
      }
      return own;
    }))).flat();
    assert.equal(new Set(posted.map(({ id }) => id)).size, 48);
    for (const room of rooms) {
      const here = posted.filter((comment) => comment.room === room).map(({ id }) => id).sort((a, b) => a - b);
      for (const app of both) {
        const history = await app.history(room);
        assertChain(history);
        assert.deepEqual(history.map(({ id }) => id), here);
      }
    }

    const repeated = await Promise.all(Array.from({ length: 16 }, (_, index) => both[index % 2].post(rooms[0], people[0], 'same', { unique_temp_id: 'same' })));
    assert.equal(new Set(repeated.map(({ id }) => id)).size, 1);
    assert.equal((await both[1].history(rooms[0])).filter(({ unique_temp_id }) => unique_temp_id === 'same').length, 1);

    const pair = [mail(people[0]), mail(people[1])];
    const single = await Promise.all(Array.from({ length: 16 }, (_, index) => (
      both[index % 2].call('get_or_create_room_with_target', { emails: index % 3 ? pair : [...pair].reverse() }))));
    assert.equal(new Set(single.map(({ room }) => room.id)).size, 1);

    const users = await Promise.all(Array.from({ length: 16 }, (_, index) => both[index % 2].user('newcomer')));
    for (const user of users) assert.deepEqual(user, users[0]);
    for (const app of both) app.close();
  }));

  it('agrees on secrets, and on what is gone', withInstances(options, async (instances) => {
    const { both, cli } = await registered(instances, 'shared');
    const statuses = () => Promise.all(both.map(async (app) => (await app.try('login_or_register', { email: mail('ann'), username: 'ann' })).status));
    const all = (status) => eventually(`both answer ${status}`, async () => (await statuses()).every((one) => one === status), { timeoutMs: 5000 });
    await all(200);
    const { secret } = JSON.parse((await cli('rotate-secret')).stdout);
    await all(401);
    for (const app of both) app.secret = secret;
    await all(200);
    const room = await both[0].group('goes', 'ann');
    for (const app of both) await app.post(room, 'ann', 'x');
    await cli('delete');
    await all(401);
    const anew = JSON.parse((await cli('create')).stdout);
    for (const app of both) app.secret = anew.secret;
    await all(200);
    for (const [index, app] of both.entries()) {
      const fresh = await app.group('anew', 'ann');
      assert.equal(fresh, index + 1);
      assert.equal((await app.post(fresh, 'ann', 'y')).comment_before_id, 0);
      assert.equal((await app.load(fresh)).length, 1);
      assert.equal((await app.call('get_rooms_info', { room_id: [fresh], user_email: mail('ann') })).rooms_info[0].unread_count, 0);
      app.close();
    }
  }));
});
