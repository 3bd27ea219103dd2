// What a run does to the service, as a table at the end: an action is a name, a weight and what it
// does. To add one, write its function and its line.
//
// An action may be interrupted by a kill or a full disk at any moment. Before it asks for something
// it says in `model.intent` what may come of it besides nothing, and after the answer it writes to
// the model what was promised and withdraws the intent:
//
//   documents  Map of "database/id" -> the value it may have (undefined: none)
//   leaf       {database, id, revision, value} of a leaf that a document may have besides
//   backup     {values}: a backup of these values may appear
//   removed    id of a backup that may be gone
//   appended   {id, name, text} that may have been appended to a backup
//   pin        {id, pinned}: a pin that may have been set or taken away
//   pruned     ids of backups that a prune may have removed
//   history    id of a backup whose exact history may have taken the place of everything
import { eventually } from '../../scripts/lib/davenport.mjs';
import { damageBlob, repairBlobs } from './damage.mjs';
import { observeLeaves, restoreHistory } from './history.mjs';
import { databases, expected, fingerprint, idOf, Leaves, makeValue, pickId, toDocument } from './model.mjs';

export const keepLast = 5;  // what a prune keeps
export const schedules = '/ak/api/v3/schedules';

const path = (database, id) => `/couchdb/${database}/${encodeURIComponent(id)}`;
const key = (database, id) => `${database}/${id}`;

// An answer that says that it did not happen, when something stands in the way that we put there.
export class Refused extends Error {}

function accept(reply, statuses, what) {
  if (statuses.includes(reply.status)) return reply.json;
  const error = new Refused(`${what} answered ${reply.status}: ${reply.text.slice(0, 300)}`);
  error.status = reply.status;
  throw error;
}

// ---- documents

async function edit({ api, model, random }, besides = {}) {
  const database = random.pick(databases);
  const id = pickId(random);
  const leaves = model.document(database, id);
  const value = makeValue(random, model.nextNumber());
  const revision = leaves.revision;
  model.intent = { ...besides, documents: new Map([[key(database, id), value]]) };
  const reply = await api.put(path(database, id), { ...toDocument(id, value), _rev: revision });
  const { rev } = accept(reply, [201], 'an edit');
  leaves.leaves.delete(revision);
  leaves.leaves.set(rev, value);
}

async function editMany({ api, model, random }) {
  const database = random.pick(databases);
  const changes = random.sample(Array.from({ length: 30 }, (_, n) => idOf(n + 1)), random.between(2, 15))
    .map((id) => ({ id, leaves: model.document(database, id), value: makeValue(random, model.nextNumber()) }));
  model.intent = { documents: new Map(changes.map(({ id, value }) => [key(database, id), value])) };
  const docs = changes.map(({ id, leaves, value }) => ({ ...toDocument(id, value), _rev: leaves.revision }));
  const outcomes = accept(await api.post(`/couchdb/${database}/_bulk_docs`, { docs }), [201], 'a bulk edit');
  outcomes.forEach((outcome, at) => {
    if (!outcome.ok) throw new Refused(`a bulk edit was refused: ${JSON.stringify(outcome)}`);
    const { leaves, value } = changes[at];
    leaves.leaves.delete(leaves.revision);
    leaves.leaves.set(outcome.rev, value);
  });
}

async function erase({ api, model, random }) {
  const database = random.pick(databases);
  const existing = model.existing(database);
  if (existing.length === 0) return;
  const [id, leaves] = random.pick(existing);
  const { revision } = leaves;
  const rest = new Leaves(new Map(leaves.leaves));
  rest.leaves.delete(revision);
  model.intent = { documents: new Map([[key(database, id), rest.value]]) };
  accept(await api.delete(`${path(database, id)}?rev=${revision}`), [200], 'a deletion');
  leaves.leaves.delete(revision);
}

// Another leaf, as replication brings it.
async function conflict({ api, model, random }) {
  const database = random.pick(databases);
  const existing = model.existing(database).filter(([, { leaves }]) => leaves.size < 4);
  if (existing.length === 0) return;
  const [id, leaves] = random.pick(existing);
  const value = makeValue(random, model.nextNumber());
  const generation = random.between(1, 4);
  const ids = Array.from({ length: generation }, () => random.hex(32));
  const revision = `${generation}-${ids[0]}`;
  model.intent = { leaf: { database, id, revision, value } };
  const document = { ...toDocument(id, value), _rev: revision, _revisions: { start: generation, ids } };
  accept(await api.post(`/couchdb/${database}/_bulk_docs`, { new_edits: false, docs: [document] }), [201], 'a conflict');
  leaves.leaves.set(revision, value);
}

// ---- backups

