// Measures a running service from outside, over HTTP, and prints each figure beside its yardstick,
// both from this run:  node service_bench.mjs [documents, default 1000000]
import { execFile, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { bulkFiles, download, memory, perRequest, post, row, seconds } from './bench.mjs';
import { createKey, removeDirectory, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';

const execute = promisify(execFile);
const builds = fileURLToPath(new URL('../../build/release/test/bench/', import.meta.url));
const count = Number(process.argv[2] ?? 1_000_000);
const small = Math.min(100_000, count);

async function requestsPerSecond(url, headers) {
  const { stdout } = await execute('wrk', ['-t1', '-c32', '-d5s', ...headers.flatMap((text) => ['-H', text]), url]);
  if (/Non-2xx/.test(stdout)) throw new Error(`wrk saw errors on ${url}: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]);
}

async function bareBeast() {
  const child = spawn(join(builds, 'bare_beast'), ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const match = /listening on (\S+)/.exec(text);
      if (match) resolve(match[1]);
    });
  });
  return { url, stop: () => child.kill('SIGKILL') };
}

async function measureRequests(service, key) {
  const basic = Buffer.from(`${key.api_key}:${key.api_secret}`).toString('base64');
  const bare = await bareBeast();
  try {
    const theirs = await requestsPerSecond(bare.url, []);
    for (const [what, path, target] of [['/couchdb/', '/couchdb/', '0.5'],
      ['one document', '/couchdb/athena_components/peer0000000001', '-'], ['list of backups', '/ak/api/v3/backups', '-']]) {
      const ours = await requestsPerSecond(service.url + path, [`Authorization: Basic ${basic}`]);
      row(`${what}, authenticated, 32 connections`, `${Math.round(ours)} requests/s, ${(ours / theirs).toFixed(2)} x bare Beast (${Math.round(theirs)}/s)`, target);
    }
  } finally {
    bare.stop();
  }
}

async function plainInsertRate() {
  const { stdout } = await execute(join(builds, 'plain_insert'), [String(small), '450', String(perRequest)]);
  return Number(stdout.trim());
}

async function measureBulk(directory) {
  const dataDir = join(directory, 'bulk');
  const key = await createKey(dataDir);
  const files = await bulkFiles(directory, 0, small, 450);
  const plain = await plainInsertRate();
  const service = await Service.start({ dataDir });
  try {
    const time = await post(service, key, 'athena_components', files, directory);
    const rate = small / time;
    row(`${small} documents of 450 B by _bulk_docs`, `${Math.round(rate)}/s, ${(rate / plain).toFixed(2)} x plain SQLite bulk insert (${Math.round(plain)}/s)`, '0.4');
    await measureRequests(service, key);
  } finally {
    await service.stop();
  }
}

// Fills a store with `documents` documents, then backs up, downloads, uploads, restores and verifies
// it; gives the peak memory of the service.
async function measureMemory(directory, documents) {
  const dataDir = join(directory, `memory-${documents}`);
  const key = await createKey(dataDir);
  const files = await bulkFiles(directory, 0, documents, 370);
  let service = await Service.start({ dataDir });
  try {
    await post(service, key, 'athena_components', files, directory);
    const peak = { fill: await memory(service) };
    await service.stop();
    service = await Service.start({ dataDir });
    let api = service.api(key);
    const { id } = await api.backup({ timeoutMs: 600_000 });
    peak.backup = await memory(service);
    const { size, time } = await download(service, key, id, '/dev/null');
    peak.download = await memory(service);
    row(`backup doc of ${documents} documents to /dev/null`, `${Math.round(size / time / 1e6)} MB/s of JSON (${Math.round(size / 1e6)} MB)`, '300 MB/s');
    const file = join(directory, 'backup.json');
    await download(service, key, id, file);
    api.close();
    await service.stop();

    service = await Service.start({ dataDir });
    api = service.api(key);
    const since = performance.now();
    const { stdout } = await execute('curl', ['-s', '-T', file, '-u', `${key.api_key}:${key.api_secret}`, `${service.url}/ak/api/v3/backups`]);
    const accepted = seconds(since);
    const transaction = await api.waitForTransaction(JSON.parse(stdout).url, 600_000);
    if (transaction.status !== 'success') throw new Error(transaction.message);
    peak.upload = await memory(service);
    row(`upload of that doc, checked`, `${Math.round((await stat(file)).size / accepted / 1e6)} MB/s until accepted`, '-');
    const check = performance.now();
    const verified = (await api.expect(200, 'GET', '/ak/api/v3/verification', undefined, { timeoutMs: 600_000 })).json;
    if (!verified.sound) throw new Error('the vault is not sound');
    row('verify', `${Math.round(verified.bytes / seconds(check) / 1e6)} MB/s of document bytes`, '500 MB/s a core');
    peak.verify = await memory(service);
    api.close();
    row(`peak memory at ${documents} documents`, Object.entries(peak).map(([what, mib]) => `${what} ${mib}`).join(', ') + ' MiB', '256 MiB');
  } finally {
    await service.stop();
  }
}

const directory = await temporaryDirectory();
try {
  await measureBulk(directory);
  await measureMemory(directory, small);
  if (count > small) await measureMemory(directory, count);
} finally {
  await removeDirectory(directory);
}
