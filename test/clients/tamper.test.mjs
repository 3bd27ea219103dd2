// What an auditor can check with the public key alone, on a copy of the vault, and what no one can
// hide from them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { must, removeDirectory, run, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { Fixture } from './lib/fixture.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

// Makes the checksum of a sealed text fit again, as everybody can.
function resealed(text) {
  const body = text.slice(0, text.lastIndexOf(',"checksum"'));
  return `${body},"checksum":"${sha256(body)}"}`;
}

async function filesBelow(directory) {
  const files = {};
  for (const entry of await readdir(directory, { recursive: true })) {
    const { ctimeMs, size } = await stat(join(directory, entry));
    files[entry] = [ctimeMs, size];
  }
  return files;
}

describe('tamper evidence', () => {
  let fixture;
  let api;
  let desk; // the auditor's
  let keyFile;
  let ids;
  let removed;
  let head;

  const backUp = async () => {
    const { stdout } = await must(['backup', '--json', '--data', fixture.dataDir], { settings: fixture.settings });
    return JSON.parse(stdout).id;
  };
  const vault = () => join(fixture.dataDir, 'vault');
  const offline = (directory, ...args) => run(['verify', '--offline', directory, '--public-key', keyFile, '--json', ...args], { cwd: desk });

  before(async () => {
    fixture = await Fixture.create();
    ({ api } = fixture);
    desk = await temporaryDirectory();
    keyFile = join(desk, 'key.pem');
    const data = Buffer.from('attached').toString('base64');
    await api.bulkWrite('athena_components', [
      { _id: 'a/b', v: 1, text: 'grüße' }, { _id: 'c', v: 1 }, { _id: 'e', v: 1 },
      { _id: 'with file', _attachments: { 'f.txt': { content_type: 'text/plain', data } } }]);
    ids = [await backUp()];
    const document = await api.document('athena_components', 'a/b');
    await api.bulkWrite('athena_components', [{ ...document, v: 2 }, { _id: 'new', v: 1 }]);
    ids.push(await backUp());
    await api.bulkWrite('athena_components', [{ ...await api.document('athena_components', 'c'), _deleted: true }]);
    ids.push(await backUp(), await backUp());
    removed = ids[1];
    await api.expect(200, 'DELETE', `/ak/api/v3/backups/${removed}`);
    ids.splice(1, 1);
    await writeFile(keyFile, (await must(['public-key', '--data', fixture.dataDir], { settings: fixture.settings })).stdout);
  });
  after(async () => {
    await fixture?.remove();
    await removeDirectory(desk);
  });

  it('publishes its public key at a route and on the command line', async () => {
    const pem = await readFile(keyFile, 'utf8');
    assert.match(pem, /^-----BEGIN PUBLIC KEY-----\n[^-]+\n-----END PUBLIC KEY-----\n$/);
    for (const [prefix, caller] of [['/ak/api/v1', api], ['/ak/api/v3', await fixture.apiOf('auditor')], ['/api/v2', (await fixture.session()).api]]) {
      const reply = await caller.expect(200, 'GET', `${prefix}/signing-key`);
      assert.equal(reply.text, pem);
      assert.match(reply.headers['content-type'], /^application\/x-pem-file/);
    }
    const { stdout } = await must(['public-key', '--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`]);
    assert.equal(stdout, pem);
    await (await fixture.apiOf('reader')).expect(403, 'GET', '/ak/api/v3/signing-key');
    await fixture.anonymous().expect(401, 'GET', '/ak/api/v3/signing-key');
    assert.equal((await stat(join(fixture.dataDir, 'signing-key.pem'))).mode & 0o777, 0o600);
  });

  it('proves a copy of the vault sound, and writes nothing', async () => {
    const copy = join(desk, 'copy');
    await cp(vault(), copy, { recursive: true });
    const allow = async (mode) => {
      for (const entry of await readdir(copy, { recursive: true })) await chmod(join(copy, entry), mode);
    };
    await allow(0o555);
    const before = await filesBelow(copy);
    const { code, stdout, stderr } = await offline(copy);
    assert.equal(code, 0, stdout + stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.sound, report.backups, report.removed, report.findings], [true, 3, 1, []]);
    assert.ok(report.segments > 0 && report.attachments === 1);
    assert.deepEqual(report.head, { id: ids.at(-1), sha256: sha256(await readFile(join(copy, 'manifests', ids.at(-1)))) });
    head = `${report.head.id}:${report.head.sha256}`;
    assert.deepEqual(await filesBelow(copy), before);

    assert.equal((await offline(fixture.dataDir, '--head', head)).code, 0);
    const text = await must(['verify', '--offline', copy, '--public-key', keyFile], { cwd: desk });
    assert.ok(text.stdout.includes(`newest: ${head}\n`) && text.stdout.includes('sound: 3 backups'), text.stdout);
    await allow(0o755);
    const online = (await api.get('/ak/api/v3/verification')).json;
    assert.equal(online.sound, true);
    assert.deepEqual(online.head, report.head);
  });

  it('says what wrong usage is', async () => {
    for (const args of [['--offline', vault()], ['--public-key', keyFile], ['--head', head],
      ['--offline', vault(), '--public-key', keyFile, ids[0]], ['--offline', vault(), '--public-key', keyFile, '--data', desk]]) {
      assert.equal((await run(['verify', ...args], { cwd: desk })).code, 2, args.join(' '));
    }
    assert.equal((await offline(join(desk, 'nothing'))).code, 5);
    assert.equal((await offline(vault(), '--head', 'x')).code, 3);
    await writeFile(join(desk, 'no-key'), 'nothing');
    assert.equal((await run(['verify', '--offline', vault(), '--public-key', join(desk, 'no-key')])).code, 3);
  });

  // What a hostile hand does to the vault, and what the auditor then reads.
  const manifest = (directory, id) => join(directory, 'manifests', id);
  const largest = async (directory) => {
    const sizes = await Promise.all((await readdir(directory)).map(async (name) => [(await stat(join(directory, name))).size, name]));
    return join(directory, sizes.sort((a, b) => b[0] - a[0])[0][1]);
  };
  const flip = async (file) => {
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(file, bytes);
  };
  const manipulations = {
    'a manifest edited': [async (dir) => {
      const file = manifest(dir, ids[0]);
      await writeFile(file, (await readFile(file, 'utf8')).replace('"documents":4', '"documents":3'));
    }, /checksum does not fit/],
    'the newest edited, with its checksum': [async (dir) => {
      const file = manifest(dir, ids.at(-1));
      await writeFile(file, resealed((await readFile(file, 'utf8')).replace(/"documents":\d/, '"documents":9')));
    }, /changed or forged/],
    'a signature taken away': [async (dir) => {
      const file = manifest(dir, ids.at(-1));
      await writeFile(file, resealed((await readFile(file, 'utf8')).replace(/,"signature":"[^"]*"/, '')));
    }, /is not signed/],
    'a manifest removed': [(dir) => rm(manifest(dir, ids[1])), /is gone and was not removed in the regular way/],
    'a note of a removal lost': [(dir) => rm(join(dir, 'removed', removed)), /is gone and was not removed/],
    'two exchanged': [async (dir) => {
      await rename(manifest(dir, ids[0]), join(dir, 'x'));
      await rename(manifest(dir, ids[1]), manifest(dir, ids[0]));
      await rename(join(dir, 'x'), manifest(dir, ids[1]));
    }, /it is the manifest of/],
    'a foreign one inserted': [async (dir) => {
      const other = await Fixture.create();
      try {
        const { stdout } = await must(['backup', '--json', '--data', other.dataDir], { settings: other.settings });
        const { id } = JSON.parse(stdout);
        await cp(join(other.dataDir, 'vault/manifests', id), manifest(dir, id));
      } finally {
        await other.remove();
      }
    }, /which is not trusted/],
    'a segment altered': [async (dir) => flip(await largest(join(dir, 'segments'))), /segments\//],
    'a segment missing': [async (dir) => rm(await largest(join(dir, 'segments'))), /is missing/],
    'an attachment altered': [async (dir) => flip(await largest(join(dir, 'attachments'))), /an attachment of the document 'with file' is damaged/],
    'an attachment missing': [async (dir) => rm(await largest(join(dir, 'attachments'))), /attachments\//],
    'the end cut off': [(dir) => rm(manifest(dir, ids.at(-1))), /which was there, is gone/],
  };
  for (const [name, [manipulate, pattern]] of Object.entries(manipulations)) {
    it(`finds ${name}`, async () => {
      const copy = join(desk, name.replaceAll(' ', '-'));
      await cp(vault(), join(copy, 'vault'), { recursive: true });
      await manipulate(join(copy, 'vault'));
      const { code, stdout } = await offline(copy, '--head', head);
      assert.equal(code, 9, stdout);
      const report = JSON.parse(stdout);
      assert.equal(report.sound, false);
      assert.match(report.findings.map(({ object, message }) => `${object}: ${message}`).join('\n'), pattern);
      if (name === 'the end cut off') assert.equal((await offline(copy)).code, 0);
      await removeDirectory(copy);
    });
  }

  it('names a backup that was put back beside the note of its removal, as no fault', async () => {
    const id = await backUp();
    const file = manifest(vault(), id);
    const bytes = await readFile(file);
    await api.expect(200, 'DELETE', `/ak/api/v3/backups/${id}`);
    const copy = join(desk, 'put-back');
    await cp(vault(), join(copy, 'vault'), { recursive: true });
    await writeFile(manifest(join(copy, 'vault'), id), bytes);
    const { code, stdout } = await offline(copy);
    assert.equal(code, 0, stdout);
    assert.deepEqual(JSON.parse(stdout).removal_begun, [id]);
    const text = await must(['verify', '--offline', copy, '--public-key', keyFile]);
    assert.match(text.stdout, new RegExp(`removal begun, and the backup is there: ${id}\n`));
    assert.deepEqual((await api.expect(200, 'GET', '/ak/api/v3/verification')).json.removal_begun, []);
    await removeDirectory(copy);
  });

  it('finds nothing to trust with another key', async () => {
    const other = await temporaryDirectory();
    const { stdout } = await must(['public-key', '--data', other], { settings: fixture.settings });
    await writeFile(join(desk, 'other.pem'), stdout);
    const { code, stdout: out } = await run(['verify', '--offline', vault(), '--public-key', join(desk, 'other.pem'), '--json']);
    assert.equal(code, 9);
    assert.match(JSON.parse(out).findings[0].message, /which is not trusted/);
    await removeDirectory(other);
  });

  describe('proofs', () => {
    const check = (file, ...args) => run(['check-proof', file, '--public-key', keyFile, '--json', ...args], { cwd: desk });
    const prove = async (id, doc, ...args) => {
      const file = join(desk, 'proof.json');
      await rm(file, { force: true });
      await must(['prove', id, 'athena_components', doc, '--out', file, '--data', fixture.dataDir, ...args], { settings: fixture.settings });
      assert.equal((await stat(file)).mode & 0o777, 0o600); // it shows documents
      return file;
    };

    it('shows what a backup holds and what not', async () => {
      for (const [id, doc, claim, v] of [[ids[0], 'a/b', 'present', 1], [ids[1], 'a/b', 'present', 2], [ids[0], 'c', 'present', 1],
        [ids[1], 'c', 'deleted'], [ids[0], 'new', 'absent'], [ids[0], 'd', 'absent'], [ids[1], 'zzz', 'absent']]) {
        const { code, stdout, stderr } = await check(await prove(id, doc));
        assert.equal(code, 0, stderr);
        const proven = JSON.parse(stdout);
        assert.deepEqual([proven.backup, proven.db, proven.id, proven.claim], [id, 'athena_components', doc, claim]);
        assert.equal(proven.manifest_sha256, sha256(await readFile(join(vault(), 'manifests', id))));
        if (v) assert.equal(JSON.parse(proven.document).v, v);
      }
      const { stdout } = await must(['check-proof', await prove(ids[0], 'a/b'), '--public-key', keyFile]);
      assert.match(stdout, /^proven: the document "a\/b" of "athena_components" was in the backup /);
      assert.ok(stdout.includes('grüße'));
      assert.match((await must(['check-proof', await prove(ids[0], 'd'), '--public-key', keyFile])).stdout, /was NOT in the backup/);
    });

    it('compares a document with the proven one', async () => {
      const compare = async (doc, document) => {
        const file = join(desk, 'document.json');
        await writeFile(file, JSON.stringify(document));
        return check(await prove(ids[0], doc), '--document', file);
      };
      assert.equal((await compare('a/b', { v: 1, text: 'grüße' })).code, 0);
      assert.equal((await compare('a/b', { text: 'grüße', _id: 'a/b', v: 1 })).code, 0);
      for (const other of [{ v: 2, text: 'grüße' }, { v: 1 }, { _id: 'x', v: 1, text: 'grüße' }, { v: 1, text: 'grüße', _rev: '9-x' }]) {
        const { code, stderr } = await compare('a/b', other);
        assert.equal(code, 9);
        assert.match(stderr, /is not the document that the backup/);
      }
      assert.equal((await compare('e', await api.document('athena_components', 'e'))).code, 0);
      const withFile = await api.document('athena_components', 'with file');
      assert.equal((await compare('with file', withFile)).code, 0);
      const data = (text) => ({ _attachments: { 'f.txt': { content_type: 'text/plain', data: Buffer.from(text).toString('base64') } } });
      assert.equal((await compare('with file', data('attached'))).code, 0);
      assert.equal((await compare('with file', data('something'))).code, 9);
      assert.equal((await compare('with file', {})).code, 9);
      assert.equal((await compare('d', {})).code, 9);
    });

    it('is given by the service, to auditors too', async () => {
      const path = `/ak/api/v3/backups/${ids[0]}/proofs/athena_components/${encodeURIComponent('a/b')}`;
      const { text } = await (await fixture.apiOf('auditor')).expect(200, 'GET', path);
      const file = await prove(ids[0], 'a/b');
      assert.equal(text, await readFile(file, 'utf8'));
      assert.equal((await api.expect(200, 'GET', path.replace('%2F', '/'))).text, text);
      const { stdout } = await must(['prove', ids[0], 'athena_components', 'a/b', '--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`]);
      assert.equal(stdout, text);
      await (await fixture.apiOf('reader')).expect(403, 'GET', path);
      await api.expect(404, 'GET', path.replace(ids[0], removed));
      await api.expect(404, 'GET', path.replace('athena_components', 'nothing'));
      assert.equal((await run(['prove', 'nothing', 'athena_components', 'a', '--data', fixture.dataDir], { settings: fixture.settings })).code, 5);
    });

    it('does not hold when anything of it was changed', async () => {
      const file = await prove(ids[0], 'a/b');
      const text = await readFile(file, 'utf8');
      for (const change of [(proof) => { proof.document = 'c'; }, (proof) => { proof.claim = 'absent'; }, (proof) => { proof.backup = ids[1]; },
        (proof) => { proof.segments = []; }, (proof) => { proof.segments[0].positions[0].record += 1; }]) {
        const proof = JSON.parse(text);
        change(proof);
        await writeFile(file, resealed(JSON.stringify(proof)));
        const { code, stdout } = await check(file);
        assert.equal(code, 9);
        assert.equal(stdout, '');
      }
      await writeFile(file, text.slice(0, 1000));
      assert.equal((await check(file)).code, 9);
      assert.equal((await check(join(desk, 'nothing'))).code, 5);
    });
  });

  it('drills no changed backup to a good end, and says what is restored of it', async () => {
    const file = join(vault(), 'manifests', ids.at(-1));
    const sound = await readFile(file, 'utf8');
    const call = (...args) => run([...args, '--data', fixture.dataDir], { settings: fixture.settings });
    const before = JSON.parse((await call('drill', 'latest', '--json')).stdout);
    assert.deepEqual([before.verdict, before.manifest_trust], ['recoverable', 'vouched_for']);
    const { signature, checksum, ...rest } = JSON.parse(sound);
    const text = JSON.stringify({ ...rest, databases: [] });
    await writeFile(file, `${text.slice(0, -1)},"checksum":"${sha256(text.slice(0, -1))}"}`);
    const drilled = await call('drill', 'latest', '--json');
    assert.equal(drilled.code, 1, drilled.stderr);
    const report = JSON.parse(drilled.stdout);
    assert.deepEqual([report.verdict, report.manifest_trust], ['not_recoverable', 'doubted']);
    assert.match(report.reasons[0], /not to be trusted: its manifest is not signed/);
    const restored = await call('restore', ids.at(-1));
    assert.equal(restored.code, 0, restored.stderr);
    assert.match(restored.stdout, /^warning: the backup \S+ is not to be trusted: its manifest is not signed\n/);
    assert.match(restored.stderr, /is not to be trusted/);
    const transaction = JSON.parse((await call('restore', ids.at(-1), '--json')).stdout);
    assert.equal(transaction.status, 'success');
    assert.match(transaction.message, /; warning: the backup .* is not signed$/);
    await writeFile(file, sound);
    assert.doesNotMatch((await call('restore', ids.at(-1))).stdout, /warning/);
  });

  it('goes on with another key, and still knows the earlier one', async () => {
    const earlier = join(fixture.dataDir, 'earlier.pem');
    const proof = join(desk, 'early.json');
    await must(['prove', ids[0], 'athena_components', 'c', '--out', proof, '--data', fixture.dataDir], { settings: fixture.settings });
    await fixture.stopService();
    await cp(keyFile, earlier);
    await rename(join(fixture.dataDir, 'signing-key.pem'), join(desk, 'retired.pem'));
    await mkdir(join(desk, 'keys'));
    // A key file that was named is never made.
    const missing = { ...fixture.settings, DAVENPORT_SIGNING_KEY_FILE: join(desk, 'keys/none.pem') };
    assert.equal((await run(['list', '--data', fixture.dataDir], { settings: missing })).code, 3);
    fixture.settings.DAVENPORT_SIGNING_EARLIER_KEYS_FILE = earlier;
    await fixture.startService();
    ({ api } = fixture);
    await backUp();
    const keys = (await api.expect(200, 'GET', '/ak/api/v3/signing-key')).text;
    assert.ok(keys.startsWith(await readFile(earlier, 'utf8')));
    assert.equal(keys.match(/BEGIN/g).length, 2);
    assert.equal((await api.get('/ak/api/v3/verification')).json.sound, true);
    assert.equal((await offline(vault())).code, 9);
    await writeFile(keyFile, keys);
    assert.equal((await offline(vault(), '--head', head)).code, 0);
    assert.equal((await run(['check-proof', proof, '--public-key', keyFile])).code, 0);
    // The other way round the young key would have been replaced by the old one.
    const turned = keys.split(/(?<=-----END PUBLIC KEY-----\n)/).reverse().join('');
    await writeFile(keyFile, turned);
    const { code, stdout } = await offline(vault());
    assert.equal(code, 9);
    assert.match(JSON.parse(stdout).findings[0].message, /had replaced before/);
  });
});
