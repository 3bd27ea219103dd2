// The backup calls of the API: start, list, read, append, delete.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { canonicalJson, content } from '../../scripts/lib/canonical_json.mjs';
import { consoleDocuments } from '../../scripts/lib/console_documents.mjs';
import { Fixture, freshId, onCouchDb } from './lib/fixture.mjs';

const idPattern = /^03_ibp_db_backup_(\d+)$/;
const databases = ['athena_components', 'athena_sessions', 'athena_system'];

describe('backups', () => {
  let fixture;
  let api;
  const documents = consoleDocuments(11);

  before(async () => {
    fixture = await Fixture.create();
    ({ api } = fixture);
    for (const [database, docs] of Object.entries(documents)) {
      for (const outcome of await api.bulkWrite(database, docs)) assert.equal(outcome.ok, true, JSON.stringify(outcome));
    }
  });
  after(() => fixture?.remove());

  const fetchDoc = async (id) => (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).json;

  it('protects three databases that exist from the first start', async () => {
    const names = (await api.expect(200, 'GET', '/couchdb/_all_dbs')).json;
    for (const database of databases) assert.ok(names.includes(database), database);
    assert.ok(!names.includes('davenport_control'));
    for (const path of ['/couchdb/davenport_control', '/couchdb/davenport_control/_all_docs']) {
      const { status } = await api.get(path);
      assert.ok([400, 403, 404].includes(status), `${path}: ${status}`);
    }
  });

  for (const version of ['v1', 'v2', 'v3']) {
    for (const prefix of ['/api', '/ak/api']) {
      it(`answers every call under ${prefix}/${version}`, async () => {
        const caller = prefix === '/api' ? (await fixture.session()).api : api;
        const root = `${prefix}/${version}/backups`;
        const before = Date.now();
        const started = await caller.expect(202, 'POST', root);
        const { message, id, url, ...rest } = started.json;
        assert.equal(message, 'in-progress');
        assert.deepEqual(rest, {});
        const stamp = Number(idPattern.exec(id)?.[1]);
        assert.ok(stamp >= before - 5 && stamp <= Date.now() + 1000, `${id} holds the time of its start`);
        assert.equal(url, `${fixture.url}/ak/api/${version}/backups/${id}`);
        assert.match(started.headers['content-type'], /^application\/json/);

        await api.waitForBackup(id);
        const doc = (await caller.expect(200, 'GET', `${root}/${id}`)).json;
        assert.equal(doc.id, id);
        assert.equal(doc.error, undefined);
        assert.ok((await caller.expect(200, 'GET', root)).json.ids.includes(id));
        const appended = await caller.expect(200, 'PUT', `${root}/${id}/attachments/my-attachment`, { attachment: 'bub' });
        assert.deepEqual(appended.json, { message: 'ok', att_name: 'my-attachment' });
        const restored = await caller.expect(202, 'PUT', `${root}/${id}`);
        assert.equal(restored.json.message, 'in-progress');
        assert.match(restored.json.url, new RegExp(`^${fixture.url}/ak/api/v1/webhooks/txs/[^/]+$`));
        assert.equal((await api.waitForTransaction(restored.json.url)).status, 'success');
        const uploaded = await caller.expect(202, 'PUT', root, doc);
        assert.equal((await api.waitForTransaction(uploaded.json.url)).status, 'success');
        const tx = uploaded.json.url.split('/').pop();
        assert.equal((await caller.expect(200, 'GET', `${prefix}/${version}/webhooks/txs/${tx}`)).json.tx_id, tx);
        const removed = await caller.delete(`${root}/${id}`);
        assert.ok([200, 204].includes(removed.status), `${removed.status} ${removed.text}`);
        assert.equal((await caller.get(`${root}/${id}`)).status, 404);
        assert.ok(!(await caller.expect(200, 'GET', root)).json.ids.includes(id));
      });
    }
  }

  it('writes the backup doc of the seed', async () => {
    const begun = Date.now();
    const { id } = await api.backup();
    const doc = await fetchDoc(id);
    assert.deepEqual(Object.keys(doc), [
      'id', 'backup_version', 'ibp_versions', 'doc_count', 'dbs', 'in_progress', 'type',
      'start_timestamp', 'end_timestamp', 'elapsed', '_attachments',
    ]);
    assert.equal(doc.id, id);
    assert.equal(typeof doc.backup_version, 'string');
    assert.equal(typeof doc.ibp_versions.tag, 'string');
    assert.equal(doc.in_progress, false);
    assert.equal(doc.type, 'athena_backup');
    assert.ok(doc.start_timestamp >= begun - 5 && doc.end_timestamp >= doc.start_timestamp);
    assert.match(doc.elapsed, /^[\d.,]+ \S+/);
    assert.deepEqual(doc._attachments, {});
    assert.deepEqual(Object.keys(doc.dbs), databases);
    for (const database of databases) {
      const entry = doc.dbs[database];
      for (const member of ['start_timestamp', 'finish_timestamp']) assert.ok(Number.isInteger(entry[member]), member);
      assert.ok(entry.finish_timestamp >= entry.start_timestamp);
      assert.equal(typeof entry.last_sequence, 'string');
    }
    assert.equal(doc.doc_count, databases.reduce((sum, name) => sum + doc.dbs[name].docs.length, 0));
  });

  it('holds every document as the store has it, except login sessions', async () => {
    const { id } = await api.backup();
    const doc = await fetchDoc(id);
    for (const database of databases) {
      const stored = await api.allDocuments(database);
      const expected = [...stored.values()].filter(({ type }) => type !== 'session_athena');
      const backed = new Map(doc.dbs[database].docs.map((entry) => [entry._id, entry]));
      assert.equal(backed.size, doc.dbs[database].docs.length, 'no document twice');
      assert.deepEqual([...backed.keys()].sort(), expected.map(({ _id }) => _id).sort());
      for (const document of expected) {
        const entry = backed.get(document._id);
        assert.equal(entry._rev, document._rev);
        const { _attachments: stubs = {}, ...members } = document;
        const { _attachments: inline = {}, ...backedMembers } = entry;
        assert.equal(canonicalJson(content(backedMembers)), canonicalJson(content(members)));
        assert.deepEqual(Object.keys(inline).sort(), Object.keys(stubs).sort());
        for (const [name, attachment] of Object.entries(inline)) {
          const bytes = await api.attachment(database, document._id, name);
          assert.equal(attachment.data, bytes.toString('base64'));
          assert.equal(attachment.content_type, stubs[name].content_type);
        }
      }
      assert.ok([...stored.keys()].some((key) => key.startsWith('_design/')), 'design documents are there');
    }
    assert.equal([...(await api.allDocuments('athena_sessions')).values()]
      .filter(({ type }) => type === 'session_athena').length, 60);
  });

  it('leaves documents and attachments out with docs=false', async () => {
    const { id } = await api.backup();
    await api.expect(200, 'PUT', `/ak/api/v3/backups/${id}/attachments/a`, { attachment: 'text' });
    const doc = (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}?docs=false`)).json;
    assert.equal(doc._attachments, undefined);
    assert.ok(doc.doc_count > 300);
    for (const database of databases) {
      assert.equal(doc.dbs[database].docs, undefined);
      assert.equal(typeof doc.dbs[database].last_sequence, 'string');
    }
    const whole = await fetchDoc(id);
    assert.equal(whole.doc_count, doc.doc_count);
  });

  it('keeps an older backup as it was when documents change', async () => {
    const _id = freshId('changing');
    const first = await api.bulkWrite('athena_components', [{ _id, value: 1 }]);
    const one = await api.backup();
    await api.bulkWrite('athena_components', [{ _id, _rev: first[0].rev, value: 2 }]);
    const two = await api.backup();
    await api.expect(200, 'DELETE', `/couchdb/athena_components/${_id}?rev=${(await api.document('athena_components', _id))._rev}`);
    const three = await api.backup();
    const find = async (id) => (await fetchDoc(id)).dbs.athena_components.docs.find((doc) => doc._id === _id)?.value;
    assert.deepEqual([await find(one.id), await find(two.id), await find(three.id)], [1, 2, undefined]);
  });

  it('lists ids oldest first, all different', async () => {
    await api.backup();
    await api.backup();
    const { ids, ...rest } = (await api.expect(200, 'GET', '/ak/api/v2/backups')).json;
    assert.deepEqual(rest, {});
    assert.equal(new Set(ids).size, ids.length);
    const stamps = ids.map((id) => Number(idPattern.exec(id)[1]));
    assert.deepEqual(stamps, [...stamps].sort((a, b) => a - b));
  });

  it('refuses a second backup while one runs', async () => {
    const replies = await Promise.all(Array.from({ length: 24 }, () => api.post('/ak/api/v3/backups')));
    const accepted = replies.filter(({ status }) => status === 202).map((reply) => reply.json.id);
    const refused = replies.filter(({ status }) => status !== 202);
    assert.ok(accepted.length >= 1 && refused.length >= 1, `${accepted.length} accepted, ${refused.length} refused`);
    assert.equal(new Set(accepted).size, accepted.length);
    for (const reply of refused) {
      assert.equal(reply.status, 400);
      const { statusCode, message, id, ...rest } = reply.json;
      assert.deepEqual({ statusCode, message, rest }, { statusCode: 400, message: 'already_in_progress', rest: {} });
      assert.ok(accepted.includes(id), `${id} is one that was accepted`);
    }
    for (const id of accepted) assert.equal((await api.waitForBackup(id)).error, undefined);
  });

  it('shows a running backup as in progress, with no documents', async () => {
    const { id } = await api.startBackup();
    for (;;) {
      const doc = await fetchDoc(id);
      assert.equal(doc.id, id);
      assert.equal(doc.type, 'athena_backup');
      if (!doc.in_progress) {
        assert.ok(doc.dbs.athena_components.docs.length > 100);
        break;
      }
      for (const entry of Object.values(doc.dbs)) assert.deepEqual(entry.docs, []);
    }
  });

  it('answers 404 for an unknown backup', async () => {
    for (const id of ['03_ibp_db_backup_1', 'nothing', '..%2f..%2fetc%2fpasswd', '%2e%2e', '%00', '%F0%9F%92%BE', 'a%2Fb']) {
      const reply = await api.get(`/ak/api/v3/backups/${id}`);
      assert.equal(reply.status, 404, id);
      assert.deepEqual(reply.json, { statusCode: 404, error: 'not_found', reason: 'missing' });
    }
  });

  it('exists exactly as long as its own backup lives: deleting one leaves the others whole', async () => {
    const _id = freshId('kept');
    await api.bulkWrite('athena_system', [{ _id, value: 'kept' }]);
    const one = await api.backup();
    await api.bulkWrite('athena_system', [{ _id: freshId('more'), value: 1 }]);
    const two = await api.backup();
    const before = await fetchDoc(two.id);
    assert.ok((await api.delete(`/ak/api/v3/backups/${one.id}`)).status < 300);
    assert.equal(canonicalJson(await fetchDoc(two.id)), canonicalJson(before));
    assert.equal((await api.delete(`/ak/api/v3/backups/${one.id}`)).status, 404);
    assert.equal((await api.delete('/ak/api/v3/backups/nothing')).status, 404);
  });

  describe('appended attachments', () => {
    let id;
    before(async () => { ({ id } = await api.backup()); });
    const append = (name, body) => api.put(`/ak/api/v2/backups/${id}/attachments/${name}`, body);

    it('are base64 text in the backup doc, and a name written again replaces', async () => {
      assert.equal((await append('one', { attachment: 'bub' })).status, 200);
      assert.equal((await append('two', { attachment: '{"test":"test"}' })).status, 200);
      assert.equal((await append('one', { attachment: 'grün \u0000 "quoted"' })).status, 200);
      assert.equal((await append('empty', { attachment: '' })).status, 200);
      assert.deepEqual((await fetchDoc(id))._attachments, {
        one: Buffer.from('grün \u0000 "quoted"').toString('base64'),
        two: 'eyJ0ZXN0IjoidGVzdCJ9',
        empty: '',
      });
    });

    it('may have any name', async () => {
      for (const name of ['with space', 'sl/ash', '..', '../../../etc/passwd', '100%', 'größe ✓', '.', 'a\\b', '"quoted"', "it's"]) {
        const reply = await append(encodeURIComponent(name).replaceAll('.', '%2E'), { attachment: name });
        assert.equal(reply.status, 200, `${name}: ${reply.text}`);
        assert.equal(reply.json.att_name, name);
        assert.equal((await fetchDoc(id))._attachments[name], Buffer.from(name).toString('base64'));
      }
    });

    it('are refused when the body is not what it must be', async () => {
      const bodies = [
        [{}, /attachment/], [{ attachment: 5 }, /attachment/], [{ attachment: null }, /attachment/],
        [{ attachment: 'a', colour: 'red' }, /colour/], [{ colour: 'red' }, /colour/],
      ];
      for (const [body, named] of bodies) {
        const reply = await append('refused', body);
        assert.equal(reply.status, 400, JSON.stringify(body));
        assert.equal(reply.json.statusCode, 400);
        assert.ok(Array.isArray(reply.json.msgs) && reply.json.msgs.some((line) => named.test(line)), reply.text);
      }
      const both = await append('refused', { attachment: 5, colour: 'red' });
      assert.equal(both.json.msgs.length, 2, 'one line a fault');
      for (const body of ['', '{', '[]', '"text"', '{"attachment":"a"', '{"attachment":"\\ud800"}', Buffer.from([0x7b, 0xff, 0x7d])]) {
        assert.equal((await append('refused', body)).status, 400, String(body));
      }
      assert.equal((await fetchDoc(id))._attachments.refused, undefined);
    });

    it('need a backup that exists', async () => {
      const reply = await api.put('/ak/api/v2/backups/03_ibp_db_backup_1/attachments/a', { attachment: 'a' });
      assert.equal(reply.status, 400);
      assert.deepEqual(reply.json, { statusCode: 400, message: 'cannot append. error getting existing backup doc' });
    });

    it('are refused over the limit', async () => {
      const reply = await append('large', { attachment: 'x'.repeat(33 * 1024 * 1024) }).catch((error) => error);
      // The service may close the connection after its answer while the body is still on its way.
      if (reply.status !== undefined) assert.equal(reply.status, 413);
      else assert.match(String(reply.code), /EPIPE|ECONNRESET/);
      assert.equal((await api.get('/ak/api/v3/backups')).status, 200);
    });
  });

  it('fails by name when a database is missing, and never looks complete', async () => {
    const own = await Fixture.create({ DAVENPORT_DATABASES_OTHERS: 'ledger_notes' });
    try {
      // A CouchDB's databases are the console's own: nothing made this one.
      if (!onCouchDb) await own.api.expect(200, 'DELETE', '/couchdb/ledger_notes');
      const doc = await own.api.backup();
      assert.match(doc.error, /ledger_notes/);
      assert.equal(doc.in_progress, false);
      const whole = (await own.api.expect(200, 'GET', `/ak/api/v3/backups/${doc.id}`)).json;
      assert.match(whole.error, /ledger_notes/);
      for (const entry of Object.values(whole.dbs)) assert.deepEqual(entry.docs ?? [], []);
      const reply = await own.api.put(`/ak/api/v3/backups/${doc.id}`);
      assert.equal(reply.status, 400);
      assert.deepEqual(reply.json, { statusCode: 400, message: 'cannot restore, could not load backup doc.' });
      await own.api.expect(201, 'PUT', '/couchdb/ledger_notes');
      await own.api.bulkWrite('ledger_notes', [{ _id: 'n', value: 1 }]);
      const second = await own.api.backup();
      assert.equal(second.error, undefined);
      const complete = (await own.api.expect(200, 'GET', `/ak/api/v3/backups/${second.id}`)).json;
      assert.equal(complete.dbs.ledger_notes.docs[0]._id, 'n');
      await own.api.expect(200, 'DELETE', `/couchdb/ledger_notes/n?rev=${complete.dbs.ledger_notes.docs[0]._rev}`);
      const third = await own.api.backup();
      assert.equal(third.error, undefined);
      assert.match(own.service.log, new RegExp(`${third.id} holds no document of the database ledger_notes; the one before held 1`));
      // Those that were empty before are no news.
      assert.equal(own.service.log.match(/holds no document/g).length, 1, own.service.log);
      await own.api.bulkWrite('ledger_notes', [{ _id: 'n', value: 2 }]);
      assert.equal((await own.api.backup()).error, undefined);
      await own.stopService();
      delete own.settings.DAVENPORT_DATABASES_OTHERS;
      await own.startService();
      const without = await own.api.backup();
      assert.equal(without.error, undefined);
      assert.match(own.service.log, new RegExp(`${without.id} holds no document of the database ledger_notes; the one before held 1`));
    } finally {
      await own.remove();
    }
  });
});
