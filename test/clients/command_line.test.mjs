// The commands of the binary, on a data directory and on a running service.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary, must, removeDirectory, run, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { Fixture } from './lib/fixture.mjs';

const commands = ['serve', 'keys', 'backup', 'list', 'show', 'verify', 'diff', 'restore', 'prune', 'delete', 'pin', 'unpin'];

describe('command line', () => {
  let fixture;
  let api;
  let directory;

  before(async () => {
    fixture = await Fixture.create();
    ({ api } = fixture);
    directory = await temporaryDirectory();
    await api.bulkWrite('athena_components', [{ _id: 'a', v: 1 }, { _id: 'b', v: 1 }, { _id: 'c', v: 1 }]);
  });
  after(async () => {
    await fixture?.remove();
    await removeDirectory(directory);
  });

  it('explains itself and says what wrong usage is', async () => {
    for (const args of [['--help'], ['--version'], ...commands.map((name) => [name, '--help']), ['keys', 'create', '--help']]) {
      const { code, stdout } = await run(args);
      assert.equal(code, 0, args.join(' '));
      assert.ok(stdout.length > 3);
    }
    for (const args of [[], ['nonsense'], ['list', '--nonsense'], ['keys', 'create'], ['keys', 'delete'], ['restore'], ['diff', 'a'], ['show'], ['delete'], ['keys']]) {
      const { code, stdout } = await run(args, { cwd: directory });
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '');
    }
  });

  it('says which word it does not know', async () => {
    for (const [args, pattern] of [[['bakcup'], /unknown command "bakcup"/], [['keys', 'craete', '--role', 'x'], /unknown command "craete"/],
      [['--daat=x'], /unknown option "--daat"/], [['keys'], /subcommand is required/], [['keys', 'create', 'x'], /--role is required/]]) {
      const { code, stderr } = await run(args, { cwd: directory });
      assert.equal(code, 2);
      assert.match(stderr, pattern);
    }
  });

  const connections = {
    'on the data directory': () => [['--data', fixture.dataDir], fixture.settings],
    'on a running service': () => [['--url', fixture.url, '--key', `${fixture.key.api_key}:${fixture.key.api_secret}`], {}],
  };
  for (const [where, connection] of Object.entries(connections)) {
    it(`backs up, lists, shows, compares, verifies and restores ${where}`, async () => {
      const [place, settings] = connection();
      const call = async (...args) => JSON.parse((await must([...args, '--json', ...place], { settings })).stdout);
      const one = await call('backup');
      assert.match(one.id, /^03_ibp_db_backup_\d+$/);
      const edit = async (id, members) => {
        const document = await api.document('athena_components', id);
        const [outcome] = await api.bulkWrite('athena_components', [{ ...document, ...members }]);
        assert.ok(outcome.ok);
      };
      await edit('a', { v: where });
      await edit('b', { _deleted: true });
      await api.bulkWrite('athena_components', [{ _id: `new ${where}`, v: 1 }]);
      const two = await call('backup');
      assert.deepEqual((await call('list')).ids.slice(-2), [one.id, two.id]);

      const shown = JSON.parse((await must(['show', one.id, ...place], { settings })).stdout);
      assert.equal(shown.id, one.id);
      assert.equal(shown.doc_count, one.doc_count);
      const stored = (await api.get(`/ak/api/v3/backups/${one.id}`)).json;
      assert.deepEqual(shown, stored);

      const { added, changed, removed } = await call('diff', one.id, two.id);
      assert.deepEqual([added, changed, removed], [1, 1, 1]);
      assert.equal((await call('verify')).sound, true);
      assert.equal((await call('verify', one.id)).sound, true);

      const counts = await call('restore', one.id, '--dry-run');
      assert.deepEqual([counts.dbs.athena_components.created, counts.dbs.athena_components.changed], [1, 1]);
      assert.equal((await api.document('athena_components', 'a')).v, where);
      assert.equal((await call('restore', one.id)).status, 'success');
      assert.notEqual((await api.document('athena_components', 'a')).v, where);
      assert.ok(await api.document('athena_components', 'b'));
      assert.ok(await api.document('athena_components', `new ${where}`));

      const file = join(directory, 'backup.json');
      await writeFile(file, JSON.stringify(shown));
      await edit('a', { v: 'again' });
      assert.equal((await call('restore', file, '--exact')).status, 'success');
      assert.notEqual((await api.document('athena_components', 'a')).v, 'again');
      assert.equal(await api.document('athena_components', `new ${where}`), undefined);
    });

    it(`fails with a documented code and a message on stderr ${where}`, async () => {
      const [place, settings] = connection();
      const documented = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
      const broken = join(directory, 'broken.json');
      await writeFile(broken, '{"dbs":{"athena_components":{"docs":[{"_id":"a"}');
      for (const args of [['show', 'nothing'], ['restore', 'nothing'], ['restore', broken], ['diff', 'x', 'y'], ['verify', 'nothing']]) {
        const { code, stdout, stderr } = await run([...args, ...place], { settings });
        assert.ok(code > 0, args.join(' '));
        assert.match(documented, new RegExp(`\\b${code}\\b`), `docs/cli.md names exit code ${code}`);
        assert.equal(stdout, '');
        assert.ok(stderr.length > 5);
      }
    });
  }

  it('names what a service does not have', async () => {
    const [place] = connections['on a running service']();
    for (const [args, named] of Object.entries({
      'show no%thing': 'backups/no%thing', 'pin x': 'backups/x/pin', 'diff x y': 'backups/x/diff/y', 'jobs x': 'jobs/x', 'schedules show x': 'schedules/x', 'keys delete x': 'permissions/keys/x',
      'verify x': 'backups/x/verification',
    })) {
      const { code, stderr } = await run([...args.split(' '), ...place]);
      assert.deepEqual([code, stderr], [5, `davenport: the service answered 404: ${named} is missing\n`], args);
    }
    const { code, stderr } = await run(['drill', '--report', 'x', ...place]);
    assert.deepEqual([code, stderr], [5, 'davenport: the service answered 404: there is no drill x\n']);
  });

  it('ends with 1 where what it ran has failed, for people and for programs', async () => {
    const [place] = connections['on a running service']();
    const { id } = await api.backup();
    await api.expect(200, 'DELETE', '/couchdb/athena_sessions');
    for (const format of [[], ['--json']]) {
      const { code, stdout, stderr } = await run(['backup', ...format, ...place]);
      assert.equal(code, 1, stderr);
      if (format.length > 0) assert.match(JSON.parse(stdout).error, /athena_sessions/);
      else assert.match(stderr, /failed: .*athena_sessions/);
    }
    await api.expect(201, 'PUT', '/couchdb/athena_sessions');

    await rename(join(fixture.dataDir, 'vault/segments'), join(directory, 'segments'));
    for (const format of [[], ['--json']]) {
      const { code, stdout, stderr } = await run(['restore', id, ...format, ...place]);
      assert.equal(code, 1, stderr);
      if (format.length > 0) assert.notEqual(JSON.parse(stdout).status, 'success');
      else assert.match(stderr, /the restore failed: /);
    }
    await rename(join(directory, 'segments'), join(fixture.dataDir, 'vault/segments'));
  });

  it('fails when its result can not be written', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await run(['list', '--data', fixture.dataDir], { settings: fixture.settings, stdout: full });
    closeSync(full);
    assert.equal(code, 10, stderr);
    assert.match(stderr, /could not be written to stdout/);
  });

  it('hides the key from the list of processes', async () => {
    let commandLine;
    const waiting = createServer((request, response) => {
      commandLine = readFileSync(`/proc/${program.pid}/cmdline`, 'utf8');
      response.end();
    });
    await new Promise((resolve) => { waiting.listen(0, '127.0.0.1', resolve); });
    const program = spawn(binary, ['list', '--url', `http://127.0.0.1:${waiting.address().port}`, '--key', 'name:its-secret'], { stdio: 'ignore' });
    await once(program, 'exit');
    waiting.close();
    assert.match(commandLine, /list/);
    assert.doesNotMatch(commandLine, /secret/);
  });

  it('lets nobody forge lines for the terminal of another', async () => {
    const forged = 'a\nmarker \u001b[2J\u009b2J\u007f é';
    const plain = 'a?marker ?[2J?2J? é';
    await api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: ['reader'], description: forged });
    const before = (await api.backup()).id;
    await api.bulkWrite('athena_components', [{ _id: forged }]);
    const after = (await api.backup()).id;
    await must(['pin', after, '--reason', forged, '--data', fixture.dataDir], { settings: fixture.settings });
    const [place, settings] = connections['on a running service']();
    for (const args of [['keys', 'list'], ['list'], ['diff', before, after]]) {
      const { stdout } = await must([...args, ...place], { settings });
      assert.ok(stdout.includes(plain), stdout);
      assert.doesNotMatch(stdout, /^marker|[^\n\P{Cc}]/mu);
    }
    // What a service says, whichever it is.
    const forger = createServer((request, response) => {
      response.writeHead(request.url.includes('/jobs/') ? 404 : 200, { 'content-type': 'application/json' });
      const told = { state: forged, message: forged, error: { message: forged }, waits: forged };
      response.end(JSON.stringify({ jobs: [told], schedules: [told], drills: [{ verdict: forged }], entries: [{ action: forged }], ...told, error: 'not_found' }));
    });
    await new Promise((resolve) => { forger.listen(0, '127.0.0.1', resolve); });
    const there = ['--url', `http://127.0.0.1:${forger.address().port}`, '--key', 'a:b'];
    for (const args of [['jobs'], ['jobs', 'x'], ['schedules', 'list'], ['schedules', 'show', 'x'], ['drill', '--list'], ['audit', 'list']]) {
      const { stdout, stderr } = await run([...args, ...there]);
      assert.ok((stdout + stderr).includes(plain), `${args}: ${stdout}${stderr}`);
      assert.doesNotMatch(stdout + stderr, /^marker|[^\n\P{Cc}]/mu);
    }
    forger.close();
  });

  it('says so when the service or the credentials are not there', async () => {
    for (const [url, key] of [['http://127.0.0.1:9', 'a:b'], [fixture.url, 'a:b'], ['nonsense', 'a:b'], [fixture.url, 'nonsense']]) {
      const { code, stdout, stderr } = await run(['list', '--url', url, '--key', key]);
      assert.ok(code > 0, `${url} ${key}`);
      assert.equal(stdout, '');
      assert.ok(stderr.length > 5);
    }
  });

  it('makes no data directory where none is meant to be made', async () => {
    const missing = join(directory, 'missing');
    const file = join(directory, 'some.json');
    await writeFile(file, JSON.stringify({ dbs: { athena_components: { docs: [{ _id: 'a' }] } } }));
    for (const args of [['backup'], ['list'], ['show', 'x'], ['verify'], ['diff', 'x', 'y'], ['restore', 'x'], ['restore', file, '--dry-run'], ['prune'], ['prune', '--dry-run'],
      ['delete', 'x'], ['pin', 'x'], ['jobs'], ['audit', 'list'], ['audit', 'verify'], ['schedules', 'list'], ['drill', 'latest'], ['encryption', 'status'],
      ['encryption', 'rotate'], ['public-key'], ['prove', 'x', 'y', 'z'], ['keys', 'list'], ['keys', 'delete', 'x'], ['apps', 'list'], ['apps', 'delete', '--app-id', 'x']]) {
      const { code, stdout, stderr } = await run([...args, '--data', missing]);
      assert.deepEqual([code, stdout], [5, ''], `${args}: ${stderr}`);
      assert.match(stderr, new RegExp(`there is no data directory ${missing}; name one with --data or --config, or a running service with --url`));
      assert.ok(!existsSync(missing), args.join(' '));
    }
    const here = await run(['list'], { cwd: directory });
    assert.equal(here.code, 5);
    assert.match(here.stderr, /no data directory davenport-data;/);
    for (const [name, args] of Object.entries({
      key: ['keys', 'create', '--role', 'reader'], app: ['apps', 'create', '--app-id', 'one'], file: ['restore', file],
    })) {
      await must([...args, '--data', join(directory, name)]);
      await must(['list', '--data', join(directory, name)]);
    }
    await mkdir(join(directory, 'empty'));
    await must(['list', '--data', join(directory, 'empty')]);
    const below = await run(['list', '--data', join(file, 'below')]);
    assert.equal(below.code, 3, 'one that can not be is no missing one');
    assert.match(below.stderr, /data\.directory: .*Not a directory/);
    // No server answers: it is the databases that are missed, not the directory.
    const { stderr } = await run(['backup', '--couchdb', 'http://127.0.0.1:9', '--data', missing]);
    assert.doesNotMatch(stderr, /no data directory/);
  });

  it('names a file that it can not read, and touches nothing', async () => {
    const loop = join(directory, 'loop.json');
    await symlink(loop, loop);
    const { code, stderr } = await run(['restore', loop, '--data', join(directory, 'untouched')]);
    assert.equal(code, 10, stderr);
    assert.match(stderr, /can't read .*loop\.json: Too many levels of symbolic links/);
    assert.ok(!existsSync(join(directory, 'untouched')));
  });

  it('takes a kept head as it was told, and refuses what is none before it reads', async () => {
    const place = ['--data', join(directory, 'head')];
    await must(['keys', 'create', '--role', 'reader', ...place]);
    await must(['backup', ...place]);
    const key = join(directory, 'public.pem');
    await writeFile(key, (await must(['public-key', ...place])).stdout);
    const offline = (head, dir = join(directory, 'head'), pem = key) => run(['verify', '--offline', dir, '--public-key', pem, '--head', head]);
    const [line] = /^newest: .*$/m.exec((await must(['verify', ...place])).stdout);
    for (const head of [line, `${line}\n`, line.slice('newest: '.length)]) assert.equal((await offline(head)).code, 0, head);
    const other = await offline(line.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')));
    assert.equal(other.code, 9);
    for (const head of ['', 'newest:', 'x', line.slice(0, -1), `: ${line}`, line.replace(/: .*:/, ': :')]) {
      const { code, stderr } = await offline(head, '/nowhere', '/nowhere');
      assert.equal(code, 3, `${head}: ${stderr}`);
      assert.match(stderr, /--head: a head is ID:SHA256/);
    }
  });

  it('refuses unknown settings and bad values by name', async () => {
    const file = join(directory, 'config.toml');
    const refused = async (text, named, settings = {}) => {
      await writeFile(file, text);
      const { code, stderr } = await run(['serve', '--config', file, '--data', join(directory, 'd'), '--listen', '127.0.0.1:0'], { settings, timeoutMs: 20_000 });
      assert.ok(code > 0, `${text}: ${code}`);
      assert.match(stderr, named);
    };
    await refused('[http]\nnonsense = 1\n', /nonsense/);
    await refused('[nonsense]\nlisten = "x"\n', /nonsense/);
    await refused('[http]\nworkers = "many"\n', /workers/);
    await refused('[http]\nworkers = 0\n', /workers/);
    await refused('[http\n', /config\.toml|line/);
    await refused('', /NONSENSE/i, { DAVENPORT_HTTP_NONSENSE: '1' });
    await refused('', /workers/i, { DAVENPORT_HTTP_WORKERS: 'x' });
    const { code } = await run(['serve', '--data', join(directory, 'd'), '--listen', 'nonsense'], { timeoutMs: 20_000 });
    assert.ok(code > 0);
    const taken = await run(['serve', '--data', join(directory, 'd'), '--listen', new URL(fixture.url).host], { timeoutMs: 20_000 });
    assert.ok(taken.code > 0, 'an address in use ends the start');
  });

  it('tells which setting names what can not be used, as bad input', async () => {
    const file = join(directory, 'a file');
    await writeFile(file, 'nothing of use');
    const place = join(directory, 'usable');
    await mkdir(place);
    const own = { DAVENPORT_HTTP_TLS_CERTIFICATE_FILE: file, DAVENPORT_HTTP_TLS_KEY_FILE: file };
    const refused = async (named, settings, data = place, listen = '127.0.0.1:0') => {
      const { code, stderr } = await run(['serve', '--data', data, '--listen', listen], { settings, timeoutMs: 20_000 });
      assert.match(stderr, named);
      assert.equal(code, 3, stderr);
    };
    const missing = (setting) => new RegExp(`${setting}: can't read /none: No such file or directory`);
    await refused(missing('signing.key_file'), { DAVENPORT_SIGNING_KEY_FILE: '/none' });
    await refused(/signing\.key_file: .*a file: it is not the PEM/, { DAVENPORT_SIGNING_KEY_FILE: file });
    await refused(missing('signing.earlier_keys_file'), { DAVENPORT_SIGNING_EARLIER_KEYS_FILE: '/none' });
    await refused(missing('access.policy_file'), { DAVENPORT_ACCESS_POLICY_FILE: '/none' });
    await refused(missing('encryption.key_file'), { DAVENPORT_ENCRYPTION_KEY_FILE: '/none' });
    await refused(missing('http.tls_certificate_file'), { ...own, DAVENPORT_HTTP_TLS_CERTIFICATE_FILE: '/none' });
    await refused(/http\.tls_certificate_file: .*a file is not a certificate chain in PEM/, own);
    await refused(/data\.directory: .*a file: Not a directory/, {}, file);
    await refused(/data\.directory: .*Not a directory/, {}, join(file, 'below'));
    await refused(/data\.directory: .*: No such file or directory/, {}, '/proc/nothing/here');
    await refused(/http\.listen: can't listen on 192\.0\.2\.1:3000: Cannot assign/, {}, place, '192.0.2.1:3000');
    // It may be free again in a moment.
    const taken = await run(['serve', '--data', place, '--listen', new URL(fixture.url).host], { timeoutMs: 20_000 });
    assert.equal(taken.code, 6);
    assert.match(taken.stderr, /http\.listen: .*in use/);
  });

  it('a damaged backup is named, and hides no other and stops no new one', async () => {
    await mkdir(join(directory, 'damaged'));
    const place = ['--data', join(directory, 'damaged')];
    const backup = async () => JSON.parse((await must(['backup', '--json', ...place])).stdout).id;
    const ids = [await backup(), await backup()];
    const manifest = join(directory, 'damaged/vault/manifests', ids[1]);
    const text = await readFile(manifest);
    text[50] ^= 1;
    await writeFile(manifest, text);
    ids.push(await backup());
    const { code, stdout } = await run(['list', ...place]);
    assert.equal(code, 9);
    const lines = stdout.trim().split('\n');
    assert.deepEqual(lines.map((line) => line.split(' ')[0]), ids);
    assert.match(lines[1], /damaged: /);
    assert.match(lines[2], /complete$/);
    const verified = await run(['verify', ...place]);
    assert.equal(verified.code, 9);
    assert.match(verified.stdout, new RegExp(ids[1]));

    const service = await Service.start({ dataDir: join(directory, 'damaged') });
    try {
      const key = JSON.parse((await must(['keys', 'create', '--role', 'manager', ...place])).stdout);
      const remote = await run(['list', '--url', service.url, '--key', `${key.api_key}:${key.api_secret}`]);
      assert.deepEqual([remote.code, remote.stdout.trim().split('\n').length], [9, 3]);
    } finally {
      assert.equal(await service.stop(), 0);
    }
  });

  it('takes flags before the environment before the file', async () => {
    const file = join(directory, 'order.toml');
    await writeFile(file, '[databases]\nothers = ["from_file"]\n[console]\nversion_tag = "from-file"\n');
    const dataDir = join(directory, 'order');
    const service = await Service.start({ dataDir, args: ['--config', file], settings: { DAVENPORT_CONSOLE_VERSION_TAG: 'from-environment', DAVENPORT_HTTP_LISTEN: '127.0.0.1:1' } });
    try {
      const key = JSON.parse((await must(['keys', 'create', '--role', 'manager', '--config', file, '--data', dataDir])).stdout);
      const caller = service.api(key);
      const { id } = await caller.backup();
      const doc = (await caller.get(`/ak/api/v3/backups/${id}`)).json;
      assert.equal(doc.ibp_versions.tag, 'from-environment');
      assert.ok(doc.dbs.from_file);
      caller.close();
    } finally {
      assert.equal(await service.stop(), 0);
    }
  });
});
