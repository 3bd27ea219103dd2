import { gunzipSync } from 'node:zlib';

// An answer of CouchDB's that says no.
export class Failure extends Error {
  constructor(status, error, reason) {
    super(reason);
    Object.assign(this, { status, error });
  }
}

export async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

export function parseJson(body) {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Failure(400, 'bad_request', 'invalid UTF-8 JSON');
  }
}

export function sendJson(response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(`${JSON.stringify(value)}\n`);
}
