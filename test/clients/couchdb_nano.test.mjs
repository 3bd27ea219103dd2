// nano, a CouchDB client, fills and reads the embedded store.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import nano from 'nano';
import { Fixture } from './lib/fixture.mjs';

describe('nano', () => {
  let fixture;
  let server;
  let db;

  before(async () => {
    fixture = await Fixture.create();
    const { api_key, api_secret } = fixture.key;
    const credentials = `${encodeURIComponent(api_key)}:${encodeURIComponent(api_secret)}`;
    // Without parseUrl: false nano would take the path for the name of a database.
    server = nano({ url: `${fixture.url.replace('://', `://${credentials}@`)}/couchdb`, parseUrl: false });
    await server.db.create('ledger');
    db = server.use('ledger');
  });
  after(() => fixture?.remove());

  const failsWith = (status, promise) => assert.rejects(promise, (error) => {
    assert.equal(error.statusCode, status, `${error.statusCode} ${error.message}`);
    return true;
  });

  it('is welcomed and manages databases', async () => {
    const welcome = await server.info();
    assert.equal(welcome.couchdb, 'Welcome');
    assert.equal(typeof welcome.version, 'string');
    await server.db.create('with/slash$(1)+-');
    assert.ok((await server.db.list()).includes('with/slash$(1)+-'));
    assert.equal((await server.db.get('with/slash$(1)+-')).db_name, 'with/slash$(1)+-');
    assert.deepEqual(await server.db.destroy('with/slash$(1)+-'), { ok: true });
    await failsWith(404, server.db.get('with/slash$(1)+-'));
    await failsWith(412, server.db.create('ledger'));
    for (const name of ['Upper', '_system', '1st', 'dot.']) await failsWith(400, server.db.create(name));
    await failsWith(404, server.db.destroy('nothing'));
  });

  it('writes, reads, changes and deletes a document', async () => {
    const one = await db.insert({ name: 'größe', list: [1, 2.5, 1e30, null, true], nested: { a: {} } }, 'first');
    assert.equal(one.ok, true);
    assert.match(one.rev, /^1-[0-9a-f]{32}$/);
    assert.deepEqual(await db.get('first'), { _id: 'first', _rev: one.rev, name: 'größe', list: [1, 2.5, 1e30, null, true], nested: { a: {} } });
    await failsWith(409, db.insert({ name: 'other' }, 'first'));
    const two = await db.insert({ _rev: one.rev, name: 'second' }, 'first');
    assert.match(two.rev, /^2-/);
    await failsWith(409, db.insert({ _rev: one.rev, name: 'late' }, 'first'));
    await failsWith(409, db.destroy('first', one.rev));
    const gone = await db.destroy('first', two.rev);
    assert.match(gone.rev, /^3-/);
    await failsWith(404, db.get('first'));
    const again = await db.insert({ name: 'again' }, 'first');
    assert.match(again.rev, /^4-/);
    await failsWith(404, db.get('never'));
    const made = await db.insert({ name: 'without an id' });
    assert.ok(made.id.length >= 16);
    assert.equal((await db.head('first')).etag, `"${again.rev}"`);
  });

  it('takes any id', async () => {
    for (const id of ['a/b', 'a b', 'ü✓💾', '100%', 'a?b#c&d=e', '"quoted"', "it's", '\\', '+', 'x'.repeat(200), '_design/one']) {
      await db.insert({ value: id }, id);
      assert.equal((await db.get(id)).value, id, id);
    }
    for (const id of ['_nonsense', '_foo/bar']) await failsWith(400, db.insert({ value: 1 }, id));
  });

  it('writes in bulk, one outcome a document', async () => {
    const first = await db.bulk({ docs: [{ _id: 'b1', v: 1 }, { _id: 'b2', v: 1 }, { v: 'no id' }] });
    assert.equal(first.length, 3);
    for (const row of first) assert.match(row.rev, /^1-/);
    const second = await db.bulk({ docs: [{ _id: 'b1', v: 2 }, { _id: 'b2', _rev: first[1].rev, v: 2 }, { _id: 'b3', v: 1 }, { _id: 'b3', v: 2 }] });
    assert.deepEqual(second.map(({ error }) => error), ['conflict', undefined, undefined, 'conflict']);
    assert.deepEqual([(await db.get('b1')).v, (await db.get('b2')).v, (await db.get('b3')).v], [1, 2, 1]);
    const removed = await db.bulk({ docs: [{ _id: 'b1', _rev: first[0].rev, _deleted: true }] });
    assert.match(removed[0].rev, /^2-/);
    await failsWith(404, db.get('b1'));
    await failsWith(400, db.bulk({ documents: [] }));
  });

  it('lists in id order, by range and by key', async () => {
    await server.db.create('ordered');
    const ordered = server.use('ordered');
    const ids = ['_design/z', 'A', 'a', 'b', 'b1', 'c', 'é', 'z'];
    await ordered.bulk({ docs: [...ids].reverse().map((_id) => ({ _id, from: _id })) });
    const rows = async (parameters) => (await ordered.list(parameters)).rows.map(({ id }) => id);
    const all = await rows();
    assert.deepEqual([...all].sort(), [...ids].sort());
    assert.deepEqual(await rows({ descending: true }), [...all].reverse());
    assert.deepEqual(await rows({ startkey: 'b', endkey: 'c' }), ['b', 'b1', 'c']);
    assert.deepEqual(await rows({ startkey: 'b', endkey: 'c', inclusive_end: false }), ['b', 'b1']);
    assert.deepEqual(await rows({ startkey: 'c', endkey: 'b', descending: true }), ['c', 'b1', 'b']);
    assert.deepEqual(await rows({ limit: 2, skip: 1, startkey: 'a' }), ['b', 'b1']);
    assert.deepEqual(await rows({ key: 'b1' }), ['b1']);
    const whole = await ordered.list({ include_docs: true });
    assert.equal(whole.total_rows, ids.length);
    for (const { id, doc, value } of whole.rows) {
      assert.equal(doc.from, id);
      assert.equal(doc._rev, value.rev);
    }
    const { rows: fetched } = await ordered.fetch({ keys: ['z', 'missing', 'a', 'z'] });
    assert.deepEqual(fetched.map(({ key, error, doc }) => error ?? doc?.from ?? key), ['z', 'not_found', 'a', 'z']);
  });

  it('reads the changes feed', async () => {
    await server.db.create('changing');
    const changing = server.use('changing');
    const { rev } = await changing.insert({ v: 1 }, 'one');
    await changing.insert({ v: 1 }, 'two');
    const { last_seq: middle } = await changing.changes();
    await changing.insert({ _rev: rev, v: 2 }, 'one');
    await changing.destroy('two', (await changing.get('two'))._rev);
    const after = await changing.changes({ since: middle, include_docs: true });
    assert.deepEqual(after.results.map(({ id, deleted = false }) => [id, deleted]), [['one', false], ['two', true]]);
    assert.equal(after.results[0].doc.v, 2);
    const all = await changing.changes();
    assert.deepEqual(all.results.map(({ id }) => id), ['one', 'two']);
    const first = await changing.changes({ limit: 1 });
    assert.equal(first.results.length, 1);
    const rest = await changing.changes({ since: first.last_seq });
    assert.deepEqual(rest.results.map(({ id }) => id), ['two']);
    assert.deepEqual((await changing.changes({ since: all.last_seq })).results, []);
  });

  it('stores and fetches attachments', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 31) % 256));
    const { rev } = await db.attachment.insert('with files', 'photo of a/b ü.bin', bytes, 'application/x-test');
    assert.deepEqual(Buffer.from(await db.attachment.get('with files', 'photo of a/b ü.bin')), bytes);
    const second = await db.attachment.insert('with files', 'empty', Buffer.alloc(0), 'text/plain', { rev });
    const document = await db.get('with files');
    const { content_type, length, revpos, digest } = document._attachments['photo of a/b ü.bin'];
    assert.deepEqual([content_type, length, revpos], ['application/x-test', 100_000, 1]);
    assert.match(digest, /^md5-/);
    await failsWith(409, db.attachment.insert('with files', 'late', Buffer.from('x'), 'text/plain', { rev }));
    // An edit that repeats what it read keeps the files.
    const third = await db.insert({ ...document, edited: true });
    assert.deepEqual(Buffer.from(await db.attachment.get('with files', 'photo of a/b ü.bin')), bytes);
    await db.attachment.destroy('with files', 'empty', { rev: third.rev });
    await failsWith(404, db.attachment.get('with files', 'empty'));
    assert.notEqual(second.rev, third.rev);
    const inline = await db.insert({ _attachments: { 'note.txt': { content_type: 'text/plain', data: Buffer.from('note').toString('base64') } } }, 'inline');
    assert.equal(inline.ok, true);
    assert.equal((await db.attachment.get('inline', 'note.txt')).toString(), 'note');
    assert.equal((await db.get('inline', { attachments: true }))._attachments['note.txt'].data, 'bm90ZQ==');
  });

  it('is what backups hold and restores bring back', async () => {
    const components = server.use('athena_components');
    await components.insert({ type: 'fabric-peer', api_url: 'grpcs://peer.example:7051' }, 'nano-peer');
    const { id } = await fixture.api.backup();
    await components.destroy('nano-peer', (await components.get('nano-peer'))._rev);
    const { url } = (await fixture.api.expect(202, 'PUT', `/ak/api/v3/backups/${id}`)).json;
    assert.equal((await fixture.api.waitForTransaction(url)).status, 'success');
    assert.equal((await components.get('nano-peer')).api_url, 'grpcs://peer.example:7051');
  });

  it('keeps a security object', async () => {
    const security = { admins: { names: ['a'], roles: [] }, members: { names: [], roles: ['r'] } };
    assert.equal((await server.request({ db: 'ledger', method: 'PUT', path: '_security', body: security })).ok, true);
    assert.deepEqual(await server.request({ db: 'ledger', path: '_security' }), security);
  });
});
