// Measures a chat application from outside and prints each figure beside its yardstick, both from
// this run:  node chat_bench.mjs [comments, default 1000000]
import { execFile } from 'node:child_process';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { ChatClient } from '../../scripts/lib/chat_client.mjs';
import { chatSample } from '../../scripts/lib/chat_sample.mjs';
import { removeDirectory, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';

const execute = promisify(execFile);
const builds = fileURLToPath(new URL('../../build/release/test/bench/', import.meta.url));
const large = Number(process.argv[2] ?? 1_000_000);
const settings = {
  DAVENPORT_CHAT_MAX_EXPORT_DAYS: '0', DAVENPORT_CHAT_MAX_EXPORT_COMMENTS: '0', DAVENPORT_CHAT_MAX_EXPORT_USERS: '0',
  DAVENPORT_CHAT_MAX_EXPORT_ROOMS: '0', DAVENPORT_CHAT_MAX_IMPORT_BYTES: String(1 << 26),
};

const perImport = 11_000;
const row = (work, figure, target) => console.log(`${work.padEnd(48)} ${figure.padEnd(64)} target ${target}`);
const seconds = (since) => (performance.now() - since) / 1000;
const median = (values) => values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)];
const two = (number) => number.toFixed(2);

async function peak(service) {
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024);
}

const database = async (dataDir, name) => {
  const file = (await readdir(join(dataDir, 'databases'))).find((entry) => entry.startsWith(`${name}.`) && entry.endsWith('.db'));
  return join(dataDir, 'databases', file);
};

// Files of rows that stay below the limit of an import.
function* pieces(rows, size = 100_000) {
  for (let begin = 0; begin < rows.length; begin += size) yield JSON.stringify(rows.slice(begin, begin + size));
}

// A service with an application of so many comments; users and rooms as in the sample.
async function filled(comments, sample) {
  const dataDir = await temporaryDirectory();
  let service = await Service.start({ dataDir, settings });
  const chat = await ChatClient.register(service, 'shop', { settings });
  const load = async (type, text) => {
    const { status, errors } = await chat.import(type, text);
    if (status !== 'finished') throw new Error(`import of ${type}: ${errors.Message}`);
  };
  for (const type of ['users', 'rooms']) await load(type, JSON.stringify(sample[type]));
  for (const text of pieces(sample.comments.slice(0, comments))) await load('comments', text);
  await service.stop();
  service = await Service.start({ dataDir, settings });
  return { dataDir, service, chat: new ChatClient(service.url, 'shop', chat.headers['QISCUS-SDK-SECRET']) };
}

async function exportTime(chat) {
  const times = [];
  let history;
  for (let round = 0; round < 3; round += 1) {
    const since = performance.now();
    history = await chat.export('comments');
    times.push(seconds(since));
  }
  return { time: median(times), history };
}

// The same rows from the same file, as sqlite3 writes JSON.
async function sqliteExport(dataDir) {
  const select = 'SELECT json_extract(body, \'$.message\') AS Message, json_extract(body, \'$.disable_link_preview\') AS DisableLinkPreview, '
    + 'json_extract(body, \'$.comment_type\') AS Type, json_extract(body, \'$.unique_id\') AS UniqueId, json_extract(body, \'$.email\') AS CreatorEmail, '
    + 'json_extract(body, \'$.room_unique_id\') AS RoomUniqueId, json_extract(body, \'$.created\') AS CreatedAt, json_extract(body, \'$.payload\') AS Payload, '
    + 'json_extract(body, \'$.parent_unique_id\') AS ParentCommentUniqueId FROM docs WHERE id BETWEEN \'comment:\' AND \'comment;\' ORDER BY id';
  const times = [];
  for (let round = 0; round < 3; round += 1) {
    const since = performance.now();
    await execute('sqlite3', ['-json', '-cmd', `.output ${join(dataDir, 'yardstick.json')}`, await database(dataDir, 'chat_shop'), select]);
    times.push(seconds(since));
  }
  await rm(join(dataDir, 'yardstick.json'));
  return median(times);
}

// How long the newest comments of a room take that has many: of 400 calls, the median in ms.
async function loadTime(chat) {
  const times = [];
  for (let i = 0; i < 400; i += 1) {
    const room = 1 + i % 50;
    const since = performance.now();
    await chat.post('load_comments', { room_id: room });
    times.push(performance.now() - since);
  }
  return median(times);
}

// Replies to comments that are neither there nor in the file become comments of their own.
function importable(rows) {
  const there = new Set(rows.map((one) => one.UniqueId));
  return rows.map((one) => (one.Type === 'text' || there.has(one.ParentCommentUniqueId)
    ? one : { ...one, Type: 'text', Payload: null, ParentCommentUniqueId: '' }));
}

