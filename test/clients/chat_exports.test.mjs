// Exports of a chat application's rows: jobs, files, links and schedules.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../../scripts/lib/davenport.mjs';
import { Fixture } from './lib/fixture.mjs';

const zone = { DAVENPORT_CHAT_TIME_ZONE: 'Asia/Jakarta', DAVENPORT_CHAT_MAX_EXPORT_COMMENTS: '40' };
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+07:00$/;

describe('exports', () => {
  let fixture;
  let secret;

  before(async () => {
    fixture = await Fixture.create(zone);
    secret = await createApp('shop');
    const people = ['ann', 'bob', 'cem'];
    for (const name of people) {
      await ok('POST', 'login_or_register', { email: `${name}@example.com`, username: name, password: 'a secret', avatar_url: 'https://img.example/a.png' });
    }
    await ok('POST', 'create_room', { name: 'Garden', creator: 'ann@example.com', participants: ['bob@example.com'] });
    await ok('GET', 'get_or_create_room_with_target?emails[]=cem@example.com&emails[]=bob@example.com');
    for (let i = 1; i <= 30; i += 1) {
      await ok('POST', 'post_comment', { sender_email: i % 2 ? 'ann@example.com' : 'bob@example.com', room_id: 1, message: `"é" ${i}\n`, unique_temp_id: `c${i}` });
    }
  });
  after(() => fixture.remove());

  async function createApp(id) {
    const { stdout } = await must(['apps', 'create', '--app-id', id, '--data', fixture.dataDir], { settings: fixture.settings });
    return JSON.parse(stdout).secret;
  }

  const call = (method, path, body, { app = 'shop', key = secret, version = 'v2.1' } = {}) => fixture.anonymous().request(
    method,
    `/api/${version}/rest/${path}`,
    body,
    { headers: { 'QISCUS-SDK-APP-ID': app, 'QISCUS-SDK-SECRET': key } },
  );

  async function ok(...args) {
    const reply = await call(...args);
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.json.status, 200);
    return reply.json.results;
  }

  async function refused(status, pattern, ...args) {
    const reply = await call(...args);
    assert.equal(reply.status, status, reply.text);
    assert.equal(reply.json.status, status);
    assert.match(reply.json.error.message, pattern);
    assert.ok(Array.isArray(reply.json.error.detailed_messages));
  }

  async function ended(id, options) {
    for (let i = 0; i < 600; i += 1) {
      const { backup_history: history } = await ok('GET', `exports/${id}`, undefined, options);
      if (history.status !== 'started') return history;
      await sleep(50);
    }
    throw new Error(`export ${id} does not end`);
  }

  async function exported(body) {
    const history = await ended((await ok('POST', 'exports', body)).unique_id);
    assert.equal(history.status, 'finished', history.error_message);
    return history;
  }

  const download = (history, headers = {}) => {
    const url = new URL(history.download_url);
    return fixture.anonymous().request('GET', url.pathname + url.search, undefined, { headers });
  };

  it('answers at once with every field of the seed', async () => {
    for (const version of ['v2', 'v2.1']) {
      const started = await ok('POST', 'exports', { type: 'users' }, { version });
      assert.deepEqual(Object.keys(started).sort(), ['created_at', 'download_url', 'error_message', 'original_filename',
        'percentage', 'resource_name', 'size', 'status', 'total_rows', 'unique_id']);
      assert.match(started.created_at, stamp);
      assert.equal(started.original_filename, `${started.created_at}_exported_users.json`);
      assert.deepEqual([started.download_url, started.error_message, started.percentage, started.resource_name,
        started.size, started.status, started.total_rows], ['', '', 0, 'users', 0, 'started', 0]);
      assert.match(started.unique_id, uuid);
      await ended(started.unique_id);
    }
  });

  it('ends as finished with a file in the form of imports', async () => {
    const history = await exported({ type: 'comments' });
    assert.deepEqual([history.percentage, history.total_rows, history.resource_name, history.error_message], [100, 30, 'comments', '']);
    const reply = await download(history);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'application/json');
    assert.equal(reply.headers['content-disposition'], `attachment; filename="${history.original_filename}"`);
    assert.equal(reply.body.length, history.size);
    const rows = reply.json;
    assert.deepEqual(rows.map((row) => row.UniqueId), Array.from({ length: 30 }, (_, i) => `c${i + 1}`));
    assert.deepEqual({ ...rows[0], RoomUniqueId: '', CreatedAt: '' }, {
      Message: '"é" 1\n', DisableLinkPreview: false, Type: 'text', UniqueId: 'c1', CreatorEmail: 'ann@example.com',
      RoomUniqueId: '', CreatedAt: '', Payload: null, ParentCommentUniqueId: '',
    });
    assert.match(rows[0].CreatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

    const rooms = (await download(await exported({ type: 'rooms' }))).json;
    assert.deepEqual(rooms.map(({ UniqueId, CreatedAt, ...rest }) => rest), [
      { Name: 'Garden', Type: 'group', Options: '', CreatorEmail: 'ann@example.com', AvatarUrl: '', ParticipantEmails: ['ann@example.com', 'bob@example.com'] },
      { Name: 'cem@example.com bob@example.com', Type: 'single', Options: '', CreatorEmail: 'cem@example.com', AvatarUrl: '', ParticipantEmails: ['cem@example.com', 'bob@example.com'] },
    ]);
    assert.ok(rows.every((row) => row.RoomUniqueId === rooms[0].UniqueId));

    const users = (await download(await exported({ type: 'users' }))).json;
    assert.deepEqual(users.map(({ CreateAt, ...rest }) => rest), ['ann', 'bob', 'cem'].map((name) => ({
      Email: `${name}@example.com`, Name: name, AvatarUrl: 'https://img.example/a.png', AuthenticationToken: '', Password: '',
    })));
  });

  it('names the parent of a reply by its unique id', async () => {
    const key = await createApp('replies');
    const options = { app: 'replies', key };
    await ok('POST', 'login_or_register', { email: 'a@b.c', username: 'A' }, options);
    for (const name of ['R', 'S']) await ok('POST', 'create_room', { name, creator: 'a@b.c' }, options);
    const post = (body) => ['POST', 'post_comment', { sender_email: 'a@b.c', room_id: 1, message: 'yes', type: 'reply', ...body }, options];
    const { comment: parent } = await ok('POST', 'post_comment', { sender_email: 'a@b.c', room_id: 1, message: 'well?', unique_temp_id: 'p' }, options);
    await ok(...post({ unique_temp_id: 'r', payload: { text: 'yes', replied_comment_id: parent.id } }));
    for (const payload of [null, {}, { text: 'no', replied_comment_id: parent.id }, { text: 'yes' }, { text: 'yes', replied_comment_id: 99 }, { text: 'yes', replied_comment_id: '1' }]) {
      await refused(400, /^payload: /, ...post({ payload }));
    }
    await refused(400, /no comment 1 in room 2/, ...post({ room_id: 2, payload: { text: 'yes', replied_comment_id: parent.id } }));
    const rows = (await download(await ended((await ok('POST', 'exports', { type: 'comments' }, options)).unique_id, options))).json;
    assert.deepEqual(rows.map((row) => [row.UniqueId, row.Type, row.ParentCommentUniqueId, row.Payload]), [
      ['p', 'text', '', null],
      ['r', 'reply', 'p', { text: 'yes', replied_comment_id: 1 }],
    ]);
  });

  it('refuses payloads that could not be read again, whatever the name of the application', async () => {
    const options = { app: 'tmp', key: await createApp('tmp') };
    await ok('POST', 'login_or_register', { email: 'a@b.c', username: 'A' }, options);
    await ok('POST', 'create_room', { name: 'R', creator: 'a@b.c' }, options);
    const nested = (levels) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    const post = (payload) => `{"sender_email":"a@b.c","room_id":1,"message":"m","payload":${payload}}`;
    await ok('POST', 'post_comment', post(nested(32)), options);
    for (const payload of [nested(33), JSON.stringify(nested(64)), '{"x":1e999}', JSON.stringify('{"x":1e999}'), '[]', '1']) {
      await refused(400, /payload/, 'POST', 'post_comment', post(payload), options);
    }
    assert.equal((await ok('POST', 'load_comments', { room_id: 1 }, options)).comments.length, 1);
    const history = await ended((await ok('POST', 'exports', { type: 'comments' }, options)).unique_id, options);
    assert.equal(history.status, 'finished', history.error_message);
    assert.deepEqual((await download(history)).json[0].Payload, JSON.parse(nested(32)));
    await ok('DELETE', `exports/${history.unique_id}`, undefined, options);
  });

  it('serves ranges of the file', async () => {
    const history = await exported({ type: 'comments' });
    const whole = (await download(history)).body;
    const part = await download(history, { range: 'bytes=10-19' });
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-range'], `bytes 10-19/${whole.length}`);
    assert.ok(part.body.equals(whole.subarray(10, 20)));
    const tail = await download(history, { range: 'bytes=-5' });
    assert.ok(tail.body.equals(whole.subarray(-5)));
    const resumed = await download(history, { range: 'bytes=100-', 'if-range': part.headers.etag });
    assert.ok(resumed.body.equals(whole.subarray(100)));
    const past = await download(history, { range: `bytes=${whole.length}-` });
    assert.equal(past.status, 416);
    assert.equal(past.headers['content-range'], `bytes */${whole.length}`);
  });

  it('takes whole days of the configured zone, both inclusive', async () => {
    const day = new Date(Date.now() + 7 * 3600_000).toISOString().slice(0, 10);
    const shifted = (days) => new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
    const rows = async (start_date, end_date) => (await exported({ type: 'comments', start_date, end_date })).total_rows;
    // The comments are of today, unless the day has just changed.
    assert.equal(await rows(shifted(-1), day), 30);
    assert.equal(await rows(shifted(-29), day), 30);
    assert.equal(await rows(shifted(-20), shifted(-2)), 0);
    assert.equal(await rows(shifted(2), shifted(3)), 0);
  });

  it('refuses what no export could be', async () => {
    await refused(400, /type/, 'POST', 'exports', {});
    await refused(400, /type/, 'POST', 'exports', { type: 'messages' });
    await refused(400, /start_date/, 'POST', 'exports', { type: 'users', start_date: '2017-02-29' });
    await refused(400, /end_date/, 'POST', 'exports', { type: 'users', end_date: '01-02-2017' });
    await refused(400, /end_date: it is before/, 'POST', 'exports', { type: 'users', start_date: '2017-01-02', end_date: '2017-01-01' });
    await refused(400, /31 days; at most 30/, 'POST', 'exports', { type: 'users', start_date: '2017-01-01', end_date: '2017-01-31' });
    await ok('POST', 'exports', { type: 'users', start_date: '2017-01-01', end_date: '2017-01-30' });
    await refused(400, /start_date/, 'POST', 'exports', { type: 'users', start_date: 17 });
  });

  it('fails when there are more rows than the limit, and says how many', async () => {
    const key = await createApp('crowd');
    const options = { app: 'crowd', key };
    await ok('POST', 'login_or_register', { email: 'a@b.c', username: 'A' }, options);
    await ok('POST', 'create_room', { name: 'R', creator: 'a@b.c' }, options);
    await Promise.all(Array.from({ length: 41 }, () => ok('POST', 'post_comment', { sender_email: 'a@b.c', room_id: 1, message: 'x' }, options)));
    const history = await ended((await ok('POST', 'exports', { type: 'comments' }, options)).unique_id, options);
    assert.equal(history.status, 'failed');
    assert.match(history.error_message, /41 comments.*limit of 40/);
    assert.equal(history.download_url, '');
  });

  it('lists 20 a page, newest first, and of one application only', async () => {
    const key = await createApp('pages');
    const options = { app: 'pages', key };
    const ids = [];
    for (let i = 0; i < 23; i += 1) ids.unshift((await ok('POST', 'exports', { type: 'users' }, options)).unique_id);
    // Ended ones change no more: a server's index may miss a document for a moment while it is written again.
    for (const id of ids) await ended(id, options);
    const page = async (query) => (await ok('GET', `exports${query}`, undefined, options)).backup_histories.map((history) => history.unique_id);
    assert.deepEqual((await page('')).slice().sort(), ids.slice(0, 20).sort());
    assert.deepEqual((await page('?page=2')).slice().sort(), ids.slice(20).sort());
    assert.deepEqual(await page('?page=3'), []);
    assert.deepEqual(await page('?page=1000000000000000000'), []);
    for (const bad of ['0', '-1', 'x', '99999999999999999999999']) await refused(400, /page/, 'GET', `exports?page=${bad}`);
    await refused(404, /no export/, 'GET', `exports/${ids[0]}`);
    await refused(404, /no export/, 'DELETE', `exports/${ids[0]}`);
    await refused(404, /no export/, 'GET', 'exports/..%2F..%2Fdavenport');
  });

  it('lets nobody use an altered, foreign or expired link', async () => {
    const history = await exported({ type: 'users' });
    const other = await exported({ type: 'rooms' });
    const altered = (change) => download({ download_url: change(history.download_url) });
    assert.equal((await altered((url) => `${url}0`)).status, 403);
    assert.equal((await altered((url) => url.replace(/expires=(\d+)/, (_, time) => `expires=${Number(time) + 1}`))).status, 403);
    assert.equal((await altered((url) => url.replace(history.unique_id, other.unique_id))).status, 403);
    assert.equal((await altered((url) => url.replace('app=shop', 'app=pages'))).status, 403);
    assert.equal((await altered((url) => url.replace(/\?.*/, ''))).status, 403);
  });

  it('deletes an export with its file; who is downloading it reads on', async () => {
    const history = await exported({ type: 'comments' });
    const url = new URL(history.download_url);
    const response = await new Promise((resolve, reject) => {
      http.get(url, resolve).on('error', reject);
    });
    const { backup_history: deleted } = await ok('DELETE', `exports/${history.unique_id}`, { type: 'comments' });
    assert.equal(deleted.unique_id, history.unique_id);
    let size = 0;
    for await (const piece of response) size += piece.length;
    assert.equal(size, history.size);
    await refused(404, /no export/, 'GET', `exports/${history.unique_id}`);
    assert.equal((await download(history)).status, 404);
    const files = await readdir(join(fixture.dataDir, 'exports', 'app-shop')).catch(() => []);
    assert.ok(!files.some((name) => name.startsWith(history.unique_id)), files.join());
  });

  it('starts exports by schedule, once or by a cron expression', async () => {
    const at = new Date(Date.now() + 1500).toISOString();
    const { schedule: once } = await ok('POST', 'exports', { type: 'rooms', schedule: at });
    assert.deepEqual(Object.keys(once).sort(), ['created_at', 'end_date', 'error_message', 'last_export_id', 'last_run_at',
      'next_run_at', 'resource_name', 'schedule', 'start_date', 'status', 'time_zone', 'unique_id']);
    assert.deepEqual([once.resource_name, once.status, once.time_zone, once.last_export_id], ['rooms', 'active', 'Asia/Jakarta', '']);
    const { schedule: daily } = await ok('POST', 'exports', { type: 'users', schedule: '30 2 * * *' });
    assert.match(daily.next_run_at, /T02:30:00\+07:00$/);
    assert.deepEqual((await ok('GET', 'exports/schedules')).schedules.map((schedule) => schedule.unique_id), [daily.unique_id, once.unique_id]);
    // An application's schedules are its own.
    await fixture.api.expect(404, 'GET', `/ak/api/v3/schedules/${daily.unique_id}`);
    await fixture.api.expect(404, 'DELETE', `/ak/api/v3/schedules/${daily.unique_id}`);

    let seen = once;
    for (let i = 0; i < 200 && seen.status !== 'done'; i += 1) {
      await sleep(50);
      seen = (await ok('GET', `exports/schedules/${once.unique_id}`)).schedule;
    }
    assert.equal(seen.status, 'done');
    const history = await ended(seen.last_export_id);
    assert.deepEqual([history.status, history.resource_name, history.total_rows], ['finished', 'rooms', 2]);

    for (const { unique_id } of [daily, once]) {
      const { schedule: removed } = await ok('DELETE', `exports/schedules/${unique_id}`);
      assert.equal(removed.unique_id, unique_id);
      await refused(404, /no schedule/, 'DELETE', `exports/schedules/${unique_id}`);
    }
    assert.deepEqual((await ok('GET', 'exports/schedules')).schedules, []);
  });

  it('refuses schedules that never come', async () => {
    for (const schedule of ['0 0 30 2 *', '61 * * * *', 'tomorrow', '2001-01-01T00:00:00Z', '* * * *']) {
      await refused(400, /schedule/, 'POST', 'exports', { type: 'users', schedule });
    }
    await refused(400, /31 days/, 'POST', 'exports', { type: 'users', schedule: '@daily', start_date: '2017-01-01', end_date: '2017-01-31' });
  });

  it('goes on with an export after the process was killed', async () => {
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.push((await ok('POST', 'exports', { type: 'comments' })).unique_id);
    process.kill(fixture.service.pid, 'SIGKILL');
    await fixture.service.ended;
    await fixture.startService();
    for (const id of ids) {
      const history = await ended(id);
      assert.deepEqual([history.status, history.total_rows], ['finished', 30], history.error_message);
      assert.equal((await download(history)).json.length, 30);
    }
  });
});
