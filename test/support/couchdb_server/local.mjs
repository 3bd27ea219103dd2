// `_local` documents as CouchDB keeps them: without asking whether a write knows the revision
// before it.
import { Failure, parseJson, readBody, sendJson } from './http.mjs';

export class LocalDocuments {
  #documents = new Map(); // by id

  async handle(id, request, response) {
    const { method } = request;
    if (method === 'PUT') {
      const { _rev, ...members } = parseJson(await readBody(request));
      const revision = `0-${_rev === undefined ? 1 : Number(_rev.slice(2)) + 1}`;
      this.#documents.set(id, { ...members, _id: id, _rev: revision });
      return sendJson(response, 201, { ok: true, id, rev: revision });
    }
    const document = this.#documents.get(id);
    if (!document) throw new Failure(404, 'not_found', 'missing');
    if (method === 'DELETE') {
      this.#documents.delete(id);
      return sendJson(response, 200, { ok: true, id, rev: '0-0' });
    }
    return sendJson(response, 200, document);
  }
}
