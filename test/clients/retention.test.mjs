// Pins, retention locks and prunes, through the API and the command line.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, must, run } from '../../scripts/lib/davenport.mjs';
import { assertSuccess, Fixture, restoreById } from './lib/fixture.mjs';

const backups = '/ak/api/v3/backups';

// Bytes of all files below, without the notes that removed backups leave.
async function bytesOf(directory) {
  let sum = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) sum += entry.name === 'removed' ? 0 : await bytesOf(path);
    else sum += (await stat(path)).size;
  }
  return sum;
}

const withService = (settings, work) => async () => {
  const fixture = await Fixture.create(settings);
  try {
    await work(fixture);
  } finally {
    await fixture.remove();
  }
};

// Backups with documents, document attachments and appended attachments; ids, oldest first.
async function fill(api, count) {
  const ids = [];
  for (let i = 0; i < count; i += 1) {
    const known = await api.document('athena_components', 'changing');
    const data = Buffer.alloc(20_000, `bytes of round ${i}, `).toString('base64');
    await api.bulkWrite('athena_components', [
      { _id: `round-${i}`, i, text: 'x'.repeat(500) },
      { ...(known && { _rev: known._rev }), _id: 'changing', i, _attachments: { 'file.bin': { content_type: 'application/octet-stream', data } } },
    ]);
    const { id, error } = await api.backup();
    assert.equal(error, undefined);
    await api.expect(200, 'PUT', `${backups}/${id}/attachments/log`, { attachment: `first log ${i}` });
    await api.expect(200, 'PUT', `${backups}/${id}/attachments/log`, { attachment: `log ${i}` });
    ids.push(id);
  }
  return ids;
}

const listed = async (api) => (await api.expect(200, 'GET', backups)).json.ids;
const dryRun = async (api) => (await api.expect(200, 'POST', '/ak/api/v3/prune?dry_run=true')).json;

async function waitForPrune(api, id) {
  return eventually(`${id} has ended`, async () => {
    const prune = (await api.expect(200, 'GET', `/ak/api/v3/prunes/${id}`)).json;
    return ['succeeded', 'failed'].includes(prune.state) ? prune : undefined;
  });
}

async function prune(api) {
  const started = (await api.expect(202, 'POST', '/ak/api/v3/prune')).json;
  assert.equal(started.message, 'in-progress');
  const ended = await waitForPrune(api, started.id);
  assert.equal(ended.state, 'succeeded', JSON.stringify(ended));
  return ended.result;
}

async function assertSound(api) {
  const verified = (await api.expect(200, 'GET', '/ak/api/v3/verification')).json;
  assert.deepEqual(verified.findings, []);
}

// The backup holds the documents of its round.
async function assertReads(api, id, round) {
  const doc = (await api.expect(200, 'GET', `${backups}/${id}`)).json;
  const docs = new Map(doc.dbs.athena_components.docs.map((each) => [each._id, each]));
  assert.equal(docs.get('changing').i, round);
  assert.ok(docs.has(`round-${round}`));
  assert.ok(!docs.has(`round-${round + 1}`));
  const bytes = Buffer.from(docs.get('changing')._attachments['file.bin'].data, 'base64');
  assert.equal(bytes.toString(), Buffer.alloc(20_000, `bytes of round ${round}, `).toString());
  assert.equal(Buffer.from(doc._attachments.log, 'base64').toString(), `log ${round}`);
}

const rules = { DAVENPORT_RETENTION_PRESET: 'rules', DAVENPORT_RETENTION_KEEP_LAST: '2' };

