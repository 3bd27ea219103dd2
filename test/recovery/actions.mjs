// What a round does to the service. Each action notes in the model, before it asks, what a kill in
// the middle may leave behind, and after the answer, what it was promised.
import { deflateSync } from 'node:zlib';
import { databases, documentOf, fillerCount, stateCount } from './model.mjs';

const stateKey = (index) => `${databases.state}/state-${index}`;
const fillerKey = (index) => `${databases.filler}/filler-${index}`;
const split = (key) => key.split('/');

export class Actions {
  constructor({ model, random, webhookUrl }) {
    this.model = model;
    this.random = random;
    this.webhookUrl = webhookUrl;
  }

  // A small edit of some state documents, so that the next backup has a small segment to write.
  async edit(api) {
    const { model, random } = this;
    const current = await api.allDocuments(databases.state);
    const changes = new Map();
    const docs = [];
    for (let count = random.between(1, 12); count > 0; count -= 1) {
      const id = `state-${random.between(0, stateCount - 1)}`;
      if (changes.has(`${databases.state}/${id}`)) continue;
      const value = model.newValue();
      changes.set(`${databases.state}/${id}`, value);
      docs.push({ ...documentOf(id, value), _rev: current.get(id)?._rev });
    }
    for (const [key, value] of changes) model.may(key, value);
    for (const outcome of await api.bulkWrite(databases.state, docs)) {
      if (!outcome.ok) throw new Error(`an edit failed: ${JSON.stringify(outcome)}`);
    }
    model.commit(changes);
    for (const key of changes.keys()) model.maybe.delete(key);
  }

  // Writes documents that never change, until it is told to stop or the service is gone.
  async writeJournal(api, writer, stopped) {
    const { model } = this;
    while (!stopped()) {
      const docs = [];
      for (let count = 0; count < 20; count += 1) {
        const value = model.newValue();
        docs.push(documentOf(`journal-${writer}-${value}`, value));
      }
      for (const { _id, value } of docs) model.journalUnsure.set(_id, value);
      const outcomes = await api.bulkWrite(databases.journal, docs);
      outcomes.forEach((outcome, index) => {
        if (!outcome.ok) throw new Error(`a new document was refused: ${JSON.stringify(outcome)}`);
        model.journal.set(docs[index]._id, docs[index].value);
        model.journalUnsure.delete(docs[index]._id);
      });
    }
  }

  async backup(api) {
    const { model } = this;
    const promised = { values: new Map(model.values), journal: [...model.journal.keys()], appended: new Map() };
    const { id } = await api.startBackup();
    model.backups.set(id, promised);
    const doc = await api.waitForBackup(id);
    if (doc.error) throw new Error(`backup ${id} failed: ${doc.error}`);
    promised.usable = true;
  }

  async #restore(api, target, path, body) {
    const { model } = this;
    for (const [key, value] of target) model.may(key, value);
    const restore = { target, url: undefined };
    model.restore = restore;
    const { url } = (await api.expect(202, 'PUT', path, body)).json;
    restore.url = url;
    model.hooked.add(url.split('/').pop());
    const transaction = await api.waitForTransaction(url);
    if (transaction.status !== 'success') throw new Error(`a restore failed: ${transaction.message}`);
    model.knownTransactions.add(transaction.tx_id);
    model.commit(target);
    for (const key of target.keys()) model.maybe.delete(key);
    model.restore = undefined;
  }

  #usableBackups() {
    return [...this.model.backups].filter(([, { usable, values }]) => usable && values);
  }

  async restoreById(api) {
    const usable = this.#usableBackups();
    if (usable.length === 0) return this.backup(api);
    const [id, { values }] = this.random.pick(usable);
    return this.#restore(api, new Map(values), `/ak/api/v3/backups/${id}`, { client_webhook_url: this.webhookUrl });
  }

  async restoreUpload(api) {
    const { model, random } = this;
    const value = model.newValue();
    const target = new Map();
    for (let index = 0; index < fillerCount; index += 1) target.set(fillerKey(index), value);
    for (let index = 0; index < stateCount; index += 2) target.set(stateKey(index), value);
    const dbs = { [databases.filler]: { docs: [] }, [databases.state]: { docs: [] } };
    for (const [key] of target) {
      const [database, id] = split(key);
      dbs[database].docs.push(documentOf(id, value));
    }
    if (random.chance(0.5)) {
      const { docs } = dbs[databases.filler];
      dbs[databases.filler] = { compressed_docs: deflateSync(JSON.stringify(docs)).toString('base64') };
    }
    await this.#restore(api, target, '/ak/api/v3/backups', { client_webhook_url: this.webhookUrl, dbs });
  }

  async append(api) {
    const usable = this.#usableBackups();
    if (usable.length === 0) return;
    const [id, promised] = this.random.pick(usable);
    const name = `note-${this.random.between(1, 2)}`;
    const text = `text ${this.model.newValue()}`;
    promised.maybeAppended = new Map([[name, text]]);
    promised.checked = false;
    await api.expect(200, 'PUT', `/ak/api/v3/backups/${id}/attachments/${name}`, { attachment: text });
    promised.appended.set(name, text);
    promised.maybeAppended = undefined;
  }

  // The oldest one or one in the middle.
  async deleteBackup(api) {
    const { model, random } = this;
    const ids = [...model.backups.keys()];
    if (ids.length < 4) return;
    const id = random.chance(0.5) ? ids[0] : random.pick(ids);
    model.maybeDeleted.add(id);
    const { status, text } = await api.delete(`/ak/api/v3/backups/${id}`);
    if (status >= 300) throw new Error(`${id} could not be deleted: ${status} ${text}`);
    model.maybeDeleted.delete(id);
    model.backups.delete(id);
  }
}
