// An HTTP listener that webhooks are sent to, and the receiver's side of Standard Webhooks.
import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';

export class WebhookListener {
  #waiting = [];

  // `answer(request, index)` gives {status, headers, body} for the index-th request; 200 by default.
  static async start({ answer = () => ({ status: 200 }), port = 0 } = {}) {
    const listener = new WebhookListener();
    listener.requests = [];
    listener.answer = answer;
    listener.server = http.createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const seen = {
          method: request.method,
          url: request.url,
          headers: request.headers,
          text: Buffer.concat(parts).toString('utf8'),
          at: Date.now(),
        };
        listener.requests.push(seen);
        const { status, headers = {}, body = '' } = listener.answer(seen, listener.requests.length - 1);
        response.writeHead(status, headers).end(body);
        for (const check of listener.#waiting.splice(0)) check();
      });
    });
    await new Promise((resolve, reject) => {
      listener.server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    listener.port = listener.server.address().port;
    listener.url = `http://127.0.0.1:${listener.port}`;
    return listener;
  }

  // Resolves once `count` requests have arrived.
  async received(count, timeoutMs = 60_000) {
    const deadline = Date.now() + timeoutMs;
    while (this.requests.length < count) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.requests.length} of ${count} webhooks after ${timeoutMs} ms`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => { clearTimeout(timer); resolve(); });
      });
    }
    return this.requests;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}

// What is wrong with a received webhook's headers and signature; nothing when all is well.
// `secret` = "whsec_" + base64.
export function signatureFault({ headers, text }, secret, now = Date.now()) {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  if (!id || !timestamp || !signature) return 'a webhook-… header is missing';
  if (!/^\d+$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > 300) {
    return `webhook-timestamp ${timestamp} is not the time in seconds`;
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest();
  const matches = signature.split(' ').some((entry) => {
    const [version, value = ''] = entry.split(',');
    const given = Buffer.from(value, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return matches ? undefined : `the signature ${signature} does not fit`;
}
