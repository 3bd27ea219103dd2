// Compares the service with the model after each step.
import assert from 'node:assert/strict';
import { eventually } from '../../scripts/lib/davenport.mjs';
import { keepLast, observe, Refused, schedules, setPin, waitForPrune } from './actions.mjs';
import { refreshDamage } from './damage.mjs';
import { bringBack } from './history.mjs';
import { databases, expected, fingerprint } from './model.mjs';

const listBackups = async (api) => (await api.expect(200, 'GET', '/ak/api/v3/backups')).json.ids;

// Jobs that a kill or a full disk interrupted go on by themselves, to a good or a bad end.
async function settle(api) {
  await eventually('no restore is pending', async () => {
    const { webhooks } = (await api.expect(200, 'GET', '/ak/api/v3/webhooks?limit=20')).json;
    return webhooks.every(({ status }) => status !== 'pending');
  });
  await eventually('no backup is in progress', async () => {
    for (const id of await listBackups(api)) {
      const reply = await api.get(`/ak/api/v3/backups/${id}?docs=false`);
      if (reply.status === 404) return false;  // its removal has just ended
      if (reply.status === 200 && reply.json.in_progress) return false;
    }
    return true;
  });
  for (const { id } of (await api.expect(200, 'GET', schedules)).json.schedules) {
    if (id === 'default-backup') continue;
    await eventually(`the schedule ${id} has run`, async () => {
      const { last_run: last } = (await api.expect(200, 'GET', `${schedules}/${id}`)).json;
      return last && last.outcome !== 'running';
    });
    await api.expect(200, 'DELETE', `${schedules}/${id}`);
  }
}

// An interrupted action has happened, or not; of documents, each by itself.
async function settleDocuments({ api, model }, changes) {
  const seen = new Map();
  const happened = new Map();
  for (const [changed, value] of changes) {
    const [database, id] = changed.split('/');
    if (!seen.has(database)) seen.set(database, await observe(api, database));
    const found = seen.get(database).get(id);
    const leaves = model.document(database, id);
    if (found?.text === expected(leaves.value) && (found === undefined || leaves.leaves.has(found.revision))) continue;
    if (found?.text !== expected(value)) {
      throw new Error(`${changed} is neither as it was nor as it was to be: ${found?.text}`);
    }
    happened.set(changed, { value, found });
  }
  for (const [changed, { value, found }] of happened) {
    const [database, id] = changed.split('/');
    const leaves = model.document(database, id);
    const others = new Set(found?.conflicts ?? []);
    // Whatever became of the other leaves, they are among those that there were.
    for (const revision of [...leaves.leaves.keys()]) if (!others.has(revision)) leaves.leaves.delete(revision);
    if (found) leaves.leaves.set(found.revision, value);
  }
}

// A removal that was accepted goes on by itself, whenever that is: asking again until it is done
// leaves no doubt.
async function finishRemoval(api, model, id) {
  await eventually(`${id} is removed`, async () =>
    [200, 404].includes((await api.delete(`/ak/api/v3/backups/${id}`)).status), { everyMs: 50 });
  model.backups.delete(id);
}

const finishPin = ({ api, model }, { id, pinned }) =>
  eventually(`${id} is ${pinned ? 'pinned' : 'not pinned'}`, () =>
    setPin({ api, model }, id, pinned).then(() => true, () => false), { everyMs: 50 });

// Another prune runs once the interrupted one is over; while something is damaged it may refuse.
async function finishPrune(api, model, pruned) {
  const id = await eventually('a prune begins', async () =>
    (await api.post('/ak/api/v3/prune')).json.id, { everyMs: 50 });
  const { state, error } = await waitForPrune(api, id);
  assert.ok(state === 'succeeded' || model.damage.length > 0, `${id}: ${error}`);
  const listed = new Set(await listBackups(api));
  for (const gone of pruned) if (!listed.has(gone)) model.backups.delete(gone);
}

async function checkPins({ api, model }) {
  if (model.damage.length > 0) return;  // then there may be no plan
  const { backups } = (await api.expect(200, 'GET', '/ak/api/v3/retention')).json;
  const newest = new Set([...model.backups.keys()].slice(-keepLast));
  for (const { id, pinned, keep, reasons } of backups) {
    assert.equal(pinned, Boolean(model.backups.get(id).pinned), `whether ${id} is pinned`);
    // A restore's job ends a moment after its transaction.
    if (reasons.some((reason) => reason.startsWith('in use'))) continue;
    assert.equal(keep, pinned || newest.has(id), `whether ${id} is kept`);
  }
}

