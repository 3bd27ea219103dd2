// The changes feed as CouchDB 3 gives it: sequences are texts, which end with the mark of the
// database's creation; longpoll and continuous feeds with time-outs and heartbeats.

import { Failure } from './http.mjs';

// A sequence of another creation counts from the beginning, as on CouchDB.
function readSequence(text, mark) {
  if (text === null || text === '0') return 0;
  if (text === 'now') return 'now';
  const parsed = /^(\d+)-(.+)$/.exec(text.replaceAll('"', ''));
  if (!parsed) throw new Failure(400, 'bad_request', "Malformed sequence supplied in 'since' parameter.");
  return parsed[2] === mark ? Number(parsed[1]) : 0;
}

const isTrue = (query, name) => query.get(name) === 'true';

export async function changes(database, mark, query, body, response) {
  const outer = (sequence) => `${sequence}-${mark}`;
  const row = ({ id, seq, changes: leaves, deleted, doc }) =>
    JSON.stringify({ seq: outer(seq), id, changes: leaves, deleted, doc });
  const feed = query.get('feed') ?? 'normal';
  const limit = query.has('limit') ? Number(query.get('limit')) : undefined;
  const options = {
    since: readSequence(query.get('since'), mark),
    descending: isTrue(query, 'descending'),
    style: query.get('style') ?? 'main_only',
    include_docs: isTrue(query, 'include_docs'),
    conflicts: isTrue(query, 'conflicts'),
    attachments: isTrue(query, 'attachments'),
    ...(limit === undefined ? {} : { limit: Math.max(limit, 1) }),
    ...(body.doc_ids ? { doc_ids: body.doc_ids } : {}),
    ...(body.selector ? { selector: body.selector } : {}),
  };
  const { results, last_seq } = await database.changes(options);
  const heartbeat = query.get('heartbeat') === 'true' ? 60_000 : Number(query.get('heartbeat') ?? 0);
  const timeout = Number(query.get('timeout') ?? 60_000);
  response.writeHead(200, { 'content-type': 'application/json' });

  if (feed === 'continuous') {
    for (const change of results) response.write(`${row(change)}\n`);
    const end = await follow(database, { ...options, since: last_seq }, { heartbeat, timeout, response }, (change) => {
      response.write(`${row(change)}\n`);
      return 'go on';
    });
    return response.end(`${JSON.stringify({ last_seq: outer(end ?? last_seq), pending: 0 })}\n`);
  }

  let reached = limit === 0 && options.since !== 'now' ? options.since : last_seq;
  response.write('{"results":[\n');
  if (feed === 'longpoll' && results.length === 0) {
    const end = await follow(database, { ...options, since: last_seq }, { heartbeat, timeout, response }, (change) => {
      results.push(change);
      return 'enough';
    });
    reached = end ?? last_seq;
  }
  const shown = limit === 0 ? [] : results;
  if (shown.length > 0) response.write(`${shown.map(row).join(',\n')}\n`);
  const left = limit === undefined || options.descending ? [] : (await database.changes({ since: reached })).results;
  return response.end(`],\n"last_seq":${JSON.stringify(outer(reached))},"pending":${left.length}}\n`);
}

// Until a change is enough, nothing came for the time-out (heartbeats put it off), the client left
// or the database went. Gives the sequence of the last change, or undefined.
function follow(database, options, { heartbeat, timeout, response }, take) {
  return new Promise((resolve) => {
    let reached;
    let timer;
    const beats = heartbeat > 0 ? setInterval(() => response.write('\n'), heartbeat) : undefined;
    const live = database.changes({ ...options, limit: undefined, live: true });
    const stop = () => {
      clearTimeout(timer);
      clearInterval(beats);
      live.cancel();
      resolve(reached);
    };
    const wait = () => {
      clearTimeout(timer);
      if (!beats) timer = setTimeout(stop, timeout);
    };
    wait();
    response.on('close', stop);
    live
      .on('change', (change) => {
        reached = change.seq;
        if (take(change) === 'enough') stop();
        else wait();
      })
      .on('complete', stop)
      .on('error', stop);
  });
}