describe('retention', () => {
  it('prunes by rules, as the dry run said, and gives every byte back', withService(rules, async ({ api, dataDir }) => {
    const ids = await fill(api, 6);
    await api.expect(200, 'PUT', `${backups}/${ids[1]}/pin`, { reason: 'audit 2026' });
    const before = await listed(api);
    const plan = await dryRun(api);
    assert.equal(plan.rules, 'keep_last=2');
    assert.deepEqual(plan.backups.map(({ id }) => id), ids);
    assert.deepEqual(plan.backups.map(({ keep }) => keep), [false, true, false, false, true, true]);
    assert.deepEqual(plan.backups[1].reasons, ['pinned: audit 2026']);
    assert.deepEqual(plan.backups[5].reasons, ['newest', 'last']);
    assert.equal(plan.removed, 3);
    assert.equal(plan.kept, 3);
    assert.ok(plan.bytes > 0);
    assert.deepEqual(await listed(api), before, 'a dry run changes nothing');

    // What was merged in the background is settled now.
    const settled = await eventually('nothing changes any more', async () => {
      const [one, size, two] = [await dryRun(api), await bytesOf(join(dataDir, 'vault')), await dryRun(api)];
      return one.bytes === two.bytes && { size, bytes: two.bytes };
    });
    const result = await prune(api);
    assert.deepEqual(result.removed, [ids[0], ids[2], ids[3]]);
    assert.equal(result.kept, 3);
    assert.equal(result.bytes, settled.bytes);
    assert.equal(settled.size - await bytesOf(join(dataDir, 'vault')), result.bytes);

    assert.deepEqual(await listed(api), [ids[1], ids[4], ids[5]]);
    await assertSound(api);
    for (const round of [1, 4, 5]) await assertReads(api, ids[round], round);
    for (const id of result.removed) assert.equal((await api.get(`${backups}/${id}`)).status, 404);
    const again = await prune(api);
    assert.deepEqual([again.removed, again.bytes], [[], 0]);
    assertSuccess(await restoreById(api, ids[1], '?mode=exact'));
    assert.equal((await api.document('athena_components', 'changing')).i, 1);
    const next = await api.backup();
    assert.equal(next.error, undefined);
    await assertSound(api);
  }));

  it('keeps all of the last day by default, and refuses without rules', withService({}, async (fixture) => {
    const { api } = fixture;
    const ids = await fill(api, 3);
    const plan = await dryRun(api);
    assert.equal(plan.rules, 'console');
    assert.equal(plan.removed, 0);
    assert.ok(plan.backups.every(({ reasons }) => reasons.includes('last day')));
    assert.deepEqual((await prune(api)).removed, []);
    await fixture.stopService();
    fixture.settings.DAVENPORT_RETENTION_PRESET = 'none';
    await fixture.startService();
    for (const query of ['', '?dry_run=true']) {
      const refused = await fixture.api.post(`/ak/api/v3/prune${query}`);
      assert.equal(refused.status, 400);
      assert.match(refused.json.message, /retention\.preset/);
    }
    assert.deepEqual(await listed(fixture.api), ids);
  }));

  it('never removes a pinned backup', withService(rules, async (fixture) => {
    const { api } = fixture;
    const [id] = await fill(api, 1);
    const pinned = await api.expect(200, 'PUT', `${backups}/${id}/pin`, { reason: 'evidence' });
    assert.deepEqual(pinned.json, { message: 'ok', id, pinned: true, reason: 'evidence' });
    const refused = await api.delete(`${backups}/${id}`);
    assert.equal(refused.status, 409);
    assert.match(refused.json.message, new RegExp(`pinned: evidence; .davenport unpin ${id}. lets it go`));
    // The pin is the vault's: it outlives the service.
    await fixture.service.kill();
    await fixture.startService();
    assert.equal((await fixture.api.delete(`${backups}/${id}`)).status, 409);
    await fixture.api.expect(200, 'DELETE', `${backups}/${id}/pin`);
    await fixture.api.expect(200, 'DELETE', `${backups}/${id}/pin`);
    await fixture.api.expect(200, 'DELETE', `${backups}/${id}`);
    assert.deepEqual(await listed(fixture.api), []);
  }));

  it('refuses what it does not understand, and whoever may not', withService(rules, async (fixture) => {
    const { api } = fixture;
    const [id] = await fill(api, 1);
    for (const path of ['pin', 'x/pin'].map((rest) => `${backups}/no-such/${rest}`)) {
      assert.equal((await api.put(path, { reason: 'x' })).status, 404, path);
    }
    assert.equal((await api.delete(`${backups}/no-such/pin`)).status, 404);
    assert.equal((await api.get('/ak/api/v3/prunes/no-such')).status, 404);
    assert.equal((await api.get(`/ak/api/v3/prunes/${id}`)).status, 404);
    for (const body of [{ reason: 1 }, { raeson: 'x' }, 'nonsense', '[]']) {
      assert.equal((await api.put(`${backups}/${id}/pin`, body)).status, 400, JSON.stringify(body));
    }
    assert.equal((await api.put(`${backups}/${id}/pin`, { reason: 'x'.repeat(1025) })).status, 400);
    for (const query of ['dry_run=yes', 'dryrun=true', 'dry_run=true&dry_run=true']) {
      assert.equal((await api.post(`/ak/api/v3/prune?${query}`)).status, 400, query);
    }
    const auditor = await fixture.apiOf('auditor');
    assert.equal((await auditor.get('/ak/api/v3/retention')).json.rules, 'keep_last=2');
    for (const [method, path] of [['PUT', `${backups}/${id}/pin`], ['DELETE', `${backups}/${id}/pin`], ['POST', '/ak/api/v3/prune'], ['POST', '/ak/api/v3/prune?dry_run=true']]) {
      assert.equal((await auditor.request(method, path)).status, 403, path);
      assert.equal((await fixture.anonymous().request(method, path)).status, 401, path);
    }
    assert.deepEqual(await listed(api), [id]);
  }));

  it('holds a lock that was promised, whatever is configured later', withService({ ...rules, DAVENPORT_RETENTION_KEEP_LAST: '1', DAVENPORT_RETENTION_MIN_AGE: '30d' }, async (fixture) => {
    const [locked] = await fill(fixture.api, 1);
    await fixture.stopService();
    delete fixture.settings.DAVENPORT_RETENTION_MIN_AGE;
    await fixture.startService();
    const { api } = fixture;
    const [free, newest] = await fill(api, 2);
    const plan = await dryRun(api);
    assert.match(plan.backups.find(({ id }) => id === locked).reasons.join(), /locked until/);
    const refused = await api.delete(`${backups}/${locked}`);
    assert.equal(refused.status, 409);
    assert.match(refused.json.message, /locked until \d{4}-/);
    assert.deepEqual((await prune(api)).removed, [free]);
    assert.deepEqual(await listed(api), [locked, newest]);
    // A longer one counts for backups that are there already, as long as it is set.
    await fixture.stopService();
    fixture.settings.DAVENPORT_RETENTION_MIN_AGE = '1y';
    await fixture.startService();
    assert.equal((await fixture.api.delete(`${backups}/${newest}`)).status, 409);
    await fixture.stopService();
    delete fixture.settings.DAVENPORT_RETENTION_MIN_AGE;
    await fixture.startService();
    await fixture.api.expect(200, 'DELETE', `${backups}/${newest}`);
    assert.deepEqual(await listed(fixture.api), [locked]);
  }));

  it('holds a lock through a damaged manifest', withService({ ...rules, DAVENPORT_RETENTION_MIN_AGE: '30d' }, async (fixture) => {
    const ids = await fill(fixture.api, 4);
    // One bit, and nothing else that shows it.
    const file = join(fixture.dataDir, 'vault', 'manifests', ids[0]);
    const [bytes, { atime, mtime }] = [await readFile(file), await stat(file)];
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(file, bytes);
    await utimes(file, atime, mtime);
    const refused = await fixture.api.delete(`${backups}/${ids[0]}`);
    assert.equal(refused.status, 409);
    assert.match(refused.json.message, /locked until \d{4}-/);
    await fixture.stopService();
    delete fixture.settings.DAVENPORT_RETENTION_MIN_AGE;
    await fixture.startService();
    const { api } = fixture;
    assert.equal((await api.delete(`${backups}/${ids[1]}`)).status, 409);
    const plan = await api.post('/ak/api/v3/prune?dry_run=true');
    assert.equal(plan.status, 500);
    assert.match(plan.json.message, new RegExp(ids[0]));
    // As long as was promised to the others.
    assert.equal((await api.delete(`${backups}/${ids[0]}`)).status, 409);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(file, bytes);
    assert.deepEqual((await prune(api)).removed, []);
    assert.deepEqual(await listed(api), ids);
  }));

  it('prunes nothing while a manifest is gone, until it is back or given up', withService({ ...rules, DAVENPORT_RETENTION_KEEP_LAST: '3' }, async (fixture) => {
    const { api } = fixture;
    const ids = await fill(api, 5);
    const file = join(fixture.dataDir, 'vault', 'manifests', ids[3]);
    const manifest = await readFile(file);
    await rm(file);
    const refused = await api.post('/ak/api/v3/prune?dry_run=true');
    assert.equal(refused.status, 500);
    assert.match(refused.json.message, new RegExp(`${ids[3]}.* gone`));
    const { id } = (await api.expect(202, 'POST', '/ak/api/v3/prune')).json;
    assert.equal((await waitForPrune(api, id)).state, 'failed');
    await writeFile(file, manifest);
    await assertSound(api);
    await assertReads(api, ids[3], 3);
    await rm(file);
    await api.expect(200, 'DELETE', `${backups}/${ids[3]}`);
    assert.equal((await api.delete(`${backups}/${ids[3]}`)).status, 404);
    await assertSound(api);
    assert.deepEqual((await prune(api)).removed, [ids[0]]);
    assert.deepEqual(await listed(api), [ids[1], ids[2], ids[4]]);
    await assertSound(api);
  }));

  it('loses nothing when it is killed in the middle, and ends after the next start', withService({ ...rules, DAVENPORT_RETENTION_KEEP_LAST: '3' }, async (fixture) => {
    const vault = join(fixture.dataDir, 'vault');
    let ids = [];
    for (const removals of [1, 6, 12]) {
      ids = [...ids, ...await fill(fixture.api, 12)];
      const rounds = new Map(ids.slice(-3).map((id, at) => [id, 9 + at]));
      const before = new Set(await readdir(join(vault, 'removed')).catch(() => []));
      const { id } = (await fixture.api.expect(202, 'POST', '/ak/api/v3/prune')).json;
      for (;;) {
        const notes = (await readdir(join(vault, 'removed')).catch(() => [])).filter((name) => !before.has(name));
        if (notes.length >= removals) break;
      }
      await fixture.service.kill();
      await fixture.startService();
      const ended = await waitForPrune(fixture.api, id);
      assert.equal(ended.state, 'succeeded', JSON.stringify(ended));
      ids = ids.slice(-3);
      assert.deepEqual(await listed(fixture.api), ids);
      await assertSound(fixture.api);
      for (const [kept, round] of rounds) await assertReads(fixture.api, kept, round);
      assertSuccess(await restoreById(fixture.api, ids[0], '?mode=exact'));
      assert.equal((await prune(fixture.api)).bytes, 0, 'nothing was left behind');
      await fixture.api.expect(200, 'DELETE', '/couchdb/athena_components');
      await fixture.api.expect(201, 'PUT', '/couchdb/athena_components');
    }
  }));

  it('refuses while another prune or a backup runs', withService(rules, async ({ api }) => {
    const ids = await fill(api, 6);
    const answers = await Promise.all([1, 2, 3].map(() => api.post('/ak/api/v3/prune')));
    const accepted = answers.filter(({ status }) => status === 202);
    assert.ok(accepted.length >= 1);
    for (const { status, json } of answers) {
      if (status !== 202) assert.deepEqual([status, json.message], [400, 'already_in_progress']);
    }
    for (const { json } of accepted) assert.equal((await waitForPrune(api, json.id)).state, 'succeeded');
    assert.deepEqual(await listed(api), ids.slice(-2));
  }));

  it('removes nothing while a backup that stays is damaged', withService(rules, async ({ api, dataDir }) => {
    const ids = await fill(api, 4);
    const path = join(dataDir, 'vault', 'manifests', ids[3]);
    await rm(path);
    await writeFile(path, 'nonsense');
    const refused = await api.post('/ak/api/v3/prune?dry_run=true');
    assert.equal(refused.status, 500);
    assert.match(refused.json.message, new RegExp(ids[3]));
    const { id } = (await api.expect(202, 'POST', '/ak/api/v3/prune')).json;
    assert.equal((await waitForPrune(api, id)).state, 'failed');
    for (const kept of ids.slice(0, 3)) await api.expect(200, 'GET', `${backups}/${kept}?docs=false`);
  }));

  describe('on the command line', () => {
    let fixture;
    before(async () => { fixture = await Fixture.create(rules); });
    after(() => fixture?.remove());

    const places = {
      'on the data directory': () => [['--data', fixture.dataDir], fixture.settings],
      'on a running service': () => [['--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`], {}],
    };
    for (const [where, place] of Object.entries(places)) {
      it(`pins, unpins and prunes ${where}`, async () => {
        const [options, settings] = place();
        const call = async (...args) => (await must([...args, ...options], { settings })).stdout;
        const ids = (await listed(fixture.api)).concat(await fill(fixture.api, 4)).slice(-4);
        assert.match(await call('pin', ids[0], '--reason', 'keep me'), /pinned/);
        await call('diff', ids[0], ids[1]);
        const plan = JSON.parse(await call('prune', '--dry-run', '--json'));
        assert.match(await call('prune', '--dry-run'), /keep {4}\S+ {2}\S+ {2}pinned: keep me\n(.|\n)*remove .*no rule keeps it/);
        const pruned = JSON.parse(await call('prune', '--json'));
        assert.equal(pruned.state, 'succeeded');
        assert.equal(pruned.result.removed.length, plan.removed);
        assert.deepEqual(await listed(fixture.api), [ids[0], ids[2], ids[3]]);
        await call('unpin', ids[0]);
        assert.match(await call('prune'), /removed 1 backups, kept 2, gave back/);
        assert.deepEqual(await listed(fixture.api), ids.slice(2));
        const { code, stderr } = await run(['pin', ids[0], ...options], { settings });
        assert.equal(code, 5);
        assert.match(stderr, /davenport: /);
        const { entries } = (await fixture.api.expect(200, 'GET', '/ak/api/v3/audit?limit=1000')).json;
        const outcomes = (verb) => entries.filter(({ action, target }) => action === `backup.${verb}` && target === ids[0]).map(({ outcome }) => outcome);
        assert.deepEqual([outcomes('pin'), outcomes('unpin')], [['begun', 'done', 'begun', 'refused'], ['begun', 'done']]);
        assert.equal(outcomes('diff').at(-1), 'done');
        await fixture.api.expect(200, 'DELETE', '/couchdb/athena_components');
        await fixture.api.expect(201, 'PUT', '/couchdb/athena_components');
      });
    }

    for (const [where, place] of Object.entries(places)) {
      it(`deletes what may go, and says what stays ${where}`, async () => {
        const [options, settings] = place();
        const [one, pinned, three, four] = await fill(fixture.api, 4);
        await must(['pin', pinned, '--reason', 'keep me', ...options], { settings });
        const several = await run(['delete', one, pinned, 'nothing', three, ...options], { settings });
        assert.deepEqual([several.code, several.stdout], [7, `${one}  deleted\n${three}  deleted\n`]);
        assert.match(several.stderr, new RegExp(`^davenport: ${pinned} is not deleted: .*is pinned: keep me.*\ndavenport: nothing is not deleted: .*nothing`));
        assert.deepEqual((await listed(fixture.api)).slice(-2), [pinned, four]);

        const again = await run(['delete', one, '--json', ...options], { settings });
        assert.equal(again.code, 5, again.stderr);
        const { deleted, refused: [refused] } = JSON.parse(again.stdout);
        assert.deepEqual([deleted, refused.id, refused.error], [[], one, 'not_found']);
        const job = (await fixture.api.expect(202, 'POST', backups)).json.id;
        await fixture.api.waitForBackup(job);
        assert.deepEqual(JSON.parse((await must(['delete', job, '--json', ...options], { settings })).stdout), { deleted: [job], refused: [] });
        const { entries } = (await fixture.api.expect(200, 'GET', '/ak/api/v3/audit?limit=1000')).json;
        const outcomes = (id) => entries.filter(({ action, target }) => action === 'backup.delete' && target === id).map(({ outcome }) => outcome);
        assert.deepEqual([outcomes(three), outcomes(pinned)], [['begun', 'done'], ['begun', 'refused']]);
        assert.equal((await must(['verify', ...options], { settings })).code, 0);
      });
    }

    it('lists what is pinned, locked and damaged, the same everywhere', async () => {
      const own = await Fixture.create(rules);
      try {
        const remote = ['--url', own.url, '--key', `${own.key.api_key}:${own.key.api_secret}`];
        const local = ['--data', own.dataDir];
        const [plain, pinned, nameless] = await fill(own.api, 3);
        await must(['pin', pinned, '--reason', 'keep me', ...remote]);
        await must(['pin', nameless, ...remote]);
        const answers = [];
        for (const place of [remote, local]) {
          const { stdout } = await must(['list', ...place], { settings: own.settings });
          const [one, two, three] = stdout.trim().split('\n').map((line) => line.split(/complete(?: {2}encrypted,?)?/));
          assert.match(one[0], new RegExp(`^${plain}  \\S+Z +\\d+ documents  $`));
          assert.deepEqual([one[1], two[1].trim(), three[1].trim()], ['', 'pinned: keep me', 'pinned']);
          answers.push(JSON.parse((await must(['list', '--json', ...place], { settings: own.settings })).stdout));
        }
        assert.deepEqual(answers[0], answers[1]);
        const { ids, backups: [row, second] } = answers[0];
        assert.deepEqual(ids, [plain, pinned, nameless]);
        const doc = (await own.api.expect(200, 'GET', `${backups}/${plain}?docs=false`)).json;
        assert.deepEqual(row, {
          id: plain, state: 'complete', start_timestamp: doc.start_timestamp, end_timestamp: doc.end_timestamp, doc_count: doc.doc_count,
          encrypted: Boolean(own.settings.DAVENPORT_ENCRYPTION_KEY), pinned: false,
        });
        assert.deepEqual([second.pinned, second.pin_reason], [true, 'keep me']);
        assert.deepEqual((await own.api.expect(200, 'GET', `${backups}?details=false&other=1`)).json, { ids });
        await own.api.expect(400, 'GET', `${backups}?details=perhaps`);

        const locked = await must(['list', ...local], { settings: { ...own.settings, DAVENPORT_RETENTION_MIN_AGE: '1d' } });
        assert.equal(locked.stdout.match(/locked until \d{4}-\S+Z/g).length, 3);
        const manifest = join(own.dataDir, 'vault/manifests', pinned);
        await writeFile(manifest, 'damage');
        for (const place of [remote, local]) {
          const { code, stdout } = await run(['list', '--json', ...place], { settings: own.settings });
          assert.equal(code, 9);
          assert.deepEqual(JSON.parse(stdout).backups.map(({ state }) => state), ['complete', 'damaged', 'complete']);
        }
      } finally {
        await own.remove();
      }
    });

    it('deletes nothing that is locked', async () => {
      const settings = { ...fixture.settings, DAVENPORT_RETENTION_MIN_AGE: '1d' };
      const { id } = await fixture.api.backup();
      const { code, stderr } = await run(['delete', id, '--data', fixture.dataDir], { settings });
      assert.equal(code, 7);
      assert.match(stderr, /locked until/);
      await fixture.api.expect(200, 'GET', `${backups}/${id}?docs=false`);
    });

    it('has an exit code for what stands in its way', async () => {
      const options = ['--data', fixture.dataDir];
      const settings = { ...fixture.settings, DAVENPORT_RETENTION_PRESET: 'none' };
      delete settings.DAVENPORT_RETENTION_KEEP_LAST;
      assert.equal((await run(['prune', ...options], { settings })).code, 3);
      const wrong = { ...fixture.settings, DAVENPORT_RETENTION_KEEP_LAST: '0' };
      const refused = await run(['prune', ...options], { settings: wrong });
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /remove everything/);
      const late = { ...fixture.settings, DAVENPORT_RETENTION_MIN_AGE: 'soon' };
      assert.match((await run(['prune', ...options], { settings: late })).stderr, /retention\.min_age/);
    });
  });
});
