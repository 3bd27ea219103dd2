// Imports of users, rooms and comments, as an application makes them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { eventually, must } from '../../scripts/lib/davenport.mjs';
import { Fixture } from './lib/fixture.mjs';

const limit = 4 << 20;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

// The examples of the API's description.
const exampleUsers = [{
  Email: 'mymail@mymail.com',
  Name: 'Nama',
  AvatarUrl: 'https://placehold.it/20x20',
  AuthenticationToken: 'randomstring',
  Password: 'password',
  CreateAt: '2017-05-10T11:46:30Z',
}];
const exampleRooms = [{
  Name: 'demo1@linkdokter.com 4992614d-9d32-4cc4-ae8e-310a7a0fdbb9',
  Type: 'single',
  Options: '',
  CreatorEmail: 'user@mymail.com',
  CreatedAt: '2017-05-11T06:35:27Z',
  AvatarUrl: '',
  UniqueId: 'f82e5262-e9c4-4b7b-867a-ea890ba64f43',
  ParticipantEmails: ['user@mymail.com', 'mymail@mymail.com'],
}, {
  Name: 'Qiscus Family Super',
  Type: 'group',
  Options: '',
  CreatorEmail: 'user@mymail.com',
  CreatedAt: '2017-05-11T06:35:27Z',
  AvatarUrl: '',
  UniqueId: 'f82e5262-e9c4-4b7b-867a-ea890ba64f43',
  ParticipantEmails: ['user@mymail.com', 'mymail@mymail.com', 'newuser@mymail.com'],
}];
const exampleComments = [{
  Message: 'Halo doc',
  DisableLinkPreview: false,
  Type: 'text',
  UniqueId: 'android_14945300625232b81ffc0520f961',
  CreatorEmail: 'userid_844_6285868233422@kiwari-stag.com',
  RoomUniqueId: '4e6c208b-3436-46a0-a6d7-add9b90dfc77',
  CreatedAt: '2017-05-11T19:14:24Z',
  Payload: null,
  ParentCommentUniqueId: '',
}, {
  Message: 'Maaf mau tanya..',
  DisableLinkPreview: false,
  Type: 'reply',
  UniqueId: 'android_14945300625232b81ffc0520f962',
  CreatorEmail: 'userid_844_6285868233422@kiwari-stag.com',
  RoomUniqueId: '4e6c208b-3436-46a0-a6d7-add9b90dfc77',
  CreatedAt: '2017-05-11T19:14:24Z',
  Payload: { text: 'Maaf mau tanya..', replied_comment_id: 1 },
  ParentCommentUniqueId: 'android_14945300625232b81ffc0520f961',
}];

class Application {
  constructor(fixture, { app_id: id, secret }) {
    this.fixture = fixture;
    this.headers = { 'QISCUS-SDK-APP-ID': id, 'QISCUS-SDK-SECRET': secret };
  }

  async call(method, path, body, headers = {}) {
    const response = await fetch(`${this.fixture.url}${path}`, { method, body, headers: { ...this.headers, ...headers } });
    return { status: response.status, json: await response.json() };
  }

  post(path, object) {
    return this.call('POST', `/api/v2/rest/${path}`, JSON.stringify(object), { 'content-type': 'application/json' });
  }

  upload(parts, version = 'v2.1') {
    const form = new FormData();
    for (const [name, value, fileName] of parts) {
      if (fileName === undefined) form.append(name, value);
      else form.append(name, new Blob([value]), fileName);
    }
    return this.call('POST', `/api/${version}/rest/imports`, form);
  }

  start(type, rows, fileName = 'rows.json') {
    const text = typeof rows === 'string' ? rows : JSON.stringify(rows);
    return this.upload([['type', type], ['file', text, fileName]]);
  }

  async status(id) {
    return (await this.call('GET', `/api/v2.1/rest/imports/${id}`)).json.results.backup_history;
  }

