// A chat application for a test file, and its calls in every form that the API takes.
import assert from 'node:assert/strict';
import { must } from '../../../scripts/lib/davenport.mjs';

export const prefixes = ['/api/v2/rest', '/api/v2.1/rest'];

// The bodies that a call takes. Each gives {body, type} of {name: value or list}.
export const forms = {
  json: (parameters) => ({ body: JSON.stringify(parameters), type: 'application/json' }),
  'json with name[]': (parameters) => ({
    body: JSON.stringify(Object.fromEntries(Object.entries(parameters).map(([name, value]) => [Array.isArray(value) ? `${name}[]` : name, value]))),
    type: 'application/json; charset=utf-8',
  }),
  urlencoded: (parameters) => ({ body: urlencoded(parameters, '[]'), type: 'application/x-www-form-urlencoded' }),
  'urlencoded without []': (parameters) => ({ body: urlencoded(parameters, ''), type: 'Application/X-WWW-Form-Urlencoded; charset=UTF-8' }),
  multipart: (parameters) => multipart(pairs(parameters, '[]')),
  'multipart without []': (parameters) => multipart(pairs(parameters, '')),
};

function pairs(parameters, mark) {
  return Object.entries(parameters).flatMap(([name, value]) => (
    Array.isArray(value) ? value.map((one) => [name + mark, one]) : [[name, value]]));
}

export const urlencoded = (parameters, mark = '[]') => new URLSearchParams(pairs(parameters, mark)).toString();

export function multipart(fields, boundary = 'a-boundary-of-the-tests') {
  const parts = fields.map(([name, value]) => (
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`));
  return { body: `${parts.join('')}--${boundary}--\r\n`, type: `multipart/form-data; boundary=${boundary}` };
}

// The error form of the chat API.
export function assertError(reply, status, pattern) {
  assert.equal(reply.status, status, reply.text);
  assert.match(reply.headers['content-type'], /^application\/json/);
  const { json } = reply;
  assert.deepEqual(Object.keys(json).sort(), ['error', 'status'], reply.text);
  assert.equal(json.status, status);
  assert.deepEqual(Object.keys(json.error).sort(), ['detailed_messages', 'message']);
  assert.equal(typeof json.error.message, 'string');
  assert.ok(json.error.message.length > 0);
  assert.ok(json.error.detailed_messages.every((line) => typeof line === 'string'));
  if (pattern) assert.match(json.error.message + json.error.detailed_messages.join('\n'), pattern);
}

// Exactly these members, each of what it should be: a type's name, a pattern, a function that says
// whether it is right, or the value itself.
export function assertFields(object, expected) {
  assert.deepEqual(Object.keys(object).sort(), Object.keys(expected).sort());
  for (const [name, what] of Object.entries(expected)) {
    const value = object[name];
    if (what instanceof RegExp) assert.match(value, what, name);
    else if (typeof what === 'function') assert.ok(what(value), `${name}: ${JSON.stringify(value)}`);
    else assert.deepEqual(value, what, name);
  }
}

export const isText = (value) => typeof value === 'string';
export const isId = (value) => Number.isSafeInteger(value) && value > 0;
// RFC 3339, and about now.
export const isNow = (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/.test(value)
  && Math.abs(Date.parse(value) - Date.now()) < 300_000;

export class ChatApp {
  // Registers the application with the command line, beside the running service.
  static async create(fixture, id, { webhookUrl } = {}) {
    const args = ['apps', 'create', '--app-id', id, '--data', fixture.dataDir];
    if (webhookUrl !== undefined) args.push('--webhook-url', webhookUrl);
    const { stdout } = await must(args, { settings: fixture.settings });
    const created = JSON.parse(stdout);
    assert.equal(created.app_id, id);
    return new ChatApp(fixture, id, created.secret);
  }

  constructor(fixture, id, secret) {
    this.fixture = fixture;
    this.id = id;
    this.secret = secret;
  }

  get headers() {
    return { 'QISCUS-SDK-APP-ID': this.id, 'QISCUS-SDK-SECRET': this.secret };
  }

  // A call as it is, whatever it answers. `body` as text or bytes.
  raw(method, path, body, headers = {}) {
    this.api ??= this.fixture.service.api();
    if (this.api.url !== this.fixture.url) this.api = this.fixture.service.api();
    return this.api.request(method, path, body, { headers: { ...this.headers, ...headers } });
  }

  async try(name, parameters = {}, { form = 'json', prefix = prefixes[0] } = {}) {
    if (name === 'get_or_create_room_with_target') {
      return this.raw('GET', `${prefix}/${name}?${urlencoded(parameters)}`);
    }
    const { body, type } = forms[form](parameters);
    return this.raw('POST', `${prefix}/${name}`, body, { 'content-type': type });
  }

  // The results of a call that must succeed.
  async call(name, parameters, options) {
    const reply = await this.try(name, parameters, options);
    assert.equal(reply.status, 200, `${name}: ${reply.text}`);
    assert.match(reply.headers['content-type'], /^application\/json/);
    assertFields(reply.json, { results: (value) => typeof value === 'object', status: 200 });
    return reply.json.results;
  }

  // ---- shorthand

  async user(name, members = {}) {
    return (await this.call('login_or_register', { email: `${name}@example.com`, username: name, ...members })).user;
  }

  async group(name, ...people) {
    const emails = people.map((person) => `${person}@example.com`);
    for (const person of people) await this.user(person);
    return (await this.call('create_room', { name, creator: emails[0], participants: emails.slice(1) })).room_id;
  }

  async post(room, person, message, members = {}) {
    return (await this.call('post_comment', { room_id: room, sender_email: `${person}@example.com`, message, ...members })).comment;
  }

  async load(room, members = {}) {
    return (await this.call('load_comments', { room_id: room, ...members })).comments;
  }

  // All comments of the room, oldest first.
  async history(room) {
    const all = [];
    for (let page = 1; ; page += 1) {
      const comments = await this.load(room, { page, limit: 100 });
      all.unshift(...comments.reverse());
      if (comments.length < 100) return all;
    }
  }

  close() {
    this.api?.close();
  }
}

// Ids unique and growing, each before id the id before it, 0 first.
export function assertChain(comments) {
  let before = 0;
  for (const comment of comments) {
    assert.equal(comment.comment_before_id, before, JSON.stringify(comment));
    assert.ok(comment.id > before, JSON.stringify(comment));
    before = comment.id;
  }
}
