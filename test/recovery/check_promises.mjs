// Compares a service that has just been started after a kill with everything it had promised.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, must } from '../../scripts/lib/davenport.mjs';
import { databases, valueOf } from './model.mjs';

const ids = async (api) => (await api.expect(200, 'GET', '/ak/api/v3/backups')).json.ids;
const envelope = async (api, id) => (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}?docs=false`)).json;

// Nothing stays in progress for ever.
async function settle(api) {
  await eventually('no transaction is pending', async () => {
    const { webhooks } = (await api.expect(200, 'GET', '/ak/api/v3/webhooks?limit=20')).json;
    return webhooks.every(({ status }) => status !== 'pending');
  });
  await eventually('no backup is in progress', async () => {
    for (const id of await ids(api)) {
      const { status, json } = await api.get(`/ak/api/v3/backups/${id}?docs=false`);
      // A deletion that was accepted before the kill may end between the list and this look.
      if (status === 404) return false;
      if (status !== 200) throw new Error(`backup ${id}: ${status} ${JSON.stringify(json)}`);
      if (json.in_progress) return false;
    }
    return true;
  });
}

async function readValues(api) {
  const found = new Map();
  for (const database of [databases.filler, databases.state]) {
    for (const [id, document] of await api.allDocuments(database)) {
      if (!id.startsWith('_design/')) found.set(`${database}/${id}`, valueOf(document));
    }
  }
  return found;
}

// An interrupted restore ended as success, and then all of it is there; or as an error that says so.
async function checkRestore(api, model) {
  const { webhooks } = (await api.expect(200, 'GET', '/ak/api/v3/webhooks?limit=20')).json;
  const fresh = webhooks.filter(({ tx_id }) => !model.knownTransactions.has(tx_id));
  for (const { tx_id } of fresh) model.knownTransactions.add(tx_id);
  const { restore } = model;
  if (!restore) {
    assert.deepEqual(fresh, [], 'no transaction that nobody asked for');
    return 'none';
  }
  if (restore.url) {
    assert.equal(fresh.length, 1, 'the accepted restore has its transaction');
    assert.equal(fresh[0].tx_id, restore.url.split('/').pop());
  }
  assert.ok(fresh.length <= 1);
  // A kill may fall between the job and its transaction, which the job then makes when it is taken up
  // again: it may have come just now.
  const transaction = fresh[0] && await api.waitForTransaction(fresh[0].tx_id);
  if (transaction?.status === 'success') {
    model.commit(restore.target);
    for (const key of restore.target.keys()) model.maybe.delete(key);
    return 'success';
  }
  if (transaction) {
    assert.equal(transaction.status, 'error');
    assert.ok(transaction.message.length > 0, 'an error says what went wrong');
    // Only a restore that is killed again and again is given up (jobs.max_attempts).
    assert.ok(model.kills >= 5, `${model.kills} kills ended the restore: ${transaction.message}`);
    return `error (${transaction.message})`;
  }
  return 'not accepted';
}

async function checkDocuments(api, model) {
  const found = await readValues(api);
  for (const key of new Set([...model.values.keys(), ...found.keys()])) {
    const allowed = model.allowed(key);
    assert.ok(allowed.has(found.get(key)), `${key} is ${found.get(key)}, not one of ${[...allowed]}`);
  }
  model.values = found;
  model.maybe.clear();
}

function checkJournal(found, model) {
  for (const [id, value] of model.journal) {
    assert.ok(found.has(id), `the acknowledged document ${id} is lost`);
    assert.equal(found.get(id), value);
  }
  for (const [id, value] of found) {
    if (model.journal.has(id)) continue;
    assert.equal(value, model.journalUnsure.get(id), `${id} was never written`);
    model.journal.set(id, value);
  }
  model.journalUnsure.clear();
}

async function checkBackup(api, id, known) {
  const doc = (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}`)).json;
  assert.equal(doc.in_progress, false);
  const documents = Object.values(doc.dbs).flatMap(({ docs }) => docs);
  if (doc.error) {
    assert.equal(documents.length, 0, 'a failed backup never looks complete');
    return false;
  }
  assert.equal(doc.doc_count, documents.length);
  if (!known) return true;
  const values = new Map();
  for (const database of [databases.filler, databases.state]) {
    for (const document of doc.dbs[database].docs) {
      if (!document._id.startsWith('_design/')) values.set(`${database}/${document._id}`, valueOf(document));
    }
  }
  if (known.values) assert.deepEqual(values, known.values, `the documents of ${id}`);
  const journal = new Set(doc.dbs[databases.journal].docs.map(({ _id }) => _id));
  for (const key of known.journal) assert.ok(journal.has(key), `${key} was acknowledged before ${id} began, and is not in it`);
  for (const [name, text] of known.appended) {
    const stored = Buffer.from(doc._attachments[name] ?? '', 'base64').toString();
    assert.ok([text, known.maybeAppended?.get(name)].includes(stored), `${name} of ${id} is "${stored}"`);
  }
  for (const [name, text] of known.maybeAppended ?? []) {
    if (doc._attachments[name] === Buffer.from(text).toString('base64')) known.appended.set(name, text);
  }
  known.maybeAppended = undefined;
  return true;
}

async function checkBackups(api, model, random) {
  const listed = await ids(api);
  for (const id of model.backups.keys()) {
    if (listed.includes(id)) continue;
    assert.ok(model.maybeDeleted.has(id), `the accepted backup ${id} is gone`);
    model.backups.delete(id);
  }
  model.maybeDeleted.clear();
  const complete = [];
  for (const id of listed) {
    const known = model.backups.get(id);
    // New ones are read whole, and some of the older ones; `verify` reads the others.
    const whole = !known?.checked || random.chance(0.25);
    const usable = whole ? await checkBackup(api, id, known) : !(await envelope(api, id)).error;
    if (known) known.checked = true;
    // A backup whose acceptance was never answered: it may be there, then it is whole.
    else model.backups.set(id, { values: undefined, journal: [], appended: new Map(), checked: true });
    model.backups.get(id).usable = usable;
    if (usable) complete.push(id);
  }
  return { listed: listed.length, complete: complete.length };
}

// What an interrupted upload left behind goes, too.
async function checkSpool(dataDir) {
  for (const name of ['spool', 'uploads']) {
    await eventually(`${name} is empty when nothing runs`, async () =>
      (await readdir(join(dataDir, name)).catch(() => [])).length === 0, { timeoutMs: 20_000 });
  }
}

// Throws at the first broken promise. Gives a few words for the round's line.
export async function checkPromises(service, api, model, random) {
  await settle(api);
  const restore = await checkRestore(api, model);
  model.restore = undefined;
  await checkDocuments(api, model);
  checkJournal(new Map([...await api.allDocuments(databases.journal)].map(([id, document]) => [id, valueOf(document)])), model);
  const backups = await checkBackups(api, model, random);
  const verification = JSON.parse((await must(['verify', '--json', '--data', service.dataDir])).stdout);
  assert.equal(verification.sound, true, JSON.stringify(verification));
  await checkSpool(service.dataDir);
  return `restore ${restore}, ${model.journal.size} journal documents, ${backups.complete} of ${backups.listed} backups complete`;
}
