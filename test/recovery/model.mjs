// What the service has promised so far, and what may be true besides because a kill came before the
// answer. The rounds change it; `check_promises.mjs` compares the service with it.
import { createHash } from 'node:crypto';

export const databases = { journal: 'athena_components', filler: 'athena_sessions', state: 'athena_system' };
export const stateCount = 200;
export const fillerCount = 1500;

// Every fifth value brings an attachment, so that blobs of attachments come and go as well.
const attachmentOf = (value) => (value % 5 === 0 ? Buffer.from(`attachment of ${value} `.repeat(50)) : undefined);

export function documentOf(id, value) {
  const document = { _id: id, value, padding: `${value}`.repeat(30) };
  const bytes = attachmentOf(value);
  if (bytes) document._attachments = { 'file.txt': { content_type: 'text/plain', data: bytes.toString('base64') } };
  return document;
}

// The value that a document of the store or of a backup doc holds; throws when it is not whole.
export function valueOf(document) {
  const { _id, value, padding, _attachments } = document;
  const expected = documentOf(_id, value);
  const fail = (what) => { throw new Error(`${_id} is not whole: ${what} in ${JSON.stringify(document).slice(0, 400)}`); };
  if (padding !== expected.padding) fail('padding');
  const bytes = attachmentOf(value);
  const found = _attachments?.['file.txt'];
  if (Boolean(bytes) !== Boolean(found)) fail('attachment');
  if (bytes && found.data !== undefined && found.data !== bytes.toString('base64')) fail('attachment data');
  if (bytes && found.data === undefined && found.digest !== `md5-${createHash('md5').update(bytes).digest('base64')}`) fail('digest');
  return value;
}

export class Model {
  // Documents that are written once and never changed: id -> value, acknowledged; and those whose
  // answer never came.
  journal = new Map();
  journalUnsure = new Map();

  // "database/id" -> value of the documents that edits and restores change, as last acknowledged,
  // and the values that an unanswered edit or an unfinished restore may have left.
  values = new Map();
  maybe = new Map();

  // id -> {values, journal (how many were acknowledged when it began), appended: Map, maybeAppended}
  backups = new Map();
  // Deletions that were not answered.
  maybeDeleted = new Set();

  // The restore under way: {target: Map of values, url (unknown until it is accepted)}.
  restore = undefined;
  // Ids of transactions that were accepted with a webhook.
  hooked = new Set();
  knownTransactions = new Set();

  // Of this round: the one that ended it, and those that interrupted the recovery.
  kills = 0;

  nextValue = 1;

  newValue() {
    this.nextValue += 1;
    return this.nextValue;
  }

  may(key, value) {
    if (!this.maybe.has(key)) this.maybe.set(key, new Set());
    this.maybe.get(key).add(value);
  }

  // Values that count as right for a document just now (undefined: it need not exist).
  allowed(key) {
    return new Set([this.values.get(key), ...(this.maybe.get(key) ?? [])]);
  }

  commit(changes) {
    for (const [key, value] of changes) this.values.set(key, value);
  }
}
