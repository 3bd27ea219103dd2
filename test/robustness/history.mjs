// Exact history: every leaf of every document, deleted ones too, as the databases held it when a
// backup was taken, compared with what a restore of it brings back.
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson } from '../../scripts/lib/canonical_json.mjs';
import { Refused } from './actions.mjs';
import { databases } from './model.mjs';

// Database -> id and revision -> the leaf with its history and attachments, as a text.
export async function observeLeaves(api) {
  const seen = new Map();
  for (const database of databases) {
    const { results } = (await api.expect(200, 'GET', `/couchdb/${database}/_changes?style=all_docs`)).json;
    const docs = results.flatMap(({ id, changes }) => changes.map(({ rev }) => ({ id, rev })));
    const path = `/couchdb/${database}/_bulk_get?revs=true&attachments=true`;
    const found = (await api.expect(200, 'POST', path, { docs })).json.results;
    const leaves = found.flatMap(({ docs: [{ ok }] }) => [[`${ok._id} ${ok._rev}`, canonicalJson(ok)]]);
    seen.set(database, new Map(leaves.sort()));
  }
  return seen;
}

function compareLeaves(seen, promised, id) {
  for (const database of databases) {
    const [now, then] = [seen.get(database), promised.get(database)];
    for (const leaf of new Set([...now.keys(), ...then.keys()]))
      if (now.get(leaf) !== then.get(leaf))
        throw new Error(`after the exact restore of ${id}, ${database} has ${now.get(leaf)} instead of ${then.get(leaf)}`);
  }
}

async function dropDatabases(api) {
  for (const database of databases) {
    const { status, text } = await api.delete(`/couchdb/${database}`);
    if (![200, 404].includes(status)) throw new Refused(`dropping ${database} answered ${status}: ${text}`);
  }
}

// Where the disk is full it is refused until there is room again, which comes within a second.
async function create(api, database) {
  for (let tries = 0; ; ++tries) {
    const { status, text } = await api.put(`/couchdb/${database}`);
    if (status === 201) return;
    if (status !== 507 || tries === 100) throw new Error(`creating ${database} answered ${status}: ${text}`);
    await sleep(100);
  }
}

// In place of all there is. When it can't be restored nothing is left, as was asked for.
export async function bringBack(world, id) {
  const { api, model } = world;
  const promised = model.backups.get(id);
  await dropDatabases(api);
  let refused;
  try {
    await world.restore(id, { history: 'exact' });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused = error;
    await dropDatabases(api);
    for (const database of databases) await create(api, database);
  }
  model.adoptLeaves(refused ? undefined : promised.leaves);
  if (refused) throw refused;
  compareLeaves(await observeLeaves(api), promised.history, id);
}

export async function restoreHistory(world) {
  const { model, random } = world;
  const ids = [...model.backups].filter(([, { history }]) => history).map(([id]) => id);
  if (ids.length === 0) return;
  const id = random.pick(ids);
  model.intent = { history: id };
  await bringBack(world, id);
}
