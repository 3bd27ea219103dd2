// Measures backups from a CouchDB and restores into it, and prints each figure beside its yardstick
// on the same server:
//
//   COUCHDB=http://USER:PASSWORD@HOST:PORT node couchdb_bench.mjs [documents, default 100000]
//
// The server's athena_* and davenport_control databases are dropped. COUCHBACKUP names the directory
// of the npm package @cloudant/couchbackup; without it its figures are left out.
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKey, removeDirectory, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';

const server = new URL(process.env.COUCHDB);
const [user, password] = [server.username, server.password].map(decodeURIComponent);
const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const count = Number(process.argv[2] ?? 100_000);
const rounds = 3;
const perRequest = 2_000;
const databases = ['athena_components', 'athena_sessions', 'athena_system'];

const seconds = (since) => (performance.now() - since) / 1000;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const row = (work, figure, target) => console.log(`${work.padEnd(34)} ${figure.padEnd(78)} target ${target}`);

async function call(method, path, body) {
  const response = await fetch(server.origin + path, {
    method,
    headers: { Authorization: authorization, 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok && response.status !== 404) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

async function emptyDatabases(names) {
  for (const name of names) {
    await call('DELETE', `/${name}`);
    await call('PUT', `/${name}`);
  }
}

function documentOf(number, edit) {
  let state = (number * 2654435761 + edit * 40503) >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(16).padStart(8, '0');
  };
  const text = Array.from({ length: 32 }, random).join('');
  return { _id: `peer${String(number).padStart(10, '0')}`, type: 'fabric-peer', msp_id: `org${number % 37}msp`,
    api_url: `https://n${number % 500}-peer.example.com:7051`, timestamp: 1592924104038 + number, edit, cert: text.slice(0, 256) };
}

// A plain client: ready-made bodies, one request after the other. Gives the seconds of the requests.
async function post(name, numbers) {
  let spent = 0;
  for (let begin = 0; begin < numbers.length; begin += perRequest) {
    const body = { docs: numbers.slice(begin, begin + perRequest).map((number) => documentOf(number, 0)) };
    const since = performance.now();
    const outcomes = await call('POST', `/${name}/_bulk_docs`, body);
    spent += seconds(since);
    if (outcomes.some(({ error }) => error)) throw new Error('a document was refused');
  }
  return spent;
}

async function change(name, share) {
  const step = Math.floor(1 / share);
  for (let begin = 0; begin < count; begin += step * perRequest) {
    const keys = [];
    for (let i = begin; i < Math.min(count, begin + step * perRequest); i += step) keys.push(documentOf(i, 0)._id);
    const { rows } = await call('POST', `/${name}/_all_docs`, { keys });
    await call('POST', `/${name}/_bulk_docs`, {
      docs: rows.map(({ id, value }) => ({ ...documentOf(Number(id.slice(4)), 1), _rev: value.rev })),
    });
  }
}

async function command(program, args, { from, to } = {}) {
  const since = performance.now();
  const child = spawn(program, args, { stdio: [from ? 'pipe' : 'ignore', to ? 'pipe' : 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => { errors += text; });
  if (from) createReadStream(from).pipe(child.stdin);
  if (to) child.stdout.pipe(createWriteStream(to));
  const code = await new Promise((resolve) => { child.on('close', resolve); });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors}`);
  return seconds(since);
}

// Every look costs the server some requests: not more often than a user would.
async function ended(look, isOver) {
  for (;;) {
    await sleep(100);
    const seen = await look();
    if (isOver(seen)) return seen;
  }
}

const couchbackup = (name) => join(process.env.COUCHBACKUP, 'bin', `${name}.bin.js`);
const withCredentials = `${server.protocol}//${encodeURIComponent(user)}:${encodeURIComponent(password)}@${server.host}`;

async function peakMib(service) {
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024);
}

const directory = await temporaryDirectory();
const settings = {
  DAVENPORT_DATABASES_COUCHDB_URL: server.origin,
  DAVENPORT_DATABASES_COUCHDB_USER: user,
  DAVENPORT_DATABASES_COUCHDB_PASSWORD: password,
};
const times = { post: [], curl: [], first: [], peer: [], next: [], restore: [], peerRestore: [] };
const all = Array.from({ length: count }, (_, i) => i);
let service;
try {
  let peak = 0;
  for (let round = 0; round < rounds; round += 1) {
    await call('DELETE', '/davenport_control');
    await emptyDatabases(databases);
    times.post.push(await post('athena_components', all));
    await command('curl', ['-sf', '-o', '/dev/null', '-u', `${user}:${password}`, `${server.origin}/athena_components/_all_docs?include_docs=true`]);

    const dataDir = join(directory, `data-${round}`);
    const key = await createKey(dataDir, 'manager', settings);
    service = await Service.start({ dataDir, settings });
    const api = service.api(key);
    const timed = async (work) => {
      const since = performance.now();
      await work();
      return seconds(since);
    };
    const backUp = async () => {
      const { id } = await api.startBackup();
      const doc = await ended(async () => (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}?docs=false`)).json, (seen) => !seen.in_progress);
      if (doc.error || doc.doc_count !== count) throw new Error(doc.error ?? `${doc.doc_count} documents`);
      backUp.id = doc.id;
    };
    times.curl.push(await command('curl', ['-sf', '-o', join(directory, 'all'), '-u', `${user}:${password}`, `${server.origin}/athena_components/_all_docs?include_docs=true`]));
    times.first.push(await timed(backUp));
    if (process.env.COUCHBACKUP) {
      times.peer.push(await command(process.execPath, [couchbackup('couchbackup'), '--url', withCredentials, '--db', 'athena_components', '--log', join(directory, `log-${round}`), '--quiet'], { to: join(directory, 'peer') }));
    }
    await change('athena_components', 0.01);
    times.next.push(await timed(backUp));

    await emptyDatabases(['athena_components']);
    times.restore.push(await timed(async () => {
      const { json } = await api.expect(202, 'PUT', `/ak/api/v3/backups/${backUp.id}`);
      const path = new URL(json.url).pathname;
      const transaction = await ended(async () => (await api.expect(200, 'GET', path)).json, ({ status }) => status !== 'pending');
      if (transaction.status !== 'success') throw new Error(transaction.message);
    }));
    const { doc_count: restored } = await call('GET', '/athena_components');
    if (restored !== count) throw new Error(`${restored} documents were restored`);
    peak = Math.max(peak, await peakMib(service));
    if (process.env.COUCHBACKUP) {
      await emptyDatabases(['athena_components']);
      times.peerRestore.push(await command(process.execPath, [couchbackup('couchrestore'), '--url', withCredentials, '--db', 'athena_components', '--quiet'], { from: join(directory, 'peer') }));
    }
    api.close();
    await service.stop();
    service = undefined;
  }
  const of = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, values.length ? median(values) : NaN]));
  const ratio = (a, b) => (a / b).toFixed(2);
  row(`backup of ${count} documents`, `${of.first.toFixed(2)} s, ${ratio(of.first, of.curl)} x curl of _all_docs (${of.curl.toFixed(2)} s), ${ratio(of.first, of.peer)} x couchbackup (${of.peer.toFixed(2)} s)`, '1.2, 0.6');
  row('next backup, 1 % changed', `${of.next.toFixed(2)} s, ${ratio(of.next, of.peer)} x couchbackup`, '0.05');
  row('restore into an empty database', `${of.restore.toFixed(2)} s, ${ratio(of.restore, of.post)} x a plain client's _bulk_docs (${of.post.toFixed(2)} s), ${ratio(of.restore, of.peerRestore)} x couchrestore (${of.peerRestore.toFixed(2)} s)`, '1.2, 0.8');
  row('peak memory of the service', `${peak} MiB`, '128 MiB');
} finally {
  await service?.stop();
  await removeDirectory(directory);
}
