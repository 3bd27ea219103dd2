// A client of the chat API for one application. Every call that is not answered with 200 throws.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from './davenport.mjs';

export class ChatClient {
  constructor(url, appId, secret) {
    this.root = `${url}/api/v2.1/rest`;
    this.headers = { 'QISCUS-SDK-APP-ID': appId, 'QISCUS-SDK-SECRET': secret };
  }

  // Registers an application with the command line, beside the running service.
  static async register(service, appId, { settings = {}, webhookUrl } = {}) {
    const args = ['apps', 'create', '--app-id', appId, '--data', service.dataDir];
    if (webhookUrl) args.push('--webhook-url', webhookUrl);
    const { stdout } = await must(args, { settings });
    return new ChatClient(service.url, appId, JSON.parse(stdout).secret);
  }

  async #send(method, path, init = {}) {
    const response = await fetch(`${this.root}/${path}`, { method, ...init, headers: { ...this.headers, ...init.headers } });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer.results;
  }

  get(path) {
    return this.#send('GET', path);
  }

  post(path, parameters) {
    return this.#send('POST', path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(parameters) });
  }

  async #ended(path) {
    for (let wait = 5; ; wait = Math.min(wait * 2, 20)) {
      const { backup_history: history } = await this.get(path);
      if (history.status !== 'started') return history;
      await sleep(wait);
    }
  }

  // The ended export, and its rows.
  async export(type, parameters = {}) {
    const { unique_id: id } = await this.post('exports', { type, ...parameters });
    const history = await this.#ended(`exports/${id}`);
    if (history.status !== 'finished') throw new Error(`export of ${type}: ${history.error_message}`);
    return history;
  }

  async rows(history) {
    return (await fetch(history.download_url)).json();
  }

  // The ended import. `content` is a file's text.
  async import(type, content, name = `${type}.json`) {
    const form = new FormData();
    form.set('type', type);
    form.set('file', new Blob([content], { type: 'application/json' }), name);
    const { backup_history: { unique_id: id } } = await this.#send('POST', 'imports', { body: form });
    return this.#ended(`imports/${id}`);
  }

  async importFile(type, path) {
    return this.import(type, await readFile(path));
  }
}
