// Backups with every leaf, and restores of their exact history.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { canonicalJson } from '../../scripts/lib/canonical_json.mjs';
import { must, run } from '../../scripts/lib/davenport.mjs';
import { assertSuccess, Fixture, restoreById } from './lib/fixture.mjs';

const databases = ['athena_components', 'athena_sessions', 'athena_system'];
const hash = (digit) => String(digit).repeat(32);

describe('exact history', () => {
  let fixture;
  let api;
  let id; // of a backup with leaves

  const graft = (database, doc) =>
    api.expect(201, 'POST', `/couchdb/${database}/_bulk_docs`, { new_edits: false, docs: [doc] });
  const revision = (start, ...ids) => ({ _rev: `${start}-${ids[0]}`, _revisions: { start, ids } });
  const leavesOf = async (database, doc) => {
    const path = `/couchdb/${database}/${encodeURIComponent(doc)}?open_revs=all&revs=true`;
    const leaves = (await api.expect(200, 'GET', path)).json.map(({ ok }) => ok);
    return leaves.sort((a, b) => (a._rev < b._rev ? -1 : 1));
  };
  // Every leaf of every database, as one text.
  const everything = async () => {
    const state = {};
    for (const database of databases) {
      const { results } = (await api.expect(200, 'GET', `/couchdb/${database}/_changes`)).json;
      for (const change of results) state[`${database}/${change.id}`] = await leavesOf(database, change.id);
    }
    return canonicalJson(state);
  };
  const empty = async () => {
    for (const database of databases) await api.expect(200, 'DELETE', `/couchdb/${database}`);
  };
  const place = () => ['--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`];

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_BACKUP_REVISIONS: 'leaves' });
    ({ api } = fixture);
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(hash);
    const file = (text) => ({ file: { content_type: 'image/png', data: Buffer.from(text).toString('base64') } });
    await graft('athena_components', { _id: 'peer', type: 'peer', n: 1, ...revision(3, c, b, a), _attachments: file('one') });
    await graft('athena_components', { _id: 'peer', type: 'peer', n: 2, ...revision(3, d, b, a), _attachments: file('two') });
    await graft('athena_components', { _id: 'peer', _deleted: true, ...revision(2, e, a) });
    await graft('athena_components', { _id: 'gone', _deleted: true, why: 'retired', ...revision(2, b, a) });
    await api.bulkWrite('athena_system', [{ _id: 'plain', v: 1 }]);
    ({ id } = await api.backup());
  });
  after(() => fixture?.remove());

  it('a downloaded backup holds winners alone', async () => {
    const { dbs } = (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).json;
    assert.deepEqual(dbs.athena_components.docs.map((doc) => [doc._id, doc.n]), [['peer', 2]]);
  });

  it('is refused where databases hold documents, and says which', async () => {
    const before = await everything();
    for (const query of ['?history=exact', '?history=exact&dry_run=true']) {
      const reply = await api.expect(409, 'PUT', `/ak/api/v3/backups/${id}${query}`);
      assert.match(reply.json.message, /athena_components holds 1 documents/);
    }
    const { code, stderr } = await run(['restore', id, '--history', 'exact', ...place()]);
    assert.equal(code, 6);
    assert.match(stderr, /athena_components/);
    assert.equal(await everything(), before);
  });

  it('is refused for uploads, and other words are not understood', async () => {
    const doc = (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).json;
    for (const query of ['?history=exact', '?history=exact&dry_run=true'])
      assert.match((await api.expect(400, 'PUT', `/ak/api/v3/backups${query}`, doc)).json.message, /by its id/);
    assert.match((await api.expect(400, 'PUT', `/ak/api/v3/backups/${id}?history=all`)).json.message, /fresh or exact/);
    assert.equal((await run(['restore', id, '--history', 'all', ...place()])).code, 2);
  });

  it('brings every leaf, tombstone, body and attachment back into missing databases', async () => {
    const expected = await everything();
    await empty();
    const dry = (await api.expect(200, 'PUT', `/ak/api/v3/backups/${id}?history=exact&dry_run=true`)).json;
    assert.deepEqual(dry.dbs.athena_components, { created: 1, changed: 0, unchanged: 0, deleted: 1, skipped: 0 });
    assertSuccess(await restoreById(api, id, '?history=exact'));
    assert.equal(await everything(), expected);
    for (const [digit, text] of [['c', 'one'], ['d', 'two']]) {
      const path = `/couchdb/athena_components/peer/file?rev=3-${hash(digit)}`;
      assert.equal((await api.expect(200, 'GET', path)).text, text);
    }
  });

  it('works from the command line, where the data directory is', async () => {
    const expected = await everything();
    await empty();
    const args = ['restore', id, '--history', 'exact', '--json', '--data', fixture.dataDir];
    const { stdout } = await must(args, { settings: fixture.settings });
    assert.equal(JSON.parse(stdout).status, 'success');
    assert.equal(await everything(), expected);
  });

  it('without it, winners alone come, as new revisions', async () => {
    await empty();
    assertSuccess(await restoreById(api, id));
    const leaves = await leavesOf('athena_components', 'peer');
    assert.equal(leaves.length, 1);
    assert.equal(leaves[0].n, 2);
    assert.match(leaves[0]._rev, /^1-/);
  });

  it('the rebuilt whitelist may give the settings one revision more', async () => {
    await empty();
    for (const database of databases) await api.request('PUT', `/couchdb/${database}`);
    await graft('athena_system', { _id: '00_settings_athena', url_safe_list: ['x'], ...revision(2, hash('b'), hash('a')) });
    const backup = await api.backup();
    await empty();
    assertSuccess(await restoreById(api, backup.id, '?history=exact'));
    const [settings] = await leavesOf('athena_system', '00_settings_athena');
    assert.deepEqual(settings._revisions.ids.slice(1), [hash('b'), hash('a')]);
    assert.deepEqual(settings.url_safe_list, []);
  });

  it('needs a backup that was made with leaves', async () => {
    await fixture.stopService();
    fixture.settings.DAVENPORT_BACKUP_REVISIONS = 'winners';
    await fixture.startService();
    ({ api } = fixture);
    const winners = await api.backup();
    await empty();
    const reply = await api.expect(400, 'PUT', `/ak/api/v3/backups/${winners.id}?history=exact`);
    assert.match(reply.json.message, /revisions of athena_components/);
    const { code, stderr } = await run(['restore', winners.id, '--history', 'exact', ...place()]);
    assert.equal(code, 3);
    assert.match(stderr, /backup\.revisions/);
  });
});
