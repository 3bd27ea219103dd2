// Requests that no well-behaved client sends: each gets an error, and the service lives on.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Fixture } from './lib/fixture.mjs';

describe('hostile requests', () => {
  let fixture;
  let api;
  let authorization;

  before(async () => {
    fixture = await Fixture.create({
      DAVENPORT_HTTP_HEADER_TIMEOUT_MS: '700',
      DAVENPORT_HTTP_BODY_TIMEOUT_MS: '700',
      DAVENPORT_HTTP_IDLE_TIMEOUT_MS: '1500',
      DAVENPORT_HTTP_MAX_CONNECTIONS: '400',
    });
    ({ api } = fixture);
    const { api_key, api_secret } = fixture.key;
    authorization = `Authorization: Basic ${Buffer.from(`${api_key}:${api_secret}`).toString('base64')}\r\n`;
  });
  after(() => fixture?.remove());

  // Sends bytes and gives everything that came back until the other end closed, or the time was over.
  const exchange = (bytes, { timeoutMs = 10_000, then } = {}) => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(fixture.url);
    const socket = net.connect(Number(port), hostname);
    let text = '';
    const finish = (closed) => { clearTimeout(timer); socket.destroy(); resolve({ text, closed, status: Number(/^HTTP\/1\.[01] (\d+)/.exec(text)?.[1] ?? 0) }); };
    const timer = setTimeout(() => finish(false), timeoutMs);
    socket.on('data', (part) => { text += part.toString('latin1'); });
    socket.on('close', () => finish(true));
    socket.on('error', (error) => { if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error); });
    socket.on('connect', () => { socket.write(bytes); then?.(socket); });
  });
  const alive = async () => assert.equal((await api.get('/ak/api/v3/backups')).status, 200);

  const head = (line, headers = '') => `${line}\r\nHost: x\r\n${headers}`;
  const bulkDocs = 'POST /couchdb/athena_system/_bulk_docs HTTP/1.1';
  const post = (headers, body) =>
    `${head(bulkDocs, `${authorization}Content-Type: application/json\r\n${headers}`)}\r\n${body}`;

  const requests = {
    'chunk size -1': () => post('Transfer-Encoding: chunked\r\n', '-1\r\nabc\r\n0\r\n\r\n'),
    'huge chunk size': () => post('Transfer-Encoding: chunked\r\n', 'ffffffffffffffffffff\r\nabc'),
    'chunk size that is no number': () => post('Transfer-Encoding: chunked\r\n', 'xyz\r\nabc\r\n0\r\n\r\n'),
    'negative Content-Length': () => post('Content-Length: -5\r\n', 'abcde'),
    'Content-Length that overflows': () => post('Content-Length: 99999999999999999999999\r\n', 'abcde'),
    'Content-Length that is no number': () => post('Content-Length: five\r\n', 'abcde'),
    'two Content-Lengths': () => post('Content-Length: 2\r\nContent-Length: 5\r\n', '{}'),
    'a list of Content-Lengths': () => post('Content-Length: 2, 5\r\n', '{}'),
    'Content-Length with chunked': () => post('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    'an unknown transfer coding': () => post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    'a transfer coding twice': () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
    'a body over the limit': () => post('Content-Length: 9000000000\r\n', '{'),
    'control bytes in a header': () => `${head('GET / HTTP/1.1', 'X-Bad: a\u0001b\r\n')}\r\n`,
    'NUL in the target': () => `${head('GET /a\u0000b HTTP/1.1')}\r\n`,
    'a folded header': () => `${head('GET / HTTP/1.1', 'X-Folded: a\r\n b\r\n')}\r\n`,
    'a space before the colon': () => `${head('GET / HTTP/1.1', 'X-Bad : a\r\n')}\r\n`,
    'no version': () => 'GET /\r\n\r\n',
    'an unknown version': () => `${head('GET / HTTP/3.7')}\r\n`,
    'no Host': () => 'GET / HTTP/1.1\r\n\r\n',
    'a TLS hello on a plain port': () => Buffer.from('160301020001000001fc0303', 'hex'),
    'endless headers': () => `${head('GET / HTTP/1.1')}${'X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(5000)}`,
    'an endless request line': () => `GET /${'a'.repeat(200_000)} HTTP/1.1\r\n`,
    rubbish: () => Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 97) % 256)),
  };
  for (const [name, bytes] of Object.entries(requests)) {
    it(`are refused: ${name}`, async () => {
      const { status, text, closed } = await exchange(bytes());
      // Without a status line the connection was cut, which is as good for what is not HTTP.
      assert.ok(status === 0 || (status >= 400 && status < 600 && status !== 500), `${name}: ${text.slice(0, 300)}`);
      assert.ok(closed, 'the connection does not hang');
      await alive();
    });
  }

  it('time out when headers or bodies come too slowly', async () => {
    for (const [bytes, drip] of [
      ['GET / HTTP/1.1\r\n', 'X-Slow: 1\r\n'],
      [post('Content-Length: 1000\r\n', ''), ''],
    ]) {
      const { closed, status } = await exchange(bytes, {
        timeoutMs: 15_000,
        then: (socket) => {
          if (!drip) return;
          const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(drip)), 100);
          socket.on('close', () => clearInterval(timer));
        },
      });
      assert.ok(closed);
      assert.ok([0, 400, 408].includes(status), String(status));
    }
    await alive();
  });

  it('do not keep others out: many idle connections', async () => {
    const { hostname, port } = new URL(fixture.url);
    const sockets = Array.from({ length: 1500 }, () => net.connect(Number(port), hostname).on('error', () => {}));
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const closed = sockets.map((socket) => new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.on('close', resolve).resume();
    }));
    await Promise.all(closed);
    await alive();
  });

  it('cannot leave the directory or reach what is hidden', async () => {
    for (const path of [
      '/../../etc/passwd', '/ak/api/v3/../../../etc/passwd', '/couchdb/..%2f..%2fetc', '/couchdb/%2e%2e/secret', '/couchdb/athena_system%00x',
      '/couchdb/davenport_control', '/couchdb/davenport%5Fcontrol/_all_docs', '/couchdb/athena_system/%ff%fe', '/couchdb/%', '/couchdb/athena_system/%zz',
      '/ak/api/v4/backups', '/ak/api/v3', '/', '/ak/api/v3/backups/', '//ak//api',
    ]) {
      const { status, text } = await api.get(path);
      assert.ok([400, 403, 404].includes(status), `${path}: ${status} ${text.slice(0, 200)}`);
      assert.doesNotThrow(() => JSON.parse(text), `${path} is answered in JSON: ${text.slice(0, 100)}`);
    }
    assert.equal((await api.request('PATCH', '/ak/api/v3/backups')).status, 405);
    await alive();
  });

  it('of malformed documents are refused one and all', async () => {
    const bodies = [
      '{', '[]', '{"docs":{}}', '{"docs":[1]}', '{"docs":[{"_id":5}]}', '{"docs":[{"a":1,"a":2}]}', '{"docs":[{"_id":"a","_id":"b"}]}',
      `{"docs":[{"_id":"deep","v":${'['.repeat(3000)}${']'.repeat(3000)}}]}`, '{"docs":[{"_id":"x","v":"\\ud800"}]}', '{"docs":[{"_id":"x"}]}}',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '{"docs":[{"_id":"a\\u0000b"}]}', `{"docs":[{"_id":"${'x'.repeat(5000)}"}]}`,
    ];
    const before = (await api.get('/couchdb/athena_system')).json.update_seq;
    for (const body of bodies) {
      const reply = await api.post('/couchdb/athena_system/_bulk_docs', body);
      const refused = reply.status === 400 || (reply.status === 201 && reply.json.every(({ error }) => error));
      assert.ok(refused, `${String(body).slice(0, 60)}: ${reply.status} ${reply.text.slice(0, 200)}`);
    }
    assert.deepEqual((await api.get('/couchdb/athena_system')).json.update_seq, before);
  });
});
