// Kills the service with SIGKILL at random moments of backups, restores, uploads, compactions,
// deletions and plain writes, starts it again, and checks that it kept everything it had promised.
//
//   DAVENPORT_KILL_ROUNDS   how many rounds (default 50)
//   DAVENPORT_KILL_SEED     repeats the random choices of an earlier run (not its timing)
import { setTimeout as sleep } from 'node:timers/promises';
import { createKey, eventually, removeDirectory, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { Random } from '../../scripts/lib/random.mjs';
import { chosenEncryption } from '../clients/lib/encryption.mjs';
import { WebhookListener } from '../../scripts/lib/webhook_listener.mjs';
import { Actions } from './actions.mjs';
import { checkPromises } from './check_promises.mjs';
import { Model } from './model.mjs';

const rounds = Number(process.env.DAVENPORT_KILL_ROUNDS ?? 50);
const seed = Number(process.env.DAVENPORT_KILL_SEED ?? Date.now() % 1_000_000);
const longestRunMs = 20 * 60_000;
const mostBackups = 10;

const random = new Random(seed);
const model = new Model();
const dataDir = await temporaryDirectory();
const listener = await WebhookListener.start();
const settings = {
  DAVENPORT_WEBHOOKS_ALLOW: '127.0.0.1',
  DAVENPORT_WEBHOOKS_FIRST_RETRY_MS: '100',
  // Few segments a backup, so that small edits make compactions frequent.
  DAVENPORT_BACKUP_MAX_SEGMENTS: '3',
  ...chosenEncryption,
};
const actions = new Actions({ model, random, webhookUrl: `${listener.url}/done` });

// What the kill interrupts, and how long after its beginning the kill may come.
const targets = [
  ['backup', (api) => actions.backup(api), 60],
  ['compaction', async (api) => { for (;;) { await actions.edit(api); await actions.backup(api); } }, 400],
  ['restore by id', (api) => actions.restoreById(api), 120],
  ['upload', (api) => actions.restoreUpload(api), 200],
  ['deletion', (api) => actions.deleteBackup(api), 15],
  ['append', (api) => actions.append(api), 15],
  ['writes', async (api) => { for (;;) await actions.edit(api); }, 100],
];

// Errors of a connection whose other end was killed are expected; a broken promise is not.
const isBrokenConnection = (error) =>
  ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(error.code) || /socket hang up|was cut off/.test(error.message);

async function untilTheKill(work) {
  try {
    await work;
  } catch (error) {
    if (!isBrokenConnection(error)) throw error;
  }
}

async function start(key) {
  const service = await Service.start({ dataDir, settings });
  return { service, api: service.api(key) };
}

async function round(running, [, target, window]) {
  const { service, api } = running;
  while (model.backups.size > mostBackups) await actions.deleteBackup(api);
  for (let count = random.between(0, 2); count > 0; count -= 1) {
    await actions.edit(api);
    await actions.backup(api);
  }
  let stopped = false;
  const writers = [1, 2].map((writer) => untilTheKill(actions.writeJournal(api, writer, () => stopped)));
  const work = Promise.all([untilTheKill(target(api)), ...writers]);
  work.catch(() => {});  // looked at below, after the kill
  const delay = random.fraction() * window;
  await sleep(delay);
  await service.kill();
  stopped = true;
  await work;
  api.close();
  return delay;
}

// Now and then the recovery itself is killed.
async function recover(key) {
  for (model.kills = 1; ; model.kills += 1) {
    const running = await start(key);
    if (!random.chance(0.2)) return running;
    await sleep(random.fraction() * 100);
    await running.service.kill();
    running.api.close();
  }
}

console.log(`seed ${seed}, ${rounds} rounds`);
const begun = Date.now();
let running;
let done = 0;
try {
  const key = await createKey(dataDir, 'manager', settings);
  running = await start(key);
  await actions.restoreUpload(running.api);
  for (let number = 1; number <= rounds; number += 1) {
    if (Date.now() - begun > longestRunMs) throw new Error(`only ${done} of ${rounds} rounds fitted into the time`);
    const target = number <= targets.length ? targets[number - 1] : random.pick(targets);
    const delay = await round(running, target);
    running = await recover(key);
    const seen = await checkPromises(running.service, running.api, model, random);
    done += 1;
    const again = model.kills > 1 ? ` and ${model.kills - 1} times more while starting` : '';
    console.log(`round ${number}: killed in ${target[0]} after ${delay.toFixed(1)} ms${again}; ${seen}`);
  }
  await eventually('every accepted restore has told its webhook', () => {
    const told = new Set(listener.requests.map(({ text }) => JSON.parse(text).tx_id));
    return [...model.hooked].every((id) => told.has(id));
  }, { timeoutMs: 90_000 });
  console.log(`${done} kills survived in ${Math.round((Date.now() - begun) / 1000)} s, ${model.hooked.size} webhooks told`);
} catch (error) {
  console.error(`after ${done} rounds (seed ${seed}): ${error.stack}`);
  if (running) console.error(`the service's log ends with:\n${running.service.log.slice(-4000)}`);
  process.exitCode = 1;
} finally {
  await running?.service.kill();
  await listener.stop();
  if (process.exitCode && process.env.DAVENPORT_KILL_KEEP) console.error(`the data is in ${dataDir}`);
  else await removeDirectory(dataDir);
}