async function settleIntent(world) {
  const { api, model } = world;
  const { intent } = model;
  if (!intent) return;
  model.intent = undefined;
  await settle(api);
  if (intent.history) {
    await bringBack(world, intent.history).catch((error) => {
      if (!(error instanceof Refused) || model.damage.length === 0) throw error;
    });
  }
  if (intent.documents) await settleDocuments({ api, model }, intent.documents);
  if (intent.leaf) {
    const { database, id, revision, value } = intent.leaf;
    const found = (await observe(api, database)).get(id);
    if (found && [found.revision, ...found.conflicts].includes(revision)) {
      model.document(database, id).leaves.set(revision, value);
    }
  }
  if (intent.removed) await finishRemoval(api, model, intent.removed);
  if (intent.pin && model.backups.has(intent.pin.id)) await finishPin({ api, model }, intent.pin);
  if (intent.pruned) await finishPrune(api, model, intent.pruned);
  const listed = await listBackups(api);
  if (intent.backup) {
    const fresh = listed.filter((id) => !model.backups.has(id) && !model.failed.has(id));
    assert.ok(fresh.length <= 1, `one backup was asked for: ${fresh}`);
    if (intent.backup.id && !model.failed.has(intent.backup.id))
      assert.deepEqual(fresh, [intent.backup.id], 'an accepted backup does not vanish');
    for (const id of fresh) {
      const { error } = (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}?docs=false`)).json;
      if (error) model.failed.add(id);
      else model.backups.set(id, intent.backup);
    }
  }
  if (intent.appended && model.backups.has(intent.appended.id)) {
    const { id, name, text } = intent.appended;
    const stored = (await world.readBack(id))?._attachments?.[name];
    if (stored === Buffer.from(text).toString('base64')) model.backups.get(id).appended.set(name, text);
  }
}

async function checkDocuments({ api, model }) {
  for (const database of databases) {
    const found = await observe(api, database);
    for (const [id, leaves] of model.documents.get(database)) {
      const seen = found.get(id);
      assert.equal(seen?.text, expected(leaves.value), `the document ${database}/${id}`);
      if (!seen) continue;
      assert.equal(seen.revision, leaves.revision, `the revision of ${database}/${id}`);
      assert.deepEqual([...seen.conflicts].sort(), leaves.conflicts.sort(), `the conflicts of ${database}/${id}`);
      found.delete(id);
    }
    assert.deepEqual([...found.keys()], [], `nobody wrote these documents of ${database}`);
  }
}

// True: it reads back as it was promised. False: it does not read.
async function checkBackup(world, id, promised) {
  const doc = await world.readBack(id);
  if (!doc) return false;
  assert.equal(doc.in_progress, false, `${id} has ended`);
  assert.ok(!doc.error, `${id} was complete: ${doc.error}`);
  for (const [database, values] of promised.values) {
    const found = new Map(doc.dbs[database].docs.map((document) => [document._id, fingerprint(document)]));
    for (const [document, value] of values) {
      assert.equal(found.get(document), expected(value), `${database}/${document} in ${id}`);
      found.delete(document);
    }
    assert.deepEqual([...found.keys()], [], `not in ${database} when ${id} was taken`);
  }
  const appended = Object.fromEntries([...promised.appended].map(([name, text]) => [name, Buffer.from(text).toString('base64')]));
  assert.deepEqual(doc._attachments ?? {}, appended, `what was appended to ${id}`);
  return true;
}

async function checkBackups(world) {
  const { api, model } = world;
  const listed = (await listBackups(api)).filter((id) => !model.failed.has(id));
  assert.deepEqual(listed, [...model.backups.keys()], 'the list of backups');
  const { sound, findings } = (await api.expect(200, 'GET', '/ak/api/v3/verification')).json;
  if (model.damage.length === 0) assert.ok(sound, `without damage: ${JSON.stringify(findings)}`);
  // While a manifest can't be read, nobody knows what only its backup needs.
  const unknown = model.damage.some(({ blob }) => blob.startsWith('manifests/'));
  for (const { blob, offset, bit } of model.damage) {
    if (unknown && !blob.startsWith('manifests/')) continue;
    assert.ok(findings.some(({ object }) => object === blob),
      `verify does not name ${blob} (bit ${bit} of byte ${offset}): ${JSON.stringify(findings)}`);
  }
  let broken = 0;
  for (const [id, promised] of world.toRead(model.backups)) {
    if (await checkBackup(world, id, promised)) continue;
    broken += 1;
    assert.ok(model.damage.length > 0, `${id} can't be read, and nothing is damaged`);
    const own = (await api.expect(200, 'GET', `/ak/api/v3/backups/${id}/verification`)).json;
    assert.equal(own.sound, false, `${id} can't be read, and its verification is content`);
  }
  return broken;
}

// Throws at the first broken promise. Gives how many kept backups are broken, and reported so.
export async function check(world) {
  await settleIntent(world);
  await refreshDamage(world.model);
  await checkDocuments(world);
  await checkPins(world);
  return checkBackups(world);
}

