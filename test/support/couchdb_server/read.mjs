// Documents read as CouchDB answers: what is deleted is told from what is missing, and
// attachments come as multipart parts to those who ask so.
import { Failure } from './http.mjs';
import { writeMixed, writeRelated } from './multipart.mjs';

const flags = ['revs', 'revs_info', 'conflicts', 'attachments', 'latest', 'att_encoding_info'];

function optionsOf(query) {
  const options = {};
  for (const flag of flags) if (query.get(flag) === 'true') options[flag] = true;
  if (query.has('rev')) options.rev = query.get('rev');
  return options;
}

// The document, or a 404 that says why.
export async function getDocument(database, id, options = {}) {
  try {
    return await database.get(id, options);
  } catch (error) {
    if (error.status !== 404) throw error;
    throw new Failure(404, 'not_found', error.reason === 'deleted' ? 'deleted' : 'missing');
  }
}

async function deletedLeaves(database, document) {
  const leaves = await database.get(document._id, { open_revs: 'all' });
  return leaves.filter(({ ok }) => ok?._deleted && ok._rev !== document._rev).map(({ ok }) => ok._rev);
}

// GET and HEAD of one document, or of several of its revisions.
export async function readDocument(database, id, query, request, response) {
  const accept = request.headers.accept ?? '*/*';
  const options = optionsOf(query);
  let answer;
  if (query.has('open_revs')) {
    const open_revs = query.get('open_revs') === 'all' ? 'all' : JSON.parse(query.get('open_revs'));
    const mixed = /multipart\/mixed|\*\/\*/.test(accept);
    const results = await getDocument(database, id, { ...options, open_revs, attachments: mixed || options.attachments });
    answer = mixed ? writeMixed(results) : { type: 'application/json', body: `${JSON.stringify(results)}\n` };
  } else {
    const document = await getDocument(database, id, options);
    if (query.get('deleted_conflicts') === 'true' && !id.startsWith('_local/')) {
      const revisions = await deletedLeaves(database, document);
      if (revisions.length > 0) document._deleted_conflicts = revisions;
    }
    response.setHeader('etag', `"${document._rev}"`);
    // CouchDB sends parts to all who do not ask for JSON alone.
    answer = /multipart\/related|\*\/\*/.test(accept)
      ? writeRelated(document)
      : { type: 'application/json', body: `${JSON.stringify(document)}\n` };
  }
  response.writeHead(200, { 'content-type': answer.type, 'content-length': Buffer.byteLength(answer.body) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

// One result for each that was asked for, in order; every leaf of a document without a revision.
export async function bulkGet(database, query, { docs }) {
  if (!Array.isArray(docs)) throw new Failure(400, 'bad_request', "Missing JSON list of 'docs'.");
  const results = [];
  for (const { id, rev } of docs) {
    const missing = { error: { id, rev: rev ?? 'undefined', error: 'not_found', reason: 'missing' } };
    let leaves = [];
    try {
      leaves = await database.get(id, { ...optionsOf(query), open_revs: rev ? [rev] : 'all' });
    } catch (error) {
      if (error.status !== 404) throw error;
    }
    const found = leaves.map(({ ok }) => (ok ? { ok } : missing));
    results.push({ id, docs: found.length > 0 ? found : [missing] });
  }
  return { results };
}