// What a backup taken now promises.
async function promise({ api, model, settings }) {
  const promised = { values: model.snapshot(), appended: new Map() };
  if (settings.DAVENPORT_BACKUP_REVISIONS === 'leaves') {
    promised.leaves = model.leaves();
    promised.history = await observeLeaves(api);
  }
  return promised;
}

async function backup({ api, model, settings }) {
  const promised = await promise({ api, model, settings });
  model.intent = { backup: promised };
  const { id } = accept(await api.post('/ak/api/v3/backups'), [202], 'a backup');
  promised.id = id;
  const doc = await api.waitForBackup(id);
  if (doc.error) {
    model.failed.add(id);
    throw new Refused(`the backup ${id} failed: ${doc.error}`);
  }
  model.backups.set(id, promised);
}

const unpinned = (model) => [...model.backups].filter(([, { pinned }]) => !pinned).map(([id]) => id);

async function remove({ api, model, random }) {
  const ids = unpinned(model);
  if (ids.length < 3 && !random.chance(0.2)) return;
  if (ids.length === 0) return;
  await removeBackup({ api, model }, random.pick(ids));
}

async function removeBackup({ api, model }, id) {
  model.intent = { removed: id };
  accept(await api.delete(`/ak/api/v3/backups/${id}`), [200], 'a removal');
  model.backups.delete(id);
}

async function append({ api, model, random }) {
  const ids = [...model.backups.keys()];
  if (ids.length === 0) return;
  const id = random.pick(ids);
  const appended = { id, name: `note-${random.between(1, 3)}`, text: `text ${model.nextNumber()}` };
  model.intent = { appended };
  const reply = await api.put(`/ak/api/v3/backups/${id}/attachments/${appended.name}`, { attachment: appended.text });
  accept(reply, [200], 'an appended attachment');
  model.backups.get(id).appended.set(appended.name, appended.text);
}

// Nobody removes a pinned backup, and no rule does.
async function pin({ api, model, random }) {
  if (model.backups.size === 0) return;
  const [id, promised] = random.pick([...model.backups]);
  model.intent = { pin: { id, pinned: !promised.pinned } };
  await setPin({ api, model }, id, !promised.pinned);
}

export async function setPin({ api, model }, id, pinned) {
  const path = `/ak/api/v3/backups/${id}/pin`;
  accept(await (pinned ? api.put(path, { reason: 'random' }) : api.delete(path)), [200], 'a pin');
  model.backups.get(id).pinned = pinned;
}

async function removePinned({ api, model, random }) {
  const ids = [...model.backups].filter(([, { pinned }]) => pinned).map(([id]) => id);
  if (ids.length === 0) return;
  const { status, text } = await api.delete(`/ak/api/v3/backups/${random.pick(ids)}`);
  if (status < 400) throw new Error(`a pinned backup was removed: ${text}`);
}

function prunable(model) {
  const newest = new Set([...model.backups.keys()].slice(-keepLast));
  return unpinned(model).filter((id) => !newest.has(id));
}

async function prune({ api, model }) {
  const pruned = prunable(model);
  model.intent = { pruned };
  const { id } = accept(await api.post('/ak/api/v3/prune'), [202], 'a prune');
  await followPrune({ api, model }, id, pruned);
}

async function followPrune({ api, model }, id, pruned) {
  const { state, error, result } = await waitForPrune(api, id);
  if (state !== 'succeeded') throw new Refused(`${id} ended as ${state}: ${error}`);
  if (result.removed.sort().join() !== [...pruned].sort().join())
    throw new Error(`${id} removed ${result.removed} instead of ${pruned}`);
  for (const gone of pruned) model.backups.delete(gone);
}

export const waitForPrune = (api, id) => eventually(`${id} has ended`, async () => {
  const job = (await api.expect(200, 'GET', `/ak/api/v3/prunes/${id}`)).json;
  return ['succeeded', 'failed'].includes(job.state) && job;
});

// A prune by schedule, which begins by itself while documents are edited.
async function schedule({ api, model, random }) {
  const pruned = prunable(model);
  model.intent = { pruned };
  const at = new Date(Date.now() + random.between(100, 300)).toISOString();
  const { id } = accept(await api.post(schedules, { kind: 'prune', at }), [201], 'a schedule');
  for (let edits = random.between(1, 6); edits > 0; edits -= 1) await edit({ api, model, random }, { pruned });
  model.intent = { pruned };
  const run = await eventually(`the schedule ${id} has run`, async () => {
    const { last_run: last } = (await api.expect(200, 'GET', `${schedules}/${id}`)).json;
    return last && last.outcome !== 'running' && last;
  });
  accept(await api.delete(`${schedules}/${id}`), [200], 'the end of a schedule');
  if (!run.job) throw new Refused(`the scheduled prune was ${run.outcome}: ${run.message}`);
  await followPrune({ api, model }, run.job, pruned);
}

// ---- restores

