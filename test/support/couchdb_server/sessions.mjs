// Who may talk: one administrator, with the password in each request or with a cookie for it.
import { randomBytes } from 'node:crypto';
import { Failure, parseJson, readBody, sendJson } from './http.mjs';

const wrong = () => new Failure(401, 'unauthorized', 'Name or password is incorrect.');
const noCookie = { 'set-cookie': 'AuthSession=; Version=1; Path=/; HttpOnly' };

export class Sessions {
  #user;
  #password;
  #tokens = new Set();

  constructor(user, password) {
    this.#user = user;
    this.#password = password;
  }

  // Throws unless the request may go on.
  check({ headers }) {
    if (this.#how(headers) === undefined) throw new Failure(401, 'unauthorized', 'Authentication required.');
  }

  async handle(request, response) {
    if (request.method === 'POST') {
      const body = await readBody(request);
      const given = /json/.test(request.headers['content-type']) ? parseJson(body) : Object.fromEntries(new URLSearchParams(body.toString()));
      if (given.name !== this.#user || given.password !== this.#password) throw wrong();
      const token = randomBytes(18).toString('base64url');
      this.#tokens.add(token);
      const cookie = `AuthSession=${token}; Version=1; Max-Age=600; Path=/; HttpOnly`;
      return sendJson(response, 200, { ok: true, name: this.#user, roles: ['_admin'] }, { 'set-cookie': cookie });
    }
    if (request.method === 'DELETE') {
      // Not CouchDB's: an administrator ends every session, as time would.
      if (this.#how(request.headers) === 'default') this.#tokens.clear();
      return sendJson(response, 200, { ok: true }, noCookie);
    }
    const authenticated = this.#how(request.headers);
    const userCtx = authenticated ? { name: this.#user, roles: ['_admin'] } : { name: null, roles: [] };
    return sendJson(response, 200, { ok: true, userCtx, info: { authentication_handlers: ['cookie', 'default'], authenticated } });
  }

  #how({ authorization, cookie }) {
    const token = /(?:^|;\s*)AuthSession=([^;]*)/.exec(cookie ?? '')?.[1];
    if (token && this.#tokens.has(token)) return 'cookie';
    if (authorization === undefined) return undefined;
    const given = /^Basic (.+)$/i.exec(authorization)?.[1] ?? '';
    if (Buffer.from(given, 'base64').toString() !== `${this.#user}:${this.#password}`) throw wrong();
    return 'default';
  }
}
