// PouchDB as a client of the embedded store, and replicating to it and from it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import PouchDB from 'pouchdb-core';
import http from 'pouchdb-adapter-http';
import memory from 'pouchdb-adapter-memory';
import replication from 'pouchdb-replication';
import { canonicalJson, content } from '../../scripts/lib/canonical_json.mjs';
import { consoleDocuments } from '../../scripts/lib/console_documents.mjs';
import { Fixture } from './lib/fixture.mjs';

PouchDB.plugin(http).plugin(memory).plugin(replication);

describe('PouchDB', () => {
  let fixture;
  let names = 0;

  before(async () => { fixture = await Fixture.create(); });
  after(() => fixture?.remove());

  const remote = (name) => new PouchDB(`${fixture.url}/couchdb/${name}`, {
    auth: { username: fixture.key.api_key, password: fixture.key.api_secret },
  });
  const local = () => {
    names += 1;
    return new PouchDB(`local-${names}`, { adapter: 'memory' });
  };
  const newRemote = async (name) => {
    const db = remote(name);
    await db.info();  // creates it
    return db;
  };
  const assertSame = async (one, other) => {
    const read = async (db) => (await db.allDocs({ include_docs: true, conflicts: true, attachments: true })).rows
      .map(({ id, value, doc }) => [id, value.rev, canonicalJson({ ...content(doc), _attachments: undefined }), [...(doc._conflicts ?? [])].sort()]);
    assert.deepEqual(await read(one), await read(other));
  };
  const assertDone = (result) => {
    assert.equal(result.ok, true);
    assert.deepEqual(result.errors, []);
    assert.equal(result.doc_write_failures, 0);
  };

  it('works on the store directly', async () => {
    const db = await newRemote('direct');
    const { rev } = await db.put({ _id: 'a', v: 1 });
    assert.deepEqual(await db.get('a'), { _id: 'a', _rev: rev, v: 1 });
    await assert.rejects(db.put({ _id: 'a', v: 2 }), { status: 409 });
    await assert.rejects(db.get('b'), { status: 404 });
    const outcomes = await db.bulkDocs([{ _id: 'b', v: 1 }, { _id: 'a', v: 2 }]);
    assert.deepEqual(outcomes.map(({ ok, status }) => ok ?? status), [true, 409]);
    assert.deepEqual((await db.allDocs({ keys: ['b', 'x'] })).rows.map(({ id, error }) => id ?? error), ['b', 'not_found']);
    const got = await db.bulkGet({ docs: [{ id: 'a' }, { id: 'x' }] });
    assert.equal(got.results[0].docs[0].ok.v, 1);
    assert.ok(got.results[1].docs[0].error);
    assert.equal((await db.changes({ include_docs: true })).results.length, 2);
    await db.putAttachment('a', 'file', rev, Buffer.from('bytes'), 'text/plain');
    assert.equal((await db.getAttachment('a', 'file')).toString(), 'bytes');
    await db.remove(await db.get('b'));
    assert.equal((await db.info()).doc_count, 1);
    await db.destroy();
    const status = (await fixture.api.get('/couchdb/direct')).status;
    assert.equal(status, 404);
  });

  it('replicates console documents to the store and back, attachments included', async () => {
    const source = local();
    const target = await newRemote('replicated');
    for (const docs of Object.values(consoleDocuments(31))) await source.bulkDocs(docs);
    const pushed = await PouchDB.replicate(source, target);
    assertDone(pushed);
    assert.ok(pushed.docs_written > 350);
    await assertSame(source, target);
    const back = local();
    assertDone(await PouchDB.replicate(target, back));
    await assertSame(source, back);
    assert.deepEqual(await back.getAttachment('notification_0000', 'node.log'), await source.getAttachment('notification_0000', 'node.log'));

    const changed = await source.get('channel-invoices');
    await source.put({ ...changed, edited: true });
    await source.remove(await source.get('lisbon-ca'));
    const again = await PouchDB.replicate(source, target);
    assertDone(again);
    assert.equal(again.docs_written, 2, 'the checkpoint is found again');
    await assertSame(source, target);
    const nothing = await PouchDB.replicate(source, target);
    assert.equal(nothing.docs_read, 0);
    assertDone(await PouchDB.replicate(target, back));
    await assertSame(source, back);
    await assert.rejects(back.get('lisbon-ca'), { status: 404 });
  });

  it('keeps conflicts from both sides and agrees on the winner', async () => {
    const one = local();
    const two = local();
    const middle = await newRemote('conflicts');
    await one.put({ _id: 'doc', v: 0 });
    assertDone(await PouchDB.replicate(one, middle));
    assertDone(await PouchDB.replicate(middle, two));
    for (const [db, side] of [[one, 'one'], [two, 'two']]) {
      await db.put({ ...await db.get('doc'), v: side });
      await db.put({ ...await db.get('doc'), v: `${side} again` });
    }
    assertDone(await PouchDB.replicate(one, middle));
    assertDone(await PouchDB.replicate(two, middle));
    assertDone(await PouchDB.replicate(middle, one));
    assertDone(await PouchDB.replicate(middle, two));
    const seen = await Promise.all([one, two, middle].map((db) => db.get('doc', { conflicts: true, revs: true })));
    assert.equal(seen[2]._conflicts.length, 1);
    for (const document of seen) {
      assert.equal(document._rev, seen[2]._rev);
      assert.deepEqual(document._conflicts, seen[2]._conflicts);
      assert.equal(document._revisions.start, 3);
      assert.deepEqual(document._revisions.ids, seen[2]._revisions.ids);
    }
    const leaves = await middle.get('doc', { open_revs: 'all' });
    assert.deepEqual(leaves.map(({ ok }) => ok.v).sort(), ['one again', 'two again']);
    await middle.remove('doc', seen[2]._conflicts[0]);
    assertDone(await PouchDB.replicate(middle, one));
    assert.equal((await one.get('doc', { conflicts: true }))._conflicts, undefined);
  });

  it('replicates deletions, many revisions and a document that came back', async () => {
    const source = local();
    const target = await newRemote('histories');
    let rev;
    for (let step = 0; step < 30; step += 1) ({ rev } = await source.put({ _id: 'many', _rev: rev, step }));
    await source.put({ _id: 'gone' });
    await source.remove(await source.get('gone'));
    await source.put({ _id: 'back', v: 1 });
    await source.remove(await source.get('back'));
    await source.put({ _id: 'back', v: 2 });
    assertDone(await PouchDB.replicate(source, target));
    await assertSame(source, target);
    assert.equal((await target.get('many', { revs: true }))._revisions.ids.length, 30);
    await assert.rejects(target.get('gone'), { status: 404, reason: 'deleted' });
  });

  it('keeps local documents out of lists and changes', async () => {
    const db = await newRemote('locals');
    const first = await db.put({ _id: '_local/mine', v: 1 });
    await db.put({ _id: '_local/mine', _rev: first.rev, v: 2 });
    assert.equal((await db.get('_local/mine')).v, 2);
    assert.equal((await db.allDocs()).rows.length, 0);
    assert.equal((await db.changes()).results.length, 0);
    await db.remove(await db.get('_local/mine'));
    await assert.rejects(db.get('_local/mine'), { status: 404 });
  });

  it('follows changes as they happen', async () => {
    const db = await newRemote('live');
    const feed = db.changes({ live: true, since: 'now', include_docs: true });
    const seen = new Promise((resolve, reject) => { feed.on('change', resolve).on('error', reject); });
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    await db.put({ _id: 'event', v: 1 });
    const timer = setTimeout(() => feed.cancel(), 30_000);
    const change = await seen;
    clearTimeout(timer);
    feed.cancel();
    assert.equal(change.doc.v, 1);
  });
});
