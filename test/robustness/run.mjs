// Random actions against a running service, each step compared with a model in memory: edits,
// conflicts, attachments, backups, restores, removals, prunes, rotated keys, flipped bits, full
// disks, kills, restarts.
//
//   node run.mjs [--minutes N | --seconds N] [--seed S] [--steps N] [--keep]
//
// The seed repeats the choices (not the moments of kills). DAVENPORT_FULL_DISK_LIBRARY names the
// library made of full_disk.cpp; without it disks do not fill up.
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { must, removeDirectory, run as runCommand, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { Random } from '../../scripts/lib/random.mjs';
import { actions, interruptible, keepLast, pickAction, Refused } from './actions.mjs';
import { check } from './check.mjs';
import { refreshDamage } from './damage.mjs';
import { Model } from './model.mjs';
import { World } from './service.mjs';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' }, seconds: { type: 'string' }, steps: { type: 'string' },
    seed: { type: 'string' }, keep: { type: 'boolean' },
  },
});
const seed = Number(options.seed ?? Date.now() % 1_000_000);
const runMs = options.seconds ? Number(options.seconds) * 1000 : Number(options.minutes ?? 1) * 60_000;
const mostSteps = Number(options.steps ?? Infinity);

const random = new Random(seed);
const directory = await temporaryDirectory();
const counts = new Map();
const count = (what, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by);

class Run extends World {
  model = new Model();
  random = random;

  get world() {
    return this;
  }
}
const run = new Run({
  dataDir: join(directory, 'data'),
  diskFile: process.env.DAVENPORT_FULL_DISK_LIBRARY ? join(directory, 'space') : undefined,
  settings: {
    // Few segments a backup: compactions are frequent. Half of the runs keep every leaf.
    DAVENPORT_BACKUP_MAX_SEGMENTS: '2',
    DAVENPORT_RETENTION_PRESET: 'rules',
    DAVENPORT_RETENTION_KEEP_LAST: String(keepLast),
    DAVENPORT_BACKUP_REVISIONS: random.chance(0.5) ? 'leaves' : 'winners',
  },
});

const isBrokenConnection = (error) =>
  ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(error.code) || /socket hang up|was cut off/.test(error.message);

// Something of ours stands in the way: then an error is an answer, too.
const isExpected = (error, hindered) => error instanceof Refused && hindered;

async function act(action, { killed = false, full = false } = {}) {
  try {
    await action.run(run);
    run.model.intent = undefined;
  } catch (error) {
    if (killed && isBrokenConnection(error)) return count('interrupted');
    if (!isExpected(error, full || killed || run.model.damage.length > 0)) throw error;
    count('refused');
  }
  return undefined;
}

// kill -9 in the middle of an action, and now and then in the middle of starting again.
async function kill() {
  const action = pickAction(random, interruptible);
  const work = act(action, { killed: true });
  work.catch(() => {});  // looked at below
  await sleep(random.fraction() * 40);
  await run.kill();
  await work;
  count('kills');
  await run.start();
  while (random.chance(0.2)) {
    await sleep(random.fraction() * 60);
    await run.kill();
    count('kills');
    await run.start();
  }
  return `${action.name}, killed`;
}

async function restart() {
  await run.stop();
  await run.start();
  return 'restart';
}

// A new master key. The rewrapping may be killed, and is then asked for again.
async function rotateKeys() {
  await refreshDamage(run.model);
  if (!run.settings.DAVENPORT_ENCRYPTION_KEY_FILE || run.model.damage.length > 0) return 'rotate keys: not now';
  const old = run.settings.DAVENPORT_ENCRYPTION_KEY_FILE;
  const fresh = join(directory, `key-${run.model.nextNumber()}`);
  await must(['encryption', 'generate', fresh]);
  await run.stop();
  run.settings = { ...run.settings, DAVENPORT_ENCRYPTION_KEY_FILE: fresh, DAVENPORT_ENCRYPTION_OLD_KEY_FILES: old };
  if (random.chance(0.5)) await run.start();  // on a living service, or without one
  const rotate = ['encryption', 'rotate', '--data', run.dataDir];
  if (random.chance(0.5)) {
    await runCommand(rotate, { settings: run.settings, timeoutMs: 1 + random.between(0, 60) });
    count('kills');
  }
  await must(rotate, { settings: run.settings });
  if (run.running) await run.stop();
  const { DAVENPORT_ENCRYPTION_OLD_KEY_FILES: gone, ...settings } = run.settings;
  run.settings = settings;
  await run.start();
  return 'rotate keys';
}

