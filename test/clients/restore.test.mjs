// Both restores: by id and from uploaded data, with every rule that the API promises.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import { canonicalJson, content } from '../../scripts/lib/canonical_json.mjs';
import { consoleDocuments, expectedWhitelist, settingsId } from '../../scripts/lib/console_documents.mjs';
import { assertSuccess, backupDoc, docsOf, Fixture, freshId, restoreById, restoreUpload } from './lib/fixture.mjs';

const deployerUrl = 'https://deployer.trade.example:8443/api/v3';

describe('restore', () => {
  let fixture;
  let api;

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_CONSOLE_DEPLOYER_URL: deployerUrl });
    ({ api } = fixture);
    for (const [database, docs] of Object.entries(consoleDocuments(21))) await api.bulkWrite(database, docs);
  });
  after(() => fixture?.remove());

  const value = async (database, id) => (await api.document(database, id))?.value;
  const write = async (database, documents) => {
    for (const outcome of await api.bulkWrite(database, documents)) assert.ok(outcome.ok, JSON.stringify(outcome));
  };
  const edit = async (database, id, members) => {
    const { _rev } = await api.document(database, id);
    await write(database, [{ _id: id, _rev, ...members }]);
  };
  const drop = async (database, id) => {
    const { _rev } = await api.document(database, id);
    await api.expect(200, 'DELETE', `/couchdb/${database}/${encodeURIComponent(id)}?rev=${_rev}`);
  };
  // Everything a restore could change, as one text.
  const everything = async () => {
    const state = {};
    for (const database of ['athena_components', 'athena_sessions', 'athena_system']) {
      state[database] = Object.fromEntries([...await api.allDocuments(database)].map(([id, doc]) => [id, doc]));
    }
    return canonicalJson(state);
  };

  describe('by id', () => {
    it('brings changed and deleted documents back, whatever their revisions, and keeps newer ones', async () => {
      const [changed, deleted, recreated, newer] = ['changed', 'deleted', 'recreated', 'newer'].map(freshId);
      await write('athena_components', [changed, deleted, recreated].map((_id) => ({ _id, value: 'good' })));
      const { id } = await api.backup();
      for (let step = 0; step < 4; step += 1) await edit('athena_components', changed, { value: `bad ${step}` });
      await drop('athena_components', deleted);
      await drop('athena_components', recreated);
      await write('athena_components', [{ _id: recreated, value: 'bad' }, { _id: newer, value: 'newer' }]);
      const transaction = await restoreById(api, id);
      assertSuccess(transaction);
      assert.equal(await value('athena_components', changed), 'good');
      assert.equal(await value('athena_components', deleted), 'good');
      assert.equal(await value('athena_components', recreated), 'good');
      assert.equal(await value('athena_components', newer), 'newer');
    });

    it('brings every document back into emptied databases, with attachments and design documents', async () => {
      const before = {};
      const { id } = await api.backup();
      for (const database of ['athena_components', 'athena_system']) {
        before[database] = await api.allDocuments(database);
        await api.expect(200, 'DELETE', `/couchdb/${database}`);
      }
      assertSuccess(await restoreById(api, id));
      for (const database of ['athena_components', 'athena_system']) {
        const now = await api.allDocuments(database);
        assert.deepEqual([...now.keys()], [...before[database].keys()]);
        for (const [key, document] of before[database]) {
          if (key === settingsId) continue;
          assert.equal(canonicalJson(content(now.get(key))), canonicalJson(content(document)), key);
        }
      }
      const bytes = await api.attachment('athena_system', 'notification_0000', 'node.log');
      assert.equal(bytes.length, 3000);
      assert.equal((await api.attachment('athena_system', 'notification_0000', 'empty')).length, 0);
    });

    it('refuses an unknown id and an unknown key', async () => {
      const reply = await api.put('/ak/api/v2/backups/03_ibp_db_backup_1', {});
      assert.equal(reply.status, 400);
      assert.deepEqual(reply.json, { statusCode: 400, message: 'cannot restore, could not load backup doc.' });
      const { id } = await api.backup();
      const before = await everything();
      const unknown = await api.put(`/ak/api/v2/backups/${id}`, { client_webhook_uri: 'x' });
      assert.equal(unknown.status, 400);
      assert.ok(unknown.json.msgs.some((line) => line.includes('client_webhook_uri')), unknown.text);
      for (const body of ['{', '[]', '"text"', '{"client_webhook_url":5}']) {
        assert.equal((await api.put(`/ak/api/v2/backups/${id}`, body)).status, 400, body);
      }
      assert.equal(await everything(), before);
    });
  });

  describe('from uploaded data', () => {
    it('lets the last document with an id win, however far apart', async () => {
      const [first, second] = [freshId(), freshId()];
      const filler = Array.from({ length: 5000 }, (_, index) => ({ _id: `filler-${index % 2500}`, value: index }));
      const docs = [{ _id: first, value: 1 }, { _id: second, value: 1 }, { _id: first, value: 2 }, ...filler, { _id: second, value: 3 }];
      assertSuccess(await restoreUpload(api, backupDoc({ athena_components: docsOf(docs) })));
      assert.deepEqual([await value('athena_components', first), await value('athena_components', second)], [2, 3]);
      assert.equal(await value('athena_components', 'filler-7'), 2507);
    });

    it('takes database types and compressed documents', async () => {
      const ids = [freshId(), freshId(), freshId()];
      const compressed = (docs) => ({ compressed_docs: deflateSync(JSON.stringify(docs)).toString('base64') });
      assertSuccess(await restoreUpload(api, backupDoc({
        DB_COMPONENTS: compressed([{ _id: ids[0], value: 'old' }, { _id: ids[0], value: 'größe' }]),
        DB_SESSIONS: docsOf([{ _id: ids[1], value: 'session' }]),
        DB_SYSTEM: compressed([{ _id: ids[2], value: 'system' }]),
      })));
      assert.equal(await value('athena_components', ids[0]), 'größe');
      assert.equal(await value('athena_sessions', ids[1]), 'session');
      assert.equal(await value('athena_system', ids[2]), 'system');
    });

    it('takes what GET backups/:id gave', async () => {
      const { id } = await api.backup();
      const doc = (await api.get(`/ak/api/v3/backups/${id}`)).body;
      const before = await api.allDocuments('athena_components');
      await api.expect(200, 'DELETE', '/couchdb/athena_components');
      assertSuccess(await restoreUpload(api, doc));
      const now = await api.allDocuments('athena_components');
      assert.deepEqual([...now.keys()], [...before.keys()]);
      for (const [key, document] of before) assert.equal(canonicalJson(content(now.get(key))), canonicalJson(content(document)));
    });

    it('overwrites whatever the revision, with attachments', async () => {
      const _id = freshId();
      await write('athena_components', [{ _id, value: 'there' }]);
      const _attachments = { 'a.txt': { content_type: 'text/plain', data: Buffer.from('bytes').toString('base64') } };
      assertSuccess(await restoreUpload(api, backupDoc({ athena_components: docsOf([{ _id, _rev: '7-00000000000000000000000000000000', value: 'restored', _attachments }]) })));
      assert.equal(await value('athena_components', _id), 'restored');
      assert.equal((await api.attachment('athena_components', _id, 'a.txt')).toString(), 'bytes');
    });

    const good = () => docsOf([{ _id: freshId('must-not-appear'), value: 1 }]);
    const refused = {
      'no dbs': [{ id: 'x' }, /dbs/],
      'dbs that is no object': [{ dbs: [] }, /dbs/],
      'an unknown database': [() => backupDoc({ athena_components: good(), athena_nonsense: good() }), /athena_nonsense/],
      'the control database': [() => backupDoc({ davenport_control: good() }), /davenport_control/],
      'one database by name and by type': [() => backupDoc({ athena_system: good(), DB_SYSTEM: good() }), /DB_SYSTEM|athena_system/],
      'docs that is no array': [() => backupDoc({ athena_components: { docs: {} } }), /docs/],
      'a document that is no object': [() => backupDoc({ athena_components: docsOf([{ _id: freshId() }, 5]) }), /athena_components|1/],
      'a document without _id': [() => backupDoc({ athena_components: good(), athena_system: docsOf([{ value: 1 }]) }), /_id/],
      'an _id that is no string': [() => backupDoc({ athena_system: docsOf([{ _id: 7 }]) }), /_id/],
      'an empty _id': [() => backupDoc({ athena_system: docsOf([{ _id: '' }]) }), /id/],
      'compressed_docs that is no base64': [() => backupDoc({ athena_components: good(), athena_system: { compressed_docs: '%%%' } }), /compressed_docs|athena_system/],
      'compressed_docs that does not inflate': [() => backupDoc({ athena_system: { compressed_docs: Buffer.from('not zlib').toString('base64') } }), /compressed_docs|athena_system/],
      'compressed_docs that was cut off': [() => backupDoc({ athena_system: { compressed_docs: deflateSync('[{"_id":"a"}]').subarray(0, 12).toString('base64') } }), /compressed_docs|athena_system/],
      'compressed_docs that is no array': [() => backupDoc({ athena_system: { compressed_docs: deflateSync('{"a":1}').toString('base64') } }), /compressed_docs|athena_system|array/],
    };
    for (const [name, [body, named]] of Object.entries(refused)) {
      it(`refuses ${name} and writes nothing`, async () => {
        const before = await everything();
        const reply = await api.put('/ak/api/v3/backups', typeof body === 'function' ? body() : body);
        assert.equal(reply.status, 400, reply.text);
        assert.match(reply.text, named);
        assert.equal(await everything(), before);
      });
    }

    it('refuses JSON that is malformed, truncated, repeated, too deep or not UTF-8, wherever the fault stands', async () => {
      const before = await everything();
      const text = JSON.stringify(backupDoc({
        athena_components: docsOf(Array.from({ length: 400 }, (_, index) => ({ _id: `broken-${index}`, value: index }))),
        athena_system: docsOf([{ _id: 'broken-last', value: 'x' }]),
      }));
      const doc = (member) => `{"dbs":{"athena_components":{"docs":[{"_id":"broken","value":1},{"_id":"broken-2",${member}}]}}}`;
      const bodies = {
        'last byte missing': text.slice(0, -1),
        'last byte wrong': `${text.slice(0, -1)}]`,
        'rubbish after the end': `${text}x`,
        'half of it': text.slice(0, text.length / 2),
        empty: '',
        'only white space': '   ',
        'a member twice in a document': doc('"value":1,"value":2'),
        'dbs twice': '{"dbs":{"athena_components":{"docs":[{"_id":"broken"}]}},"dbs":{}}',
        'docs twice': '{"dbs":{"athena_components":{"docs":[{"_id":"broken"}],"docs":[]}}}',
        'too deep': doc(`"value":${'['.repeat(5000)}${']'.repeat(5000)}`),
        'a lone surrogate': doc('"value":"\\ud800"'),
        'not UTF-8': Buffer.concat([Buffer.from(doc('"value":"').slice(0, -6)), Buffer.from([0xff, 0xfe]), Buffer.from('"}]}}}')]),
        'a control character in a string': doc('"value":"\u0001"'),
        'a number that is none': doc('"value":01'),
      };
      for (const [name, body] of Object.entries(bodies)) {
        const reply = await api.put('/ak/api/v3/backups', body);
        assert.equal(reply.status, 400, `${name}: ${reply.status} ${reply.text}`);
      }
      const reply = await api.put('/ak/api/v3/backups', bodies['rubbish after the end']);
      assert.match(reply.text, new RegExp(`\\b${Buffer.byteLength(text)}\\b`), 'the byte position is named');
      assert.equal(await everything(), before);
    });
  });

  describe('skip lists', () => {
    const forms = {
      'a JSON array, encoded': (ids) => encodeURIComponent(JSON.stringify(ids)),
      'a JSON array, as it is': (ids) => JSON.stringify(ids),
      'single quotes inside quotes, encoded': (ids) => encodeURIComponent(`"[${ids.map((id) => `'${id}'`).join(',')}]"`),
      'single quotes inside quotes, as they are': (ids) => `"[${ids.map((id) => `'${id}'`).join(',')}]"`,
    };
    for (const [name, encode] of Object.entries(forms)) {
      it(`skip every listed id, adjacent ones too: ${name}`, async () => {
        const ids = ['s-a', 's-b', 's-c', 's-d'];
        const dbs = (value) => ({
          athena_components: docsOf(ids.map((_id) => ({ _id, value }))),
          athena_sessions: docsOf(ids.map((_id) => ({ _id, value }))),
          athena_system: docsOf(ids.map((_id) => ({ _id, value }))),
        });
        assertSuccess(await restoreUpload(api, backupDoc(dbs('old'))));
        const query = `?skip_components=${encode(['s-a', 's-b'])}&skip_system=${encode(['s-c', 's-d'])}&skip_sessions=${encode(['s-b'])}`;
        assertSuccess(await restoreUpload(api, backupDoc(dbs('new')), query));
        const values = async (database) => Promise.all(ids.map((id) => value(database, id)));
        assert.deepEqual(await values('athena_components'), ['old', 'old', 'new', 'new']);
        assert.deepEqual(await values('athena_system'), ['new', 'new', 'old', 'old']);
        assert.deepEqual(await values('athena_sessions'), ['new', 'old', 'new', 'new']);
      });
    }

    it('hold for a restore by id too, and may be empty', async () => {
      const [skipped, restored] = [freshId(), freshId()];
      await write('athena_system', [skipped, restored].map((_id) => ({ _id, value: 'old' })));
      const { id } = await api.backup();
      for (const key of [skipped, restored]) await edit('athena_system', key, { value: 'new' });
      assertSuccess(await restoreById(api, id, `?skip_system="['${skipped}']"&skip_components=[]`));
      assert.deepEqual([await value('athena_system', skipped), await value('athena_system', restored)], ['new', 'old']);
    });

    it('that cannot be read are refused, and nothing is written', async () => {
      const _id = freshId();
      await write('athena_system', [{ _id, value: 'old' }]);
      const { id } = await api.backup();
      await edit('athena_system', _id, { value: 'new' });
      const lists = ['', '[', 'abc', '[1]', '["a",]', '["a"', '{"a":1}', '[["a"]]', '["a"]x', "['a'", 'null', '%', '%5B%22a%22', '[null]'];
      for (const list of lists) {
        for (const parameter of ['skip_system', 'skip_components']) {
          const byId = await api.put(`/ak/api/v3/backups/${id}?${parameter}=${list}`);
          assert.equal(byId.status, 400, `by id, ${list}: ${byId.text}`);
          const upload = await api.put(`/ak/api/v3/backups?${parameter}=${list}`, backupDoc({ athena_system: docsOf([{ _id, value: 'x' }]) }));
          assert.equal(upload.status, 400, `upload, ${list}: ${upload.text}`);
        }
      }
      for (const query of ['?mode=wide', '?dry_run=maybe', '?skip_sytem=["a"]']) {
        assert.equal((await api.put(`/ak/api/v3/backups/${id}${query}`)).status, 400, query);
      }
      assert.equal(await value('athena_system', _id), 'new');
    });
  });

  describe('modes', () => {
    it('exact also deletes what the backup does not hold, except skipped documents and sessions', async () => {
      const [kept, extra, skipped] = [freshId(), freshId('extra'), freshId('skipped')];
      const sessions = [...(await api.allDocuments('athena_sessions')).values()].filter(({ type }) => type === 'session_athena').length;
      assert.ok(sessions > 0);
      await write('athena_components', [{ _id: kept, value: 'old' }]);
      const { id } = await api.backup();
      await edit('athena_components', kept, { value: 'new' });
      await write('athena_components', [{ _id: extra, value: 1 }, { _id: skipped, value: 1 }]);
      assertSuccess(await restoreById(api, id, `?mode=overlay`));
      assert.equal(await value('athena_components', extra), 1);
      assertSuccess(await restoreById(api, id, `?mode=exact&skip_components=["${skipped}"]`));
      assert.equal(await value('athena_components', kept), 'old');
      assert.equal(await value('athena_components', extra), undefined);
      assert.equal(await value('athena_components', skipped), 1);
      const left = [...(await api.allDocuments('athena_sessions')).values()].filter(({ type }) => type === 'session_athena').length;
      assert.equal(left, sessions);
    });

    it('a dry run counts and writes nothing', async () => {
      const [same, changed, gone, extra, skipped] = ['same', 'changed', 'gone', 'extra', 'skipped'].map(freshId);
      await write('athena_components', [same, changed, gone, skipped].map((_id) => ({ _id, value: 'old' })));
      const { id, doc_count } = await api.backup();
      await edit('athena_components', changed, { value: 'new' });
      await edit('athena_components', skipped, { value: 'new' });
      await drop('athena_components', gone);
      await write('athena_components', [{ _id: extra, value: 1 }]);
      const before = await everything();
      const overlay = await api.expect(200, 'PUT', `/ak/api/v3/backups/${id}?dry_run=true&skip_components=["${skipped}"]`);
      const { unchanged, ...counts } = overlay.json.dbs.athena_components;
      assert.deepEqual(counts, { created: 1, changed: 1, deleted: 0, skipped: 1 });
      const all = Object.values(overlay.json.dbs).flatMap((row) => [row.created, row.changed, row.unchanged, row.skipped]);
      assert.equal(all.reduce((sum, count) => sum + count), doc_count);
      const exact = await api.expect(200, 'PUT', `/ak/api/v3/backups/${id}?dry_run=true&mode=exact&skip_components=["${skipped}"]`);
      assert.deepEqual(exact.json.dbs.athena_components, { created: 1, changed: 1, unchanged, deleted: 1, skipped: 1 });
      const uploaded = await api.expect(200, 'PUT', '/ak/api/v3/backups?dry_run=true', backupDoc({
        athena_components: docsOf([{ _id: freshId(), value: 1 }, { _id: changed, value: 'x' }, { _id: changed, value: 'new' }]),
      }));
      const { created, changed: toChange, unchanged: same2 } = uploaded.json.dbs.athena_components;
      assert.deepEqual([created, toChange, same2], [1, 0, 1], 'the last document with an id is the one that counts');
      assert.equal(await everything(), before);
    });
  });

  it('does not touch documents that are as the backup has them', async () => {
    const { id } = await api.backup();
    assertSuccess(await restoreById(api, id));
    const before = await everything();
    assertSuccess(await restoreById(api, id));
    assert.equal(await everything(), before);
  });

  it('rebuilds the whitelist, also when the settings document is skipped', async () => {
    const list = async () => (await api.document('athena_system', settingsId)).url_safe_list;
    const { id } = await api.backup();
    const expected = expectedWhitelist([...(await api.allDocuments('athena_components')).values()], deployerUrl);
    assert.ok(expected.length > 300);
    assertSuccess(await restoreById(api, id));
    assert.deepEqual(await list(), expected);
    const { _id, _rev, ...members } = await api.document('athena_system', settingsId);
    await edit('athena_system', settingsId, { ...members, app_name: 'mine', url_safe_list: [] });
    const peer = { _id: freshId('peer'), type: 'fabric-peer', api_url: 'grpcs://new-peer.example:7051', osnadmin_url_saas: 'https://new-admin.example:7053/x?y' };
    const collection = { _id: freshId('sig'), type: 'signature_collection', orgs2sign: [{ peers: ['grpcs://one.example:1', 'grpcs://two.example:2'] }, { msp_id: 'no peers' }, { peers: [] }] };
    assertSuccess(await restoreUpload(api, backupDoc({ DB_COMPONENTS: docsOf([peer, collection]), DB_SYSTEM: docsOf([{ _id: settingsId, app_name: 'theirs' }]) }), `?skip_system=["${settingsId}"]`));
    const now = await list();
    const added = ['grpcs://new-peer.example:7051', 'https://new-admin.example:7053', 'grpcs://one.example:1', 'grpcs://two.example:2'];
    assert.deepEqual(now, [...new Set([...expected, ...added])].sort());
    assert.equal((await api.document('athena_system', settingsId)).app_name, 'mine');
    const { _rev: settled } = await api.document('athena_system', settingsId);
    assertSuccess(await restoreUpload(api, backupDoc({ DB_COMPONENTS: docsOf([peer]) })));
    assert.equal((await api.document('athena_system', settingsId))._rev, settled, 'an unchanged list causes no write');
  });

  it('excludes another restore and a backup while it runs, and the other way round', async () => {
    const { id } = await api.backup();
    const docs = Array.from({ length: 20000 }, (_, index) => ({ _id: `bulk-${index}`, value: Math.floor(index / 3) }));
    const body = JSON.stringify(backupDoc({ athena_components: docsOf(docs) }));
    const replies = await Promise.all([
      ...Array.from({ length: 4 }, () => api.put('/ak/api/v3/backups', body)),
      ...Array.from({ length: 8 }, () => api.put(`/ak/api/v3/backups/${id}`)),
      ...Array.from({ length: 8 }, () => api.post('/ak/api/v3/backups')),
    ]);
    const accepted = replies.filter(({ status }) => status === 202);
    const refused = replies.filter(({ status }) => status !== 202);
    assert.ok(accepted.length >= 1 && refused.length >= 1);
    const running = new Set(accepted.map(({ json }) => json.id ?? json.url.split('/').pop()));
    for (const reply of refused) {
      assert.equal(reply.status, 400, reply.text);
      assert.equal(reply.json.message, 'already_in_progress');
      const named = reply.json.id ?? reply.json.url.split('/').pop();
      assert.ok(running.has(named), `${reply.text} names what runs`);
    }
    for (const { json } of accepted) {
      if (json.id) assert.equal((await api.waitForBackup(json.id)).error, undefined);
      else assertSuccess(await api.waitForTransaction(json.url));
    }
  });

  it('says which document failed and why, and is then no success', async () => {
    // The store takes no id that begins with an underscore.
    const reply = await api.put('/ak/api/v3/backups', backupDoc({ athena_components: docsOf([{ _id: '_nonsense', value: 1 }]) }));
    if (reply.status === 400) {
      assert.match(reply.text, /_nonsense|_id/);
    } else {
      const transaction = await api.waitForTransaction(reply.json.url);
      assert.equal(transaction.status, 'error');
      assert.match(JSON.stringify(transaction), /_nonsense/);
    }
  });
});