// Imports into an application that has `existing` comments of the sample, beside those of sqlite3
// into a table with the columns and the indexes that the store has for comments, and as many rows.
async function measureImport(chat, sample, existing, directory) {
  const csv = join(directory, 'rows.csv');
  const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
  const numbers = new Map();
  const number = (key) => numbers.get(key) ?? numbers.set(key, numbers.size + 1).get(key);
  const file = join(directory, `yardstick-${existing}.db`);
  let next = 1;
  const yardstick = async (rows) => {
    await writeFile(csv, rows.map((one) => `${[next++, one.UniqueId, number(one.RoomUniqueId), one.CreatorEmail, JSON.stringify(one)].map(quoted).join(',')}\n`).join(''));
    const begun = performance.now();
    await execute('sqlite3', [file, 'PRAGMA journal_mode = WAL', 'PRAGMA synchronous = FULL',
      'CREATE TABLE IF NOT EXISTS comments (id INTEGER PRIMARY KEY, unique_id TEXT UNIQUE, room INTEGER, email TEXT, body TEXT)',
      'CREATE INDEX IF NOT EXISTS by_room ON comments (room, id)', 'CREATE INDEX IF NOT EXISTS by_author ON comments (room, email, id)',
      '.mode csv', `.import ${csv} comments`]);
    return seconds(begun);
  };
  if (existing > 0) await yardstick(sample.comments.slice(0, existing));
  const [ours, theirs] = [[], []];
  let bytes = 0;
  for (let round = 0; round < 5; round += 1) {
    const rows = importable(sample.comments.slice(existing + round * perImport, existing + (round + 1) * perImport));
    const text = JSON.stringify(rows);
    bytes = Buffer.byteLength(text);
    const since = performance.now();
    const history = await chat.import('comments', text);
    ours.push(seconds(since));
    if (history.status !== 'finished') throw new Error(history.errors.Message);
    theirs.push(await yardstick(rows));
  }
  await rm(file);
  const ratios = ours.map((time, i) => time / theirs[i]);
  row(`import of ${perImport} comments, ${(bytes / 1e6).toFixed(1)} MB, beside ${existing}`,
    `${two(median(ours))} s, ${two(median(ratios))} x sqlite3 .import (${ratios.map(two).join(', ')})`, '3');
}

async function measurePosts(service, chat, sample, directory) {
  const script = join(directory, 'post.lua');
  const rooms = sample.rooms.slice(0, 2000).map((room, i) => `{${i + 1},${JSON.stringify(room.ParticipantEmails[0])}}`).join(',');
  const headers = Object.entries(chat.headers).map(([name, value]) => `[${JSON.stringify(name)}]=${JSON.stringify(value)}`).join(',');
  await writeFile(script, `local rooms = {${rooms}}
local n = 0
function request()
  n = n + 1
  local room = rooms[1 + (n * 7) % #rooms]
  return wrk.format("POST", "/api/v2/rest/post_comment", {${headers},["Content-Type"]="application/json"},
    string.format('{"sender_email":"%s","room_id":%d,"message":"hello there, this is message %d"}', room[2], room[1], n))
end
`);
  const { stdout } = await execute('wrk', ['-t1', '-c32', '-d5s', '-s', script, service.url]);
  if (/Non-2xx/.test(stdout)) throw new Error(stdout);
  const ours = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]);
  const plain = Number((await execute(join(builds, 'plain_insert'), ['50000', '450', '32'])).stdout);
  row('post_comment, 32 clients, durable', `${Math.round(ours)}/s, ${two(ours / plain)} x plain SQLite, 32 rows a commit (${Math.round(plain)}/s)`, '0.5');
}

async function inApplication(comments, call) {
  const place = await filled(comments, sample);
  try {
    await call(place);
  } finally {
    await place.service.stop();
    await removeDirectory(place.dataDir);
  }
}

const sample = chatSample({ comments: Math.max(large, 119_963) + 5 * perImport });
const directory = await temporaryDirectory();
try {
  await inApplication(0, ({ chat }) => measureImport(chat, sample, 0, directory));
  const at = {};
  for (const comments of [10_000, 100_000, 119_963, large]) {
    await inApplication(comments, async ({ service, chat, dataDir }) => {
      const { time, history } = await exportTime(chat);
      at[comments] = { time, memory: await peak(service), load: await loadTime(chat) };
      if (comments !== 119_963) return;
      const theirs = await sqliteExport(dataDir);
      row(`export of ${history.total_rows} comments, ${(history.size / 1e6).toFixed(0)} MB`, `${two(time)} s, ${two(time / theirs)} x sqlite3 -json (${two(theirs)} s)`, '2');
      await measureImport(chat, sample, comments, directory);
      await measurePosts(service, chat, sample, directory);
    });
  }
  const [first, last] = [at[100_000], at[large]];
  row(`export of ${large} comments`, `${two(last.time)} s, ${two(last.time / first.time)} x that of 100000 (${two(first.time)} s)`, '10');
  row('peak RSS after exports', `${last.memory} MiB at ${large}, ${first.memory} MiB at 100000`, 'the same');
  row('load_comments, p50', `${two(last.load)} ms at ${large}, ${two(last.load / at[10_000].load)} x that at 10000 (${two(at[10_000].load)} ms)`, '1.5');
} finally {
  await removeDirectory(directory);
}