// The disk fills up in the middle of an action, and has room again afterwards.
async function fillDisk() {
  const action = pickAction(random, interruptible);
  await run.setSpace(random.chance(0.3) ? 0 : random.between(1, 60_000));
  try {
    // What waits for a job may wait until there is room again.
    const roomAgain = sleep(400 + random.fraction() * 600).then(() => run.setSpace(undefined));
    await act(action, { full: true });
    await roomAgain;
  } finally {
    await run.setSpace(undefined);
  }
  count('full disks');
  return `${action.name} on a full disk`;
}

// Nobody but who has the private key reads what is encrypted for recipients.
const encryption = random.pick(['none', 'a master key', 'recipients']);
const events = [
  ...actions.map((action) => ({ ...action, run: async () => { await act(action); return action.name; } })),
  { name: 'kill', weight: 5, run: kill },
  { name: 'restart', weight: 2, run: restart },
  ...(encryption === 'a master key' ? [{ name: 'rotate keys', weight: 2, run: rotateKeys }] : []),
  ...(run.diskFile ? [{ name: 'fill the disk', weight: 3, run: fillDisk }] : []),
];

const recent = [];
let steps = 0;
console.log(`seed ${seed}, ${run.settings.DAVENPORT_BACKUP_REVISIONS}${encryption === 'none' ? '' : `, encrypted for ${encryption}`}${run.diskFile ? '' : ', disks do not fill up'}`);
const begun = Date.now();
try {
  if (encryption === 'recipients') {
    run.identityFile = join(directory, 'identity');
    const { stdout } = await must(['encryption', 'generate', '--recipient', run.identityFile]);
    run.settings.DAVENPORT_ENCRYPTION_RECIPIENTS = stdout.trim();
  } else if (encryption === 'a master key') {
    run.settings.DAVENPORT_ENCRYPTION_KEY_FILE = join(directory, 'key-0');
    await must(['encryption', 'generate', run.settings.DAVENPORT_ENCRYPTION_KEY_FILE]);
  }
  await run.create();
  for (const database of run.model.documents.keys()) await run.api.put(`/couchdb/${database}`);
  while (Date.now() - begun < runMs && steps < mostSteps) {
    const event = pickAction(random, events);
    recent.push(event.name);
    if (recent.length > 30) recent.shift();
    const what = await event.run();
    recent[recent.length - 1] = what;
    steps += 1;
    count(event.name);
    count('broken backups reported', await check(run));
    count('backups read', run.toRead(run.model.backups).length);
  }
  await run.stop();
  const { sound } = run.model.damage.length > 0 ? { sound: true } : await run.verifyOutside();
  if (!sound) throw new Error('the vault is not sound in the end');
  const figures = [...counts].map(([what, number]) => `${what} ${number}`).join(', ');
  console.log(`${steps} steps in ${Math.round((Date.now() - begun) / 1000)} s: ${figures}`);
} catch (error) {
  console.error(`step ${steps + 1} (seed ${seed}): ${error.stack}`);
  console.error(`the last steps: ${recent.join('; ')}`);
  console.error(`damage: ${run.model.damage.map(({ blob, offset, bit }) => `${blob} byte ${offset} bit ${bit}`).join('; ') || 'none'}`);
  console.error(`the service's log ends with:\n${run.service?.log.slice(-3000)}`);
  process.exitCode = 1;
  await run.kill().catch(() => {});
} finally {
  if (options.keep || process.exitCode) console.error(`the data is in ${directory}`);
  if (!options.keep && !process.exitCode) await removeDirectory(directory);
}
process.exit();