// What a restore of these values makes of the documents.
function changesOf(model, values, mode) {
  const changes = new Map();
  for (const [database, documents] of values) {
    for (const [id, value] of documents) changes.set(key(database, id), value);
    if (mode !== 'exact') continue;
    for (const [id] of model.existing(database)) if (!documents.has(id)) changes.set(key(database, id), undefined);
  }
  return changes;
}

export async function followRestore(api, reply) {
  const { url } = accept(reply, [202], 'a restore');
  const transaction = await api.waitForTransaction(url);
  if (transaction.status !== 'success') throw new Refused(`the restore failed: ${transaction.message}`);
}

async function restore(world, mode) {
  const { model, random } = world;
  if (model.backups.size === 0) return;
  const [id, { values }] = random.pick([...model.backups]);
  const changes = changesOf(model, values, mode);
  model.intent = { documents: changes };
  await world.restore(id, { mode });
  await adopt(world, changes);
}

// A backup that was downloaded, and comes back from its user.
async function restoreUpload(world) {
  const { api, model, random } = world;
  if (model.backups.size === 0) return;
  const [id, { values }] = random.pick([...model.backups]);
  const doc = await world.readBack(id);
  if (!doc) throw new Refused(`${id} can't be downloaded`);
  const mode = random.pick(['overlay', 'exact']);
  const changes = changesOf(model, values, mode);
  model.intent = { documents: changes };
  await followRestore(api, await api.put(`/ak/api/v3/backups?mode=${mode}`, doc));
  await adopt(world, changes);
}

const restoreOverlay = (world) => restore(world, 'overlay');
const restoreExact = (world) => restore(world, 'exact');

// ---- what is observed

// All documents of a database: id -> {revision, text, conflicts}.
export async function observe(api, database) {
  const query = 'include_docs=true&conflicts=true';
  const { rows } = (await api.expect(200, 'GET', `/couchdb/${database}/_all_docs?${query}`)).json;
  return new Map(rows.map(({ id, doc }) =>
    [id, { revision: doc._rev, text: fingerprint(doc), conflicts: doc._conflicts ?? [] }]));
}

// Undefined where the service says that it can't give it.
export async function download(api, id) {
  const reply = await api.get(`/ak/api/v3/backups/${id}`).catch((error) => {
    if (/was cut off|aborted/.test(error.message)) return undefined;
    throw error;
  });
  if (!reply) return undefined;
  if (reply.status === 200) return reply.json;
  if (reply.status === 500) return undefined;
  throw new Refused(`${id} answers ${reply.status}: ${reply.text.slice(0, 300)}`);
}

// Takes over what happened to these documents: the value given, in a revision that is not known. A
// new revision takes the former winner's place; an exact restore's deletion ends every leaf.
export async function adopt({ api, model }, changes) {
  const seen = new Map();
  for (const [changed, value] of changes) {
    const [database, id] = changed.split('/');
    if (!seen.has(database)) seen.set(database, await observe(api, database));
    const found = seen.get(database).get(id);
    const leaves = model.document(database, id);
    if (found?.text !== expected(value)) {
      throw new Error(`${changed} is ${found?.text}, not ${expected(value)}`);
    }
    if (value === undefined) {
      leaves.leaves.clear();
    } else if (!leaves.leaves.has(found.revision)) {
      leaves.leaves.delete(leaves.revision);
      leaves.leaves.set(found.revision, value);
    }
  }
}

// ---- the table

export const actions = [
  { name: 'edit', weight: 20, run: edit },
  { name: 'edit many', weight: 10, run: editMany },
  { name: 'delete', weight: 8, run: erase },
  { name: 'conflict', weight: 6, run: conflict },
  { name: 'back up', weight: 14, run: backup },  // a compaction follows when it is due
  { name: 'append', weight: 4, run: append },
  { name: 'restore overlay', weight: 4, run: restoreOverlay },
  { name: 'restore exact', weight: 4, run: restoreExact },
  { name: 'restore upload', weight: 3, run: restoreUpload },
  { name: 'restore exact history', weight: 3, run: restoreHistory },
  { name: 'remove', weight: 6, run: remove },
  { name: 'pin', weight: 3, run: pin },
  { name: 'remove a pinned one', weight: 1, run: removePinned },
  { name: 'prune', weight: 4, run: prune },
  { name: 'prune by schedule', weight: 2, run: schedule },
  { name: 'flip a bit', weight: 4, run: damageBlob },
  { name: 'repair', weight: 6, run: repairBlobs },
];

// What a kill or a full disk may interrupt.
export const interruptible = actions.filter(({ run }) => run !== damageBlob && run !== repairBlobs);

export function pickAction(random, table) {
  let at = random.fraction() * table.reduce((sum, { weight }) => sum + weight, 0);
  for (const action of table) {
    at -= action.weight;
    if (at < 0) return action;
  }
  return table.at(-1);
}
