// What the service must hold, kept in memory: documents with their live leaves, and backups with
// what each was taken of. Values are never changed in place, so a backup's part is a copy of maps.
import { createHash } from 'node:crypto';

export const databases = ['athena_components', 'athena_sessions', 'athena_system'];
const documentIds = 30;

export const idOf = (number) => `document-${number}`;
export const pickId = (random) => idOf(random.between(1, documentIds));

// A value says everything about a document's content.
export function makeValue(random, number) {
  return { number, words: 'word '.repeat(random.between(0, 200)), attached: random.chance(0.3) };
}

const attachmentOf = ({ number }) => Buffer.from(`attachment of ${number} `.repeat(1 + number % 60));

export function toDocument(id, value) {
  const document = { _id: id, type: 'thing', number: value.number, words: value.words };
  if (value.attached) {
    const data = attachmentOf(value).toString('base64');
    document._attachments = { 'file.txt': { content_type: 'text/plain', data } };
  }
  return document;
}

// Of a document as it was read, stub or data: one text that is equal exactly when the content is.
export function fingerprint({ type, number, words, _attachments = {}, ...others }) {
  const attachments = Object.entries(_attachments).map(([name, { data, digest }]) =>
    [name, data === undefined ? digest : `md5-${createHash('md5').update(Buffer.from(data, 'base64')).digest('base64')}`]);
  const unknown = Object.keys(others).filter((name) => !name.startsWith('_'));
  return JSON.stringify([type, number, words, attachments, unknown]);
}

const expectedText = new WeakMap();
export function expected(value) {
  if (value === undefined) return undefined;
  if (!expectedText.has(value)) expectedText.set(value, fingerprint(toDocument('', value)));
  return expectedText.get(value);
}

function later(a, b) {
  const [[n, x], [m, y]] = [a, b].map((rev) => [Number.parseInt(rev, 10), rev.slice(rev.indexOf('-') + 1)]);
  return n !== m ? n > m : x > y;
}

// One document: its live leaves, revision -> value. The latest one wins.
export class Leaves {
  constructor(leaves = new Map()) {
    this.leaves = leaves;
  }

  get revision() {
    let winner;
    for (const revision of this.leaves.keys()) if (winner === undefined || later(revision, winner)) winner = revision;
    return winner;
  }

  get value() {
    return this.leaves.get(this.revision);
  }

  get conflicts() {
    const { revision } = this;
    return [...this.leaves.keys()].filter((other) => other !== revision);
  }
}

export class Model {
  documents = new Map(databases.map((name) => [name, new Map()]));
  // id -> {values: database -> id -> value, appended: name -> text, pinned}; in the order they were taken.
  // With every leaf also `leaves`, the live ones as in `documents`, and `history`: see history.mjs.
  backups = new Map();
  // Ids of backups that the service accepted and could not take; they hold nothing.
  failed = new Set();
  // Damage under way: {blob, path, offset, bit, sound (its bytes)}.
  damage = [];
  // What an interrupted action may have done, besides nothing: see actions.mjs.
  intent = undefined;
  numbers = 0;

  nextNumber() {
    this.numbers += 1;
    return this.numbers;
  }

  document(database, id) {
    const all = this.documents.get(database);
    if (!all.has(id)) all.set(id, new Leaves());
    return all.get(id);
  }

  existing(database) {
    return [...this.documents.get(database)].filter(([, { leaves }]) => leaves.size > 0);
  }

  // Every live leaf there is now.
  leaves() {
    return new Map(databases.map((name) =>
      [name, new Map(this.existing(name).map(([id, { leaves }]) => [id, new Map(leaves)]))]));
  }

  // Takes such leaves over in place of all there were; undefined: there are none.
  adoptLeaves(leaves) {
    for (const name of databases) {
      const kept = [...(leaves?.get(name) ?? [])].map(([id, found]) => [id, new Leaves(new Map(found))]);
      this.documents.set(name, new Map(kept));
    }
  }

  // What a backup taken now must hold.
  snapshot() {
    return new Map(databases.map((name) =>
      [name, new Map(this.existing(name).map(([id, leaves]) => [id, leaves.value]))]));
  }
}
