// The demo: a day with the console's databases. Starts a service of its own on a fresh directory,
// and ends with exit code 1 when anything is not as it should be.
//
//   scripts/demo [--seed N] [--keep]    --keep leaves the data directory for a look
import { stat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sameContent } from './canonical_json.mjs';
import { consoleDocuments, expectedWhitelist, settingsId } from './console_documents.mjs';
import { showTheChat } from './demo_chat.mjs';
import { showADrill } from './demo_drill.mjs';
import { createKey, must, removeDirectory, Service, temporaryDirectory } from './davenport.mjs';
import { signatureFault, WebhookListener } from './webhook_listener.mjs';

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const seed = process.argv.includes('--seed') ? Number(argument('--seed')) : 1;
const keep = process.argv.includes('--keep');
const deployerUrl = 'https://deployer.trade.example:8443/api/v3';
const signingSecret = `whsec_${Buffer.from('the demo listens to its own hooks').toString('base64')}`;
const settings = {
  DAVENPORT_WEBHOOKS_ALLOW: '127.0.0.1',
  DAVENPORT_WEBHOOKS_SIGNING_SECRET: signingSecret,
  DAVENPORT_CONSOLE_DEPLOYER_URL: deployerUrl,
  DAVENPORT_CHAT_MAX_EXPORT_DAYS: '0',
};

let step = 0;
let faults = 0;
const tell = (text) => {
  step += 1;
  console.log(`${String(step).padStart(2)}. ${text}`);
};
// What must hold. A fault is told at once; the demo goes on, so that all of them are seen.
const expectThat = (condition, fault) => {
  if (condition) return;
  faults += 1;
  console.error(`    DIFFERS: ${fault}`);
};
const timed = async (work) => {
  const begun = performance.now();
  const result = await work();
  return [result, `${Math.round(performance.now() - begun)} ms`];
};

async function sizeOf(directory) {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory() ? await sizeOf(path) : (await stat(path)).size;
  }
  return bytes;
}
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

// Every document of every database with the bytes of its attachments.
async function readEverything(api, databases) {
  const state = new Map();
  for (const database of databases) {
    const documents = await api.allDocuments(database);
    for (const document of documents.values()) {
      for (const [name, entry] of Object.entries(document._attachments ?? {})) {
        entry.bytes = (await api.attachment(database, document._id, name)).toString('base64');
      }
    }
    state.set(database, documents);
  }
  return state;
}

async function edit(api, database, id, change) {
  const document = await api.document(database, id);
  const [outcome] = await api.bulkWrite(database, [change(document)]);
  if (!outcome.ok) throw new Error(`cannot edit ${id}: ${JSON.stringify(outcome)}`);
}

// Overwrites and deletes documents; gives the ids by what happened to them.
async function damage(api, before) {
  const ids = [...before.get('athena_components').keys()].filter((id) => !id.startsWith('_design/'));
  const damaged = ids.slice(0, 20);
  const deleted = ids.slice(20, 50);
  for (const id of damaged) {
    await edit(api, 'athena_components', id, ({ _id, _rev }) => ({ _id, _rev, broken: true }));
  }
  for (const id of deleted) {
    await edit(api, 'athena_components', id, ({ _id, _rev }) => ({ _id, _rev, _deleted: true }));
  }
  await edit(api, 'athena_system', 'notification_0000', ({ _id, _rev }) => ({ _id, _rev, message: 'overwritten' }));
  await edit(api, 'athena_system', settingsId, (document) => ({ ...document, app_name: 'my own name' }));
  return { damaged, deleted, skipped: [damaged[3], damaged[4], deleted[0]] };
}

function compareDocuments(before, after, skipped) {
  let same = 0;
  for (const [database, documents] of before) {
    for (const [id, expected] of documents) {
      if (skipped.includes(id) || id === settingsId) continue;
      const found = after.get(database).get(id);
      const equal = found !== undefined && sameContent(found, expected)
        && Object.entries(expected._attachments ?? {}).every(([name, { bytes }]) => found._attachments?.[name]?.bytes === bytes);
      if (equal) same += 1;
      expectThat(equal, `${database}/${id}`);
    }
    for (const id of after.get(database).keys()) expectThat(documents.has(id), `${database}/${id} should not be there`);
  }
  return same;
}

