// What `cpack` makes of the built tree: a Debian package, looked at from all sides without
// installing it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { must, removeDirectory, run, temporaryDirectory } from '../../scripts/lib/davenport.mjs';

const buildDirectory = process.env.DAVENPORT_BUILD_DIR
  || new URL('../../build/release', import.meta.url).pathname;

// Runs a tool to its end; undefined when it is not installed.
function tool(command, args, options = {}) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000, ...options });
  if (error?.code === 'ENOENT') return undefined;
  return { status, stdout, stderr };
}

function output(command, args, options) {
  const result = tool(command, args, options);
  assert.equal(result?.status, 0, `${command} ${args.join(' ')}: ${result?.stderr}`);
  return result.stdout;
}

describe('the Debian package', () => {
  let directory;
  let file;
  let root;

  before(async () => {
    directory = await temporaryDirectory();
    output('cpack', ['--config', join(buildDirectory, 'CPackConfig.cmake'), '-G', 'DEB', '-B', directory]);
    [file] = (await readdir(directory)).filter((name) => name.endsWith('.deb')).map((name) => join(directory, name));
    root = join(directory, 'root');
    output('dpkg-deb', ['--raw-extract', file, root]);
  });
  after(() => removeDirectory(directory));

  const field = (name) => output('dpkg-deb', ['--field', file, name]).trim();

  it('says what it is, and what it needs', async () => {
    const { stdout: version } = await must(['--version']);
    assert.equal(field('Package'), 'davenport');
    assert.equal(field('Version'), `${version.trim()}-1`);
    assert.equal(field('Section'), 'database');
    assert.match(field('Maintainer'), /^[^<]+ <\S+@\S+>$/);
    assert.ok(field('Description').split('\n')[0].length < 60);
    for (const library of ['libc6', 'libcurl4', 'libssl3', 'libsqlite3-0', 'libcpprest2.10', 'systemd']) {
      assert.match(field('Depends'), new RegExp(`(^|, |\\| )${library.replace('.', '\\.')}( |,|$)`));
    }
  });

  it('holds the program, its unit and its pages, and keeps the configuration from other eyes', () => {
    const modes = new Map(output('dpkg-deb', ['--contents', file]).trim().split('\n').map((line) => {
      const [mode, owner, , , , path] = line.split(/\s+/);
      assert.equal(owner, 'root/root', line);
      return [path, mode];
    }));
    const expected = {
      './usr/bin/davenport': '-rwxr-xr-x',
      './etc/davenport/': 'drwxr-x---',
      './etc/davenport/davenport.toml': '-rw-r-----',
      './lib/systemd/system/davenport.service': '-rw-r--r--',
      './usr/lib/sysusers.d/davenport.conf': '-rw-r--r--',
      './usr/share/man/man1/davenport.1.gz': '-rw-r--r--',
      './usr/share/man/man5/davenport.toml.5.gz': '-rw-r--r--',
      './usr/share/bash-completion/completions/davenport': '-rw-r--r--',
      './usr/share/zsh/vendor-completions/_davenport': '-rw-r--r--',
      './usr/share/fish/vendor_completions.d/davenport.fish': '-rw-r--r--',
      './usr/share/doc/davenport/copyright': '-rw-r--r--',
      './usr/share/doc/davenport/operations.md': '-rw-r--r--',
    };
    for (const [path, mode] of Object.entries(expected)) assert.equal(modes.get(path), mode, path);
    // Data is the service's and the administrator's, never the package's.
    for (const path of modes.keys()) assert.ok(!path.startsWith('./var/'), path);
  });

  it('protects the configuration on upgrades, and its scripts are sound', async () => {
    assert.equal(await readFile(join(root, 'DEBIAN/conffiles'), 'utf8'), '/etc/davenport/davenport.toml\n');
    for (const script of ['postinst', 'prerm', 'postrm']) output('sh', ['-n', join(root, 'DEBIAN', script)]);
    output('sh', ['-c', `cd '${root}' && md5sum --quiet --strict -c DEBIAN/md5sums`]);
  });

  it('brings a configuration that the program accepts', async () => {
    const configuration = join(root, 'etc/davenport/davenport.toml');
    assert.match(await readFile(configuration, 'utf8'), /^directory = "\/var\/lib\/davenport"$/m);
    await mkdir(join(directory, 'data'));
    await must(['list', '--config', configuration, '--data', join(directory, 'data')]);
  });

  it('brings manual pages that render, and name every command and option', async (test) => {
    const pages = {};
    for (const page of ['man1/davenport.1', 'man5/davenport.toml.5']) {
      const source = output('gzip', ['-dc', join(root, `usr/share/man/${page}.gz`)]);
      const rendered = tool('groff', ['-man', '-ww', '-Tutf8', '-k', '-P-cbou'], { input: source });
      if (!rendered) return test.skip('groff is not installed');
      assert.equal(rendered.stderr, '');
      pages[page] = rendered.stdout.replaceAll(/\s+/g, ' ');
    }
    let options = 0;
    const commands = async (path) => {
      const { stdout } = await must([...path, '--help']);
      for (const [option] of stdout.matchAll(/(?<=^ +(-h,)?)--[a-z-]+/gm)) {
        options += 1;
        if (option !== '--help') assert.ok(pages['man1/davenport.1'].includes(option), `${path.join(' ')} ${option}`);
      }
      const children = stdout.split('Subcommands:\n')[1]?.matchAll(/^ {2}([a-z-]+)/gm) ?? [];
      let leaf = true;
      for (const [, child] of children) {
        leaf = false;
        await commands([...path, child]);
      }
      if (leaf) assert.ok(pages['man1/davenport.1'].includes(`davenport ${path.join(' ')} `), path.join(' '));
    };
    await commands([]);
    assert.ok(options > 50, `${options}`);
    for (const setting of ['listen', 'couchdb_url', 'drain_timeout_ms']) assert.ok(pages['man5/davenport.toml.5'].includes(setting));
  });

  it('completes commands, options, choices and files in bash', async () => {
    await writeFile(join(directory, 'a file.json'), '');
    const script = join(root, 'usr/share/bash-completion/completions/davenport');
    // As the shell calls it: the words up to the cursor, the last one being completed.
    const complete = (...words) => output('bash', ['--norc', '-c', `
      . "$1"; shift
      COMP_WORDS=(davenport "$@"); COMP_CWORD=$#
      _davenport; printf '%s\\n' "\${COMPREPLY[@]}"`, 'bash', script, ...words], { cwd: directory }).trim().split('\n').sort();
    assert.deepEqual(complete('ba'), ['backup']);
    assert.deepEqual(complete('keys', 'cr'), ['create']);
    assert.deepEqual(complete('keys', 'create', '--ro'), ['--role']);
    assert.deepEqual(complete('restore', '--history', ''), ['exact', 'fresh']);
    assert.deepEqual(complete('restore', '--history', '=', 'e'), ['exact']);
    assert.deepEqual(complete('restore', 'a f'), ['a file.json']);
    assert.deepEqual(complete('list', '--config', 'a'), ['a file.json']);
    assert.deepEqual(complete('list', '--data', 'ro'), ['root']);
    assert.deepEqual(complete('verify', '--offline', 'ro'), ['root']);
    assert.deepEqual(complete('check-proof', 'a f'), ['a file.json']);
    assert.deepEqual(complete('keys', 'create', '--role', ''), ['']);
    assert.ok(complete('').includes('serve'));
    assert.deepEqual(complete('verify', '--j'), ['--json']);
    assert.deepEqual(complete('restore', '--data', 'keys', '--dry'), ['--dry-run']);
  });

  it('brings scripts that zsh and fish can read, where these are installed', (test) => {
    for (const [shell, path] of [['zsh', 'zsh/vendor-completions/_davenport'], ['fish', 'fish/vendor_completions.d/davenport.fish']]) {
      const result = tool(shell, ['-n', join(root, 'usr/share', path)]);
      if (!result) test.diagnostic(`${shell} is not installed`);
      else assert.equal(result.status, 0, result.stderr);
    }
  });

  it('brings a unit that systemd takes and finds well confined, where it is installed', async (test) => {
    const unit = await readFile(join(root, 'lib/systemd/system/davenport.service'), 'utf8');
    // Only what is installed can be verified: the program's place and its manual page are not.
    const here = join(directory, 'davenport.service');
    await writeFile(here, unit.replace(/^Documentation=.*$/m, '').replace('/usr/bin/davenport', '/bin/true'));
    const verified = tool('systemd-analyze', ['verify', here]);
    if (!verified) return test.skip('systemd is not installed');
    assert.deepEqual([verified.status, verified.stderr], [0, '']);
    const rated = tool('systemd-analyze', ['security', '--offline=true', '--threshold=20', here]);
    assert.equal(rated.status, 0, rated.stdout);
  });

  it('is what the program writes: nothing generated is stale', async () => {
    const { stdout } = await must(['generate', 'bash']);
    assert.equal(await readFile(join(root, 'usr/share/bash-completion/completions/davenport'), 'utf8'), stdout);
    const wrong = await run(['generate', 'nonsense']);
    assert.equal(wrong.code, 2);
  });
});
