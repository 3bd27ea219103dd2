// Runs the davenport binary: single commands, and a service of one's own on a free port. Used by
// the demo and by the tests under test/clients and test/recovery.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Api } from './api.mjs';

export const binary = process.env.DAVENPORT_BIN
  || fileURLToPath(new URL('../../build/release/src/cli/davenport', import.meta.url));

// The caller's environment without its own DAVENPORT_ variables: the product takes every one of
// them for a setting.
function environment(settings) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('DAVENPORT_'));
  // A backup that comes by itself at one in the morning would be in the way of whoever counts them.
  return { ...Object.fromEntries(own), DAVENPORT_SCHEDULES_BACKUP: '', ...settings };
}

// Runs one command to its end. Never rejects because of the exit code.
export function run(args, { settings = {}, timeoutMs = 120_000, cwd, stdout: into = 'pipe' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env: environment(settings), stdio: ['ignore', into, 'pipe'], cwd });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => { stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

// The same, but anything except exit code 0 is an error.
export async function must(args, options) {
  const result = await run(args, options);
  if (result.code !== 0) {
    throw new Error(`davenport ${args.join(' ')} ended with ${result.code ?? result.signal}: ${result.stderr}`);
  }
  return result;
}

export async function createKey(dataDir, role = 'manager', settings = {}) {
  const { stdout } = await must(['keys', 'create', '--role', role, '--data', dataDir], { settings });
  return JSON.parse(stdout);
}

export const temporaryDirectory = () => mkdtemp(join(tmpdir(), 'davenport-'));

// A running `davenport serve`. `settings` are environment variables for it.
export class Service {
  #child;
  #ended;

  static async start({ dataDir, settings = {}, args = [], startMs = 60_000 }) {
    const service = new Service();
    service.dataDir = dataDir;
    service.log = '';
    const child = spawn(binary, ['serve', '--data', dataDir, '--listen', '127.0.0.1:0', ...args], {
      env: environment(settings),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    service.#child = child;
    service.#ended = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    // A service must not outlive the script that started it.
    const onExit = () => child.kill('SIGKILL');
    process.once('exit', onExit);
    service.#ended.then(() => process.removeListener('exit', onExit));

    child.stderr.setEncoding('utf8').on('data', (text) => {
      service.log = (service.log + text).slice(-64 * 1024);
    });
    let output = '';
    const listening = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output += text;
        const match = /listening on (https?:\/\/\S+)/.exec(output);
        if (match) resolve(match[1]);
      });
      service.#ended.then(({ code, signal }) => {
        reject(new Error(`the service ended (${code ?? signal}) before it listened: ${service.log}`));
      });
    });
    const timeout = new AbortController();
    service.url = await Promise.race([
      listening,
      sleep(startMs, undefined, { signal: timeout.signal }).then(() => {
        child.kill('SIGKILL');
        throw new Error(`the service did not listen within ${startMs} ms: ${service.log}`);
      }),
    ]).finally(() => timeout.abort());
    return service;
  }

  get pid() {
    return this.#child.pid;
  }

  get ended() {
    return this.#ended;
  }

  api(key) {
    return new Api(this.url, key);
  }

  // SIGTERM, as an operator would. Gives the exit code, or the signal when it had to be killed.
  async stop(graceMs = 30_000) {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    const { code, signal } = await this.#ended;
    clearTimeout(timer);
    return code ?? signal;
  }

  // kill -9.
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

export const removeDirectory = (path) => rm(path, { recursive: true, force: true });

// Polls until `probe` gives something true, which is returned.
export async function eventually(what, probe, { timeoutMs = 60_000, everyMs = 15 } = {}) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await probe();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`gave up after ${timeoutMs} ms: ${what}`);
    await sleep(everyMs);
  }
}