async function showTheProduct(dataDir, listener) {
  const documents = consoleDocuments(seed);
  const databases = Object.keys(documents);
  const key = await createKey(dataDir, 'manager', settings);
  const [service, startTime] = await timed(() => Service.start({ dataDir, settings }));
  try {
    const api = service.api(key);
    tell(`The service listens on ${service.url}, started in ${startTime}.`);

    const [, loadTime] = await timed(async () => {
      for (const database of databases) {
        for (const outcome of await api.bulkWrite(database, documents[database])) {
          expectThat(outcome.ok, `loading ${database}/${outcome.id}: ${outcome.reason}`);
        }
      }
    });
    const before = await readEverything(api, databases);
    const loaded = databases.map((name) => `${before.get(name).size} ${name.replace('athena_', '')}`).join(', ');
    tell(`Loaded ${loaded} documents (seed ${seed}) through /couchdb/ in ${loadTime}.`);

    const [first, firstTime] = await timed(() => api.backup());
    const sizeBefore = await sizeOf(join(dataDir, 'vault'));
    const sessions = [...before.get('athena_sessions').values()].filter(({ type }) => type === 'session_athena').length;
    expectThat(!first.error && first.doc_count === [...before.values()].reduce((sum, { size }) => sum + size, 0) - sessions,
      `the backup holds ${first.doc_count} documents: ${first.error ?? ''}`);
    tell(`Backup ${first.id}: ${first.doc_count} documents in ${firstTime}, ${kilobytes(sizeBefore)} on disk; ${sessions} login sessions are left out on purpose.`);

    const text = 'local storage of the console, as its user wants to keep it';
    await api.expect(200, 'PUT', `/ak/api/v3/backups/${first.id}/attachments/local-storage`, { attachment: text });
    const [whole, readTime] = await timed(async () => (await api.expect(200, 'GET', `/ak/api/v3/backups/${first.id}`)).json);
    expectThat(whole._attachments['local-storage'] === Buffer.from(text).toString('base64'), 'the appended attachment');
    tell(`Appended "local-storage" (${text.length} bytes) to it and read the whole backup doc back in ${readTime}.`);

    const { damaged, deleted, skipped } = await damage(api, before);
    tell(`Damaged ${damaged.length} components, deleted ${deleted.length}, overwrote a notification (its attachments are gone) and edited the settings.`);

    const query = `?skip_components=${encodeURIComponent(JSON.stringify(skipped))}&skip_system="['${settingsId}']"`;
    const { dbs } = (await api.expect(200, 'PUT', `/ak/api/v3/backups/${first.id}${query}&dry_run=true`)).json;
    const { created, changed, skipped: toSkip } = dbs.athena_components;
    expectThat(created === deleted.length - 1 && changed === damaged.length - 2 && toSkip === 3, `the dry run says ${JSON.stringify(dbs)}`);
    tell(`A dry run would create ${created} components, change ${changed} and skip ${toSkip}.`);

    const [transaction, restoreTime] = await timed(async () => {
      const { url } = (await api.expect(202, 'PUT', `/ak/api/v3/backups/${first.id}${query}`, { client_webhook_url: `${listener.url}/restored?by=demo` })).json;
      return api.waitForTransaction(url);
    });
    expectThat(transaction.status === 'success', `the restore ended as ${transaction.status}: ${transaction.message}`);
    tell(`Restored without ${skipped.join(', ')} in ${restoreTime}: ${transaction.status}.`);

    const [hook] = await listener.received(1);
    const fault = signatureFault(hook, signingSecret);
    expectThat(!fault, fault);
    expectThat(hook.url === '/restored?by=demo' && JSON.parse(hook.text).tx_id === transaction.tx_id, 'the webhook tells of another transaction');
    tell(`The webhook came to ${hook.url} and its signature fits (webhook-id ${hook.headers['webhook-id']}).`);

    const after = await readEverything(api, databases);
    const same = compareDocuments(before, after, skipped);
    tell(`Compared every document with its attachments: ${same} are as before the damage.`);

    const [brokenOne, brokenTwo, stillGone] = skipped.map((id) => after.get('athena_components').get(id));
    expectThat(brokenOne.broken && brokenTwo.broken && stillGone === undefined, 'a skipped document was restored');
    expectThat(after.get('athena_system').get(settingsId).app_name === 'my own name', 'the skipped settings were restored');
    tell(`The ${skipped.length} skipped components and the settings are as the damage left them.`);

    const list = after.get('athena_system').get(settingsId).url_safe_list;
    const expected = expectedWhitelist([...after.get('athena_components').values()], deployerUrl);
    expectThat(JSON.stringify(list) === JSON.stringify(expected), `the whitelist has ${list.length} entries instead of ${expected.length}`);
    tell(`The whitelist was rebuilt: ${list.length} addresses, from ${list[0]} to ${list.at(-1)}.`);

    const [second, secondTime] = await timed(() => api.backup());
    const grown = await sizeOf(join(dataDir, 'vault')) - sizeBefore;
    expectThat(!second.error, second.error);
    tell(`A second backup holds ${second.doc_count} documents, took ${secondTime} and ${kilobytes(grown)} more: only what changed.`);

    const [verified, verifyTime] = await timed(() => must(['verify', '--json', '--data', dataDir], { settings }));
    const verification = JSON.parse(verified.stdout);
    expectThat(verification.sound, verified.stdout);
    tell(`verify re-read ${verification.backups} backups in ${verifyTime}: ${verification.sound ? 'sound' : 'NOT SOUND'}.`);
    await showTheChat({ service, settings, listener, signingSecret, tell, expectThat, timed });
    await showADrill({ dataDir, settings, tell, expectThat, timed });
    api.close();
  } finally {
    const code = await service.stop();
    expectThat(code === 0, `the service ended with ${code}`);
  }
  tell('The service was told to stop, finished its work and ended.');
}

const dataDir = await temporaryDirectory();
const listener = await WebhookListener.start();
try {
  await showTheProduct(dataDir, listener);
} catch (error) {
  faults += 1;
  console.error(`    FAILED: ${error.stack}`);
} finally {
  await listener.stop();
  if (keep) console.log(`The data is in ${dataDir}.`);
  else await removeDirectory(dataDir);
}
console.log(faults === 0 ? 'Everything is as it should be.' : `${faults} things are not as they should be.`);
process.exitCode = faults === 0 ? 0 : 1;
