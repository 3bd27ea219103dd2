// Disaster recovery as docs/operations.md tells it: its own command blocks are run, in their order,
// with other places instead of the system's and without what needs a system of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, chown, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary, must, removeDirectory, run, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { CouchDb } from './lib/couchdb.mjs';
import { Fixture, onCouchDb } from './lib/fixture.mjs';

const guide = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');

const blocksOf = (text) => [...text.matchAll(/^( *)```sh\n([^]*?)^ *```$/gm)].map(([, indent, block]) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));

// The text below a heading, up to the next one of its rank.
function section(title) {
  const [, text] = new RegExp(`^## ${title}\n([^]*?)(?=^## |$(?![^]))`, 'm').exec(guide);
  return text;
}

for (const vault of ['plain', 'encrypted']) describe(`disaster recovery from ${vault === 'plain' ? 'a plain' : 'an encrypted'} vault`, () => {
  let lost;
  let directory;
  let newCouchDb;
  let documents;
  // For commands that are run beside the guide.
  const key = () => (vault === 'plain' ? {} : { DAVENPORT_ENCRYPTION_KEY_FILE: join(directory, 'key/master.key') });

  before(async () => {
    directory = await temporaryDirectory();
    await mkdir(join(directory, 'key'));
    if (vault === 'encrypted') await must(['encryption', 'generate', join(directory, 'key/master.key')]);
    lost = await Fixture.create(key());
    const { api } = lost;
    for (let i = 0; i < 3; i += 1) {
      await api.bulkWrite('athena_components', Array.from({ length: 50 }, (_, n) => ({ _id: `c-${i}-${n}`, round: i, n })));
      await api.bulkWrite('athena_system', [{ _id: `s-${i}`, text: 'ü "quoted" \u0000' }]);
      await api.backup();
    }
    const picture = await api.document('athena_components', 'c-0-0');
    await api.bulkWrite('athena_components', [{ ...picture, _attachments: { 'a.txt': { content_type: 'text/plain', data: Buffer.from('attached').toString('base64') } } }]);
    await api.bulkWrite('athena_components', [{ ...(await api.document('athena_components', 'c-1-1')), _deleted: true }]);
    await api.backup();
    documents = await everything(api);
    assert.equal(documents.size, 152);
    // All that is left: the vault, and keys if there are any.
    await cp(join(lost.dataDir, 'vault'), join(directory, 'rescued/vault'), { recursive: true });
    for (const name of await readdir(lost.dataDir)) {
      if (name.endsWith('.pem')) await cp(join(lost.dataDir, name), join(directory, 'rescued', name));
    }
    await lost.remove();
    if (onCouchDb) newCouchDb = await CouchDb.start();
  });
  after(async () => {
    await newCouchDb?.stop();
    await removeDirectory(directory);
  });

  // Every document that a console's user would miss, without what a restore may change.
  async function everything(api) {
    const found = new Map();
    for (const database of ['athena_components', 'athena_system']) {
      const { rows } = (await api.expect(200, 'GET', `/couchdb/${database}/_all_docs?include_docs=true&attachments=true`)).json;
      for (const { id, doc } of rows) {
        if (id === '00_settings_athena') continue;
        const { _rev, _attachments, ...members } = doc;
        found.set(`${database}/${id}`, { ...members, attached: Object.entries(_attachments ?? {}).map(([name, { data }]) => [name, data]) });
      }
    }
    return found;
  }

  // What the commands of a system do is not what is tried here.
  async function standIns(dataDir) {
    const bin = join(directory, 'bin');
    await mkdir(bin);
    const script = async (name, text) => {
      await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
      await chmod(join(bin, name), 0o755);
    };
    await script('davenport', `exec '${binary}' "$@"`);
    await script('runuser', 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"');
    await script('systemctl', `echo "$@" >> '${directory}/systemctl.log'`);
    for (const name of ['apt', 'chown']) await script(name, `echo "${name} $*" >> '${directory}/system.log'`);
    await mkdir(join(directory, 'etc'));
    const configuration = join(directory, 'etc/davenport.toml');
    await writeFile(configuration, (await must(['generate', 'configuration', '--data', dataDir])).stdout);
    return bin;
  }

  function shell(text, bin) {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...newCouchDb?.settings };
      for (const name of ['DAVENPORT_BIN', 'DAVENPORT_TEST_STORE', 'DAVENPORT_BUILD_DIR', 'DAVENPORT_TEST_COUCHDB']) delete env[name];
      const child = spawn('bash', ['-euo', 'pipefail', '-c', text], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (part) => { stdout += part; });
      child.stderr.setEncoding('utf8').on('data', (part) => { stderr += part; });
      child.on('error', reject);
      child.on('close', (code) => (code === 0 ? resolve(stdout) : reject(new Error(`exit ${code}\n${stdout}${stderr}`))));
    });
  }

  it('brings everything back from nothing but the vault, by the steps of the guide', async () => {
    const dataDir = join(directory, 'new-machine');
    await mkdir(dataDir);
    const bin = await standIns(dataDir);
    const [define] = blocksOf(section('Install')).filter((block) => block.startsWith('dav()'));
    const steps = blocksOf(section('Disaster recovery'));
    assert.equal(steps.length, 6);
    const keyStep = steps.findIndex((step) => step.includes('master.key'));
    if (vault === 'plain') steps.splice(keyStep, 1);
    const text = [define, ...steps].join('\n')
      .replaceAll('/etc/davenport', `${directory}/etc`)
      .replaceAll('/mnt', directory)
      .replaceAll('/var/lib/davenport', dataDir);
    const output = await shell(text, bin);
    assert.equal(output.match(/^03_ibp_db_backup_\d+ .* complete(  encrypted)?$/gm).length, 4);
    assert.match(output, /^sound: 4 backups/m);
    assert.match(output, /^athena_components: 149 to create/m);
    assert.match(output, /^restored$/m);
    assert.match(output, /^sound: 5 backups/m);
    const apiKey = JSON.parse(/^\{"api_key".*$/m.exec(output)[0]);

    const service = await Service.start({ dataDir, settings: { ...newCouchDb?.settings, ...key() } });
    try {
      const api = service.api(apiKey);
      assert.deepEqual(await everything(api), documents);
      api.close();
    } finally {
      assert.equal(await service.stop(), 0);
    }
  });

  it('says which backup is damaged, and restores the others', async () => {
    const dataDir = join(directory, 'damaged');
    await cp(join(directory, 'rescued'), dataDir, { recursive: true });
    const place = ['--data', dataDir];
    const { ids } = JSON.parse((await must(['list', '--json', ...place])).stdout);
    const manifest = join(dataDir, 'vault/manifests', ids.at(-1));
    const bytes = await readFile(manifest);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(manifest, bytes);
    const verified = await run(['verify', ...place], { settings: key() });
    assert.equal(verified.code, 9);
    assert.match(verified.stdout, new RegExp(ids.at(-1)));
    assert.equal((await run(['restore', ids.at(-1), ...place], { settings: key() })).code, 9);
    assert.match((await must(['restore', ids.at(-2), ...place], { settings: key() })).stdout, /restored/);
    if (vault === 'encrypted') assert.equal((await run(['restore', ids.at(-2), ...place])).code, 13);
  });

  it('refuses to work on the data of another user', async (test) => {
    if (process.getuid() !== 0) return test.skip('needs root');
    const dataDir = join(directory, 'of another');
    await must(['keys', 'create', '--role', 'reader', '--data', dataDir]);
    await chown(join(dataDir, 'place'), 65534, 65534);
    const before = await readdir(dataDir);
    const refused = await run(['backup', '--data', dataDir]);
    assert.equal(refused.code, 4);
    assert.match(refused.stderr, /nobody/);
    assert.deepEqual(await readdir(dataDir), before);
  });
});