  ended(id) {
    return eventually(`the import ${id} ends`, async () => {
      const history = await this.status(id);
      return history.status !== 'started' && history;
    });
  }

  async import(type, rows, fileName) {
    const { status, json } = await this.start(type, rows, fileName);
    assert.equal(status, 200, JSON.stringify(json));
    return this.ended(json.results.backup_history.unique_id);
  }

  async must(type, rows) {
    const history = await this.import(type, rows);
    assert.equal(history.status, 'finished', JSON.stringify(history.errors));
    return history;
  }
}

const comments = (count, prefix, room = 'room') => Array.from({ length: count }, (_, i) => ({
  Message: `message ${i}`, Type: 'text', UniqueId: `${prefix}-${i}`, CreatorEmail: 'user@mymail.com', RoomUniqueId: room,
}));

const refused = ({ status, json }, code, says) => {
  assert.equal(status, code, JSON.stringify(json));
  assert.equal(json.status, code);
  assert.match(json.error.message, says);
  assert.ok(Array.isArray(json.error.detailed_messages));
};

describe('chat imports', () => {
  let fixture;
  let app;
  let created = 0;
  const create = async () => {
    created += 1;
    const { stdout } = await must(['apps', 'create', '--app-id', `app-${created}`, '--data', fixture.dataDir], { settings: fixture.settings });
    return new Application(fixture, JSON.parse(stdout));
  };

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_CHAT_TIME_ZONE: 'Asia/Jakarta', DAVENPORT_JOBS_LEASE_MS: '2000' });
    app = await create();
    await app.must('users', ['user@mymail.com', 'newuser@mymail.com'].map((Email) => ({ Email, Name: Email })));
    await app.must('rooms', [{ Type: 'group', Name: 'Room', UniqueId: 'room', CreatorEmail: 'user@mymail.com', ParticipantEmails: ['user@mymail.com'] }]);
  });
  after(() => fixture?.remove());

  describe('of the examples', () => {
    it('answers each field as described', async () => {
      const text = JSON.stringify(exampleUsers);
      const { status, json } = await app.start('users', text, 'user_single.json');
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(json), ['results', 'status']);
      assert.equal(json.status, 200);
      const started = json.results.backup_history;
      assert.match(started.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+07:00$/);
      assert.ok(Math.abs(Date.parse(started.created_at) - Date.now()) < 60_000);
      assert.match(started.unique_id, uuid);
      const { created_at: createdAt, unique_id: id, ...rest } = started;
      assert.deepEqual(rest, {
        errors: { Message: '', Data: null },
        original_filename: 'user_single.json',
        resource_name: 'users',
        size: text.length,
        status: 'started',
        total_rows: 0,
      });
      assert.deepEqual(await app.ended(id), {
        ...rest, created_at: createdAt, unique_id: id, errors: {}, status: 'finished', total_rows: 1,
      });
    });

    it('stores users that can log in', async () => {
      const { json } = await app.post('login_or_register', { email: 'mymail@mymail.com' });
      assert.equal(json.results.user.username, 'Nama');
      assert.equal(json.results.user.avatar_url, 'https://placehold.it/20x20');
      const again = await app.import('users', exampleUsers);
      assert.equal(again.errors.Message, 'row 1, Email: a user "mymail@mymail.com" exists already (1 row is faulty)');
      const { Password, AuthenticationToken, ...shown } = exampleUsers[0];
      assert.deepEqual(again.errors.Data.row, shown);
      const token = await app.import('users', [{ ...exampleUsers[0], Email: 'other@mymail.com' }]);
      assert.equal(token.errors.Data.field, 'AuthenticationToken');
      assert.ok(!JSON.stringify([again, token]).includes('randomstring'));
    });

    it('refuses the two rooms with one UniqueId, and takes them with two', async () => {
      const bad = await app.import('rooms', exampleRooms);
      assert.equal(bad.status, 'failed');
      const message = `"${exampleRooms[0].UniqueId}" stands in row 1 already`;
      assert.deepEqual(bad.errors, {
        Message: `row 2, UniqueId: ${message} (1 row is faulty)`,
        Data: {
          position: 2, field: 'UniqueId', message, row: exampleRooms[1], faults: [{ position: 2, field: 'UniqueId', message, row: exampleRooms[1] }],
        },
      });
      const good = [exampleRooms[0], { ...exampleRooms[1], UniqueId: 'family' }];
      assert.equal((await app.must('rooms', good)).total_rows, 2);
      const { json } = await app.call('GET', '/api/v2.1/rest/get_or_create_room_with_target?emails[]=mymail@mymail.com&emails[]=user@mymail.com');
      assert.equal(json.results?.room.room_name, 'user@mymail.com mymail@mymail.com', JSON.stringify(json));
    });

    it('stores comments, and a reply with the real id of its parent', async () => {
      const author = exampleComments[0].CreatorEmail;
      await app.must('users', [{ Email: author, Name: 'Author' }]);
      await app.must('rooms', [{ Type: 'group', Name: 'Clinic', UniqueId: exampleComments[0].RoomUniqueId, CreatorEmail: author, ParticipantEmails: [author] }]);
      const history = await app.import('comments', exampleComments, 'comment_single.json');
      assert.equal(history.status, 'finished', JSON.stringify(history.errors));
      assert.equal(history.total_rows, 2);
      const info = await app.post('post_comment', { sender_email: 'user@mymail.com', room_id: '1', message: 'x' });
      assert.equal(info.status, 200, JSON.stringify(info.json));
      const rooms = await Promise.all([1, 2, 3, 4].map((room) => app.post('load_comments', { room_id: room })));
      const clinic = rooms.find(({ json }) => json.results.comments[0]?.room_name === 'Clinic').json.results.comments;
      assert.deepEqual(clinic.map(({ message, email, timestamp }) => [message, email, timestamp]), [
        ['Maaf mau tanya..', author, '2017-05-11T19:14:24Z'], ['Halo doc', author, '2017-05-11T19:14:24Z']]);
      assert.equal(clinic[0].comment_before_id, clinic[1].id);
    });
  });

  describe('the form', () => {
    const file = ['file', '[]', 'x.json'];

    it('answers under both versions', async () => {
      assert.equal((await app.upload([['type', 'users'], file], 'v2')).status, 200);
      assert.equal((await app.upload([file, ['type', 'users']], 'v2.1')).status, 200);
    });

    it('names what is missing, wrong or there twice', async () => {
      refused(await app.upload([file]), 400, /^type: it is missing/);
      refused(await app.upload([['type', 'users']]), 400, /^file: it is missing/);
      refused(await app.upload([['type', 'user'], file]), 400, /^type: it must be "users", "rooms" or "comments"/);
      refused(await app.upload([['type', ''], file]), 400, /^type: /);
      refused(await app.upload([['type', 'users'], file, file]), 400, /^file: it stands twice/);
      refused(await app.upload([['type', 'users'], ['type', 'users'], file]), 400, /^type: it stands twice/);
      refused(await app.upload([['type', 'users', 'type.txt'], file]), 400, /^type: it must be a text/);
      refused(await app.upload([['type', 'users'], ['file', '[]']]), 400, /^file: it must be a file/);
      const json = await app.call('POST', '/api/v2.1/rest/imports', '{"type":"users"}', { 'content-type': 'application/json' });
      refused(json, 400, /./);
    });

    const raw = (text, type = 'multipart/form-data; boundary=B') => app.call('POST', '/api/v2.1/rest/imports', text, { 'content-type': type });
    const part = (headers, body) => `--B\r\n${headers}\r\n\r\n${body}\r\n`;
    const type = part('Content-Disposition: form-data; name="type"', 'users');

    it('refuses what is no form, without leaving anything', async () => {
      const before = (await app.call('GET', '/api/v2.1/rest/imports')).json.results.backup_histories.length;
      refused(await raw(''), 400, /./);
      refused(await raw('nonsense'), 400, /./);
      refused(await raw(`${type}${part('Content-Disposition: form-data; filename="x"', '[]')}--B--\r\n`), 400, /./);
      refused(await raw(`${type}${part('X: y', '[]')}--B--\r\n`), 400, /./);
      refused(await raw(`${type}${part('Content-Disposition: form-data; name="file"; filename="x"', '[]')}`), 400, /./);
      refused(await raw(`${type}--B\r\n`), 400, /./);
      refused(await raw(`${type}--B--`, 'multipart/form-data'), 400, /./);
      refused(await raw(`${type}--B--`, `multipart/form-data; boundary=${'x'.repeat(300)}`), 400, /./);
      refused(await raw(randomBytes(100_000)), 400, /./);
      refused(await raw(`${type.repeat(2)}--B--\r\n`), 400, /twice/);
      refused(await raw(`${part(`Content-Disposition: form-data; name="a"\r\nX: ${'x'.repeat(20_000)}`, '')}--B--`), 413, /./);
      assert.equal((await app.call('GET', '/api/v2.1/rest/imports')).json.results.backup_histories.length, before);
    });

    it('answers while a part never ends elsewhere, and forgets that part', async () => {
      const { hostname, port } = new URL(fixture.url);
      const socket = net.connect(Number(port), hostname);
      const head = Object.entries(app.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.write(`POST /api/v2.1/rest/imports HTTP/1.1\r\nHost: x\r\n${head}Content-Type: multipart/form-data; boundary=B\r\n`
        + `Content-Length: 100000\r\n\r\n${type}--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n[`);
      assert.equal((await app.upload([['type', 'users'], file])).status, 200);
      socket.destroy();
    });

    it('cuts the file name to its last part', async () => {
      const history = await app.import('users', [], '../../a/evil\\name.json');
      assert.equal(history.original_filename, 'name.json');
    });
  });

  describe('size', () => {
    const padded = (size) => {
      const text = '[{"Email":"padded@mymail.com","Name":"P"}';
      return `${text}${' '.repeat(size - text.length - 1)}]`;
    };

    it('takes 4 MiB exactly, and refuses one byte more', async () => {
      refused(await app.start('users', padded(limit + 1)), 413, /^file: it is larger than 4194304 bytes/);
      refused(await app.start('users', padded(3 * limit)), 413, /./);
      const history = await app.must('users', padded(limit));
      assert.equal(history.size, limit);
      assert.equal(history.total_rows, 1);
    });

    it('takes a file full of rows', async () => {
      const rows = comments(process.env.DAVENPORT_TEST_STORE === 'couchdb' ? 1_500 : 11_000, 'full');
      assert.equal((await app.must('comments', rows)).total_rows, rows.length);
      const again = await app.import('comments', rows);
      assert.match(again.errors.Message, new RegExp(`\\(${rows.length} rows are faulty\\)$`));
      assert.equal(again.errors.Data.faults.length, 100);
    });
  });

  it('says where a file is no JSON', async () => {
    const history = await app.import('users', '[{"Email": nobody}]');
    assert.deepEqual(Object.keys(history.errors), ['Message', 'Data']);
    assert.match(history.errors.Message, /^malformed JSON at byte 11: /);
    assert.equal(history.errors.Data, null);
    assert.equal(history.status, 'failed');
    assert.equal(history.total_rows, 0);
  });

  it('lists 20 a page, newest first, and answers for odd pages', async () => {
    const own = await create();
    const ids = [];
    for (let i = 0; i < 23; i += 1) {
      const { json } = await own.start('users', []);
      ids.unshift(json.results.backup_history.unique_id);
      // Some servers' indexes miss a document for the moment in which it changes.
      await own.ended(ids[0]);
    }
    const page = async (query) => {
      const { status, json } = await own.call('GET', `/api/v2.1/rest/imports${query}`);
      return { status, ids: json.results?.backup_histories.map((history) => history.unique_id) };
    };
    assert.deepEqual(await page(''), { status: 200, ids: ids.slice(0, 20) });
    assert.deepEqual(await page('?page=1'), { status: 200, ids: ids.slice(0, 20) });
    assert.deepEqual(await page('?page=2'), { status: 200, ids: ids.slice(20) });
    assert.deepEqual(await page('?page=3'), { status: 200, ids: [] });
    assert.deepEqual(await page('?page=1000000000000000000'), { status: 200, ids: [] });
    for (const odd of ['0', '-1', 'x', '1e3', '99999999999999999999']) assert.equal((await page(`?page=${odd}`)).status, 400);
  });

  it('shows nothing to another application, or to nobody', async () => {
    const other = await create();
    const { unique_id: id } = await app.must('users', []);
    refused(await other.call('GET', `/api/v2.1/rest/imports/${id}`), 404, /there is no import/);
    refused(await app.call('GET', '/api/v2.1/rest/imports/nothing'), 404, /there is no import/);
    refused(await app.call('GET', '/api/v2.1/rest/imports/..%2F%00'), 404, /./);
    assert.deepEqual((await other.call('GET', '/api/v2.1/rest/imports')).json.results.backup_histories, []);
    const stranger = new Application(fixture, { app_id: 'app-1', secret: 'wrong' });
    refused(await stranger.start('users', []), 401, /./);
    // The same rows are another application's to have.
    await other.must('users', [{ Email: 'user@mymail.com', Name: 'Other' }]);
  });

  it('writes the same rows once when they are imported twice at once', async () => {
    const rows = comments(500, 'twice');
    const started = await Promise.all([app.start('comments', rows), app.start('comments', rows)]);
    const histories = await Promise.all(started.map(({ json }) => app.ended(json.results.backup_history.unique_id)));
    assert.deepEqual(histories.map((history) => history.status).sort(), ['failed', 'finished']);
    const loser = histories.find((history) => history.status === 'failed');
    assert.match(loser.errors.Message, /exists already \(\d+ rows are faulty\)/);
  });

  it('ends every accepted import after kill -9, all rows or none', async () => {
    const passwords = Array.from({ length: 60 }, (_, i) => ({ Email: `kill${i}@mymail.com`, Name: 'K', Password: 'p' }));
    for (let round = 0; round < 4; round += 1) {
      const size = 900;
      const own = await create();
      await own.must('users', [{ Email: 'user@mymail.com', Name: 'U' }]);
      await own.must('rooms', [{ Type: 'group', Name: 'R', UniqueId: 'room', CreatorEmail: 'user@mymail.com', ParticipantEmails: ['user@mymail.com'] }]);
      const accepted = [];
      for (const [type, rows] of [['users', passwords], ['comments', comments(size, 'kill')]]) {
        const { json } = await own.start(type, rows);
        accepted.push(json.results.backup_history.unique_id);
      }
      // At a different moment each time.
      const end = Date.now() + round * 40;
      await eventually('the moment', () => Date.now() >= end, { everyMs: 1 });
      await fixture.service.kill();
      await fixture.startService();
      const [users, written] = await Promise.all(accepted.map((id) => own.ended(id)));
      assert.equal(users.status, 'finished', JSON.stringify(users.errors));
      assert.equal(written.status, 'finished', JSON.stringify(written.errors));
      assert.equal(written.total_rows, size);
      const again = await own.import('comments', comments(size, 'kill'));
      assert.match(again.errors.Message, new RegExp(`\\(${size} rows are faulty\\)$`));
      const seen = new Set();
      for (let page = 1; ; page += 1) {
        const { json } = await own.post('load_comments', { room_id: 1, page, limit: 400 });
        if (json.results.comments.length === 0) break;
        for (const comment of json.results.comments) {
          assert.ok(!seen.has(comment.unique_temp_id));
          seen.add(comment.unique_temp_id);
        }
      }
      assert.equal(seen.size, size);
    }
  });
});
