// A TCP proxy between a service and its CouchDB, for faults at a moment that the test chooses: a
// request that matches can be held back, and the server can be gone for a while.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export class Gate {
  #target;
  #server;
  #port = 0;
  #sockets = new Set();
  #watch; // {pattern, left, holds, seen}
  #held = [];
  #refusing = false;
  #refused = 0;
  #waiting = [];

  static async start(url) {
    const gate = new Gate();
    const { hostname, port } = new URL(url);
    gate.#target = { host: hostname, port: Number(port) };
    await gate.#listen();
    return gate;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  // Holds back the nth request, from now on, whose request line matches, and every later one, each
  // with the connection that it came on; all others pass. Resolves when the nth has come.
  hold(pattern, nth = 1) {
    return new Promise((resolve) => { this.#watch = { pattern, left: nth, holds: true, seen: resolve }; });
  }

  // The same, but it passes.
  saw(pattern, nth = 1) {
    return new Promise((resolve) => { this.#watch = { pattern, left: nth, holds: false, seen: resolve }; });
  }

  release() {
    this.#watch = undefined;
    for (const pass of this.#held.splice(0)) pass();
  }

  // The server dies: connections break. New ones break too until `attempts` of them came, then they
  // are refused for `refusedMs`, and then the server is back.
  async outage({ attempts, refusedMs }) {
    this.#refusing = true;
    this.#refused = 0;
    this.#held = [];
    this.#watch = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    while (this.#refused < attempts) await new Promise((resolve) => { this.#waiting.push(resolve); });
    this.#server.close();
    this.#server = undefined;
    await sleep(refusedMs);
    this.#refusing = false;
    await this.#listen();
  }

  async stop() {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen() {
    this.#server = net.createServer({ noDelay: true }, (client) => this.#accept(client));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
  }

  #accept(client) {
    client.on('error', () => {});
    if (this.#refusing) {
      client.resetAndDestroy();
      this.#refused += 1;
      for (const check of this.#waiting.splice(0)) check();
      return;
    }
    const server = net.connect({ ...this.#target, noDelay: true });
    for (const [from, to] of [[client, server], [server, client]]) {
      this.#sockets.add(from);
      from.on('close', () => { this.#sockets.delete(from); to.destroy(); });
      from.on('error', () => to.destroy());
      from.on('end', () => to.end());
      from.on('drain', () => to.resume());
    }
    server.on('data', (bytes) => { if (!client.write(bytes)) server.pause(); });
    client.on('data', (bytes) => {
      const pass = () => { if (!server.write(bytes)) client.pause(); };
      if (!this.#matches(bytes)) {
        pass();
        return;
      }
      client.pause();
      this.#held.push(() => { client.resume(); pass(); });
    });
  }

  // libcurl sends a request's head in one piece, at the beginning of a write.
  #matches(bytes) {
    if (!this.#watch) return false;
    const line = bytes.subarray(0, bytes.indexOf('\r\n')).toString('latin1');
    if (!/ HTTP\/1\.1$/.test(line) || !this.#watch.pattern.test(line)) return false;
    this.#watch.left -= 1;
    if (this.#watch.left > 0) return false;
    this.#watch.seen(line);
    return this.#watch.holds;
  }
}
