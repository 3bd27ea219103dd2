// What encryption and retention cost, each figure beside its yardstick, both from this run:
//   node operations_bench.mjs [documents, default 100000] [backups, default 500]
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createKey, must, removeDirectory, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { bulkFiles, download, post, row, seconds } from './bench.mjs';

const count = Number(process.argv[2] ?? 100_000);
const backups = Number(process.argv[3] ?? 500);
const rounds = 3;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const ratios = (ours, plain) => {
  const each = ours.map((value, i) => value / plain[i]);
  return `${median(each).toFixed(2)} x plain (${each.map((value) => value.toFixed(2)).join(', ')})`;
};

async function timed(call) {
  const since = performance.now();
  await call();
  return seconds(since);
}

// Of a data directory of its own: first backup, download and restore of its documents, in seconds.
async function measureCycle(directory, settings, files) {
  const key = await createKey(directory, 'manager', settings);
  const service = await Service.start({ dataDir: directory, settings });
  const api = service.api(key);
  try {
    await post(service, key, 'athena_components', files, directory);
    let id;
    const backup = await timed(async () => { ({ id } = await api.backup({ timeoutMs: 600_000 })); });
    const { time } = await download(service, key, id, '/dev/null');
    await api.expect(200, 'DELETE', '/couchdb/athena_components');
    const restore = await timed(async () => {
      const { url } = (await api.expect(202, 'PUT', `/ak/api/v3/backups/${id}`, {})).json;
      const transaction = await api.waitForTransaction(url, 600_000);
      if (transaction.status !== 'success') throw new Error(transaction.message);
    });
    return { backup, download: time, restore };
  } finally {
    api.close();
    await service.stop();
  }
}

async function measureEncryption(directory) {
  const files = await bulkFiles(directory, 0, count, 370);
  const master = join(directory, 'master.key');
  const identity = join(directory, 'identity.key');
  await must(['encryption', 'generate', master]);
  const recipient = (await must(['encryption', 'generate', '--recipient', identity])).stdout.trim();
  const ways = {
    plain: {},
    'master key': { DAVENPORT_ENCRYPTION_KEY_FILE: master },
    recipient: { DAVENPORT_ENCRYPTION_RECIPIENTS: recipient, DAVENPORT_ENCRYPTION_IDENTITY_FILE: identity },
  };
  const measured = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [way, settings] of Object.entries(ways)) {
      const own = join(directory, 'data');
      measured[way].push(await measureCycle(own, settings, files));
      await removeDirectory(own);
    }
  }
  for (const way of Object.keys(ways).slice(1)) {
    for (const work of ['backup', 'download', 'restore']) {
      const of = (name) => measured[name].map((one) => one[work]);
      row(`${work} of ${count} documents, ${way}`, ratios(of(way), of('plain')), '-');
    }
  }
}

async function sizeOf(directory) {
  let bytes = 0;
  for (const name of await readdir(directory, { recursive: true })) bytes += (await stat(join(directory, name))).size;
  return bytes;
}

// Many backups of a store in which one document changes each time; most of them go again.
async function measurePrune(directory) {
  const dataDir = join(directory, 'prune');
  const settings = { DAVENPORT_RETENTION_PRESET: 'rules', DAVENPORT_RETENTION_KEEP_LAST: String(backups / 10) };
  const key = await createKey(dataDir, 'manager', settings);
  const service = await Service.start({ dataDir, settings });
  const api = service.api(key);
  try {
    await post(service, key, 'athena_components', await bulkFiles(directory, 0, 10_000, 370), directory);
    const ids = [];
    for (let i = 0; i < backups; i += 1) {
      await api.bulkWrite('athena_sessions', [{ _id: `session ${i}`, number: i }]);
      ids.push((await api.backup()).id ?? (await api.expect(200, 'GET', '/ak/api/v3/backups')).json.ids.at(-1));
    }
    const removed = ids.slice(0, 10);
    const single = await timed(async () => {
      for (const id of removed) await api.expect(200, 'DELETE', `/ak/api/v3/backups/${id}`);
    }) / removed.length;
    const before = await sizeOf(join(dataDir, 'vault'));
    const planned = await timed(() => api.expect(200, 'GET', '/ak/api/v3/retention'));
    const pruned = await timed(() => must(['prune', '--url', service.url, '--key', `${key.api_key}:${key.api_secret}`]));
    const rest = (await api.expect(200, 'GET', '/ak/api/v3/backups')).json.ids.length;
    const gone = backups - removed.length - rest;
    row(`prune of ${gone} of ${backups - removed.length} backups`,
      `${pruned.toFixed(2)} s, ${(pruned / gone / single).toFixed(2)} x removing each by itself (${(single * 1e3).toFixed(0)} ms)`, '-');
    row('its plan', `${(planned * 1e3).toFixed(0)} ms`, '-');
    row('space given back', `${((before - await sizeOf(join(dataDir, 'vault'))) / 2 ** 20).toFixed(1)} MiB`, '-');
  } finally {
    api.close();
    await service.stop();
  }
}

const directory = await temporaryDirectory();
try {
  await measureEncryption(directory);
  await measurePrune(directory);
} finally {
  await removeDirectory(directory);
}
