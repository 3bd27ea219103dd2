// What benchmarks of a running service share: documents, ways to send and fetch them fast, rows.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
export const perRequest = 2_000;

export const row = (work, figure, target) => console.log(`${work.padEnd(44)} ${figure.padEnd(60)} target ${target}`);
export const seconds = (since) => (performance.now() - since) / 1000;

// A console-like document of about `bytes` bytes, the same for the same number.
function documentText(number, bytes) {
  let state = (number * 2654435761) >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(16).padStart(8, '0');
  };
  const head = `{"_id":"peer${String(number).padStart(10, '0')}","type":"fabric-peer","msp_id":"org${number % 37}msp",`
    + `"api_url":"https://n${number % 500}-peer.example.com:7051","timestamp":${1592924104038 + number},"cert":"`;
  let certificate = '';
  while (head.length + certificate.length + 2 < bytes) certificate += random();
  return `${head}${certificate.slice(0, Math.max(0, bytes - head.length - 2))}"}`;
}

// Ready-made request bodies, so that making them costs nothing while the clock runs.
export async function bulkFiles(directory, from, to, bytes) {
  const files = [];
  for (let begin = from; begin < to; begin += perRequest) {
    const texts = [];
    for (let i = begin; i < Math.min(begin + perRequest, to); ++i) texts.push(documentText(i, bytes));
    const file = join(directory, `bulk-${begin}.json`);
    await writeFile(file, `{"docs":[${texts.join(',')}]}`);
    files.push(file);
  }
  return files;
}

// One curl process, one connection, request after request.
export async function post(service, key, database, files, directory) {
  const config = files.map((file) => [
    `url = "${service.url}/couchdb/${database}/_bulk_docs"`, 'request = POST', `data-binary = "@${file}"`,
    'header = "Content-Type: application/json"', 'header = "Expect:"', `user = "${key.api_key}:${key.api_secret}"`,
    'output = "/dev/null"', 'fail', 'silent', 'show-error',
  ].join('\n')).join('\nnext\n');
  const path = join(directory, 'curl.conf');
  await writeFile(path, config);
  const since = performance.now();
  await execute('curl', ['-K', path], { maxBuffer: 1 << 24 });
  return seconds(since);
}

export async function memory(service) {
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024);
}

export async function download(service, key, id, to) {
  const { stdout } = await execute('curl', ['-s', '-f', '-o', to, '-w', '%{size_download} %{time_total}',
    '-u', `${key.api_key}:${key.api_secret}`, `${service.url}/ak/api/v3/backups/${id}`]);
  const [size, time] = stdout.split(' ').map(Number);
  return { size, time };
}
