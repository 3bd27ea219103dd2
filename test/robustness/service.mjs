// The service under test over its many lives, on one data directory and one disk that can fill up.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createKey, must, run, Service } from '../../scripts/lib/davenport.mjs';
import { download, followRestore, Refused } from './actions.mjs';

export class World {
  constructor({ dataDir, diskFile, settings }) {
    this.dataDir = dataDir;
    this.diskFile = diskFile;  // undefined: the disk can't be filled
    this.settings = settings;
    this.starts = 0;
    // A file of private keys that the service does not have: it can't read its own backups, and
    // whoever reads them does so from the command line.
    this.identityFile = undefined;
  }

  async create() {
    if (this.diskFile) await this.setSpace(undefined);
    this.key = await createKey(this.dataDir, 'manager', this.settings);
    await this.start();
  }

  async start() {
    const preload = process.env.DAVENPORT_FULL_DISK_LIBRARY;
    const disk = this.diskFile && preload
      ? { LD_PRELOAD: preload, FULL_DISK_FILE: this.diskFile, FULL_DISK_BELOW: this.dataDir } : {};
    this.service = await Service.start({ dataDir: this.dataDir, settings: { ...this.settings, ...disk } });
    this.api = this.service.api(this.key);
    this.running = true;
    this.starts += 1;
  }

  async kill() {
    this.running = false;
    await this.service.kill();
    this.api.close();
  }

  async stop() {
    this.running = false;
    this.api.close();
    const code = await this.service.stop();
    if (code !== 0) throw new Error(`SIGTERM ended the service with ${code}: ${this.service.log.slice(-2000)}`);
  }

  // From now on the service can write that many bytes; undefined: any number. full_disk.cpp reads it.
  async setSpace(bytes) {
    const record = Buffer.alloc(8);
    record.writeBigInt64LE(bytes === undefined ? -1n : BigInt(bytes));
    const file = await open(this.diskFile, this.spaceMade ? 'r+' : 'w+');
    this.spaceMade = true;
    try {
      await file.write(record, 0, 8, 0);
    } finally {
      await file.close();
    }
  }

  vaultPath(blob) {
    return join(this.dataDir, 'vault', blob);
  }

  get readerSettings() {
    return { ...this.settings, DAVENPORT_ENCRYPTION_IDENTITY_FILE: this.identityFile };
  }

  // A whole backup; undefined where it is said that it can't be given.
  async readBack(id) {
    if (!this.identityFile) return download(this.api, id);
    const { status, text } = await this.api.get(`/ak/api/v3/backups/${id}`);
    if (status === 200 && JSON.stringify(JSON.parse(text).dbs).includes('"_rev"'))
      throw new Error(`the service reads ${id}, of which it has no key`);
    const { code, stdout } = await run(['show', id, '--data', this.dataDir], { settings: this.readerSettings });
    return code === 0 ? JSON.parse(stdout) : undefined;
  }

  // Which backups are read back after a step: all of them, or what takes a process each.
  toRead(backups) {
    const all = [...backups];
    if (!this.identityFile || all.length < 3) return all;
    return [all.at(-1), this.random.pick(all)];
  }

  async restore(id, options) {
    if (!this.identityFile) {
      const reply = await this.api.put(`/ak/api/v3/backups/${id}?${new URLSearchParams(options)}`, {});
      return followRestore(this.api, reply);
    }
    const args = ['restore', id, '--data', this.dataDir];
    if (options.mode === 'exact') args.push('--exact');
    if (options.history) args.push('--history', options.history);
    const { code, stderr } = await run(args, { settings: this.readerSettings });
    if (code !== 0) throw new Refused(`restore ended with ${code}: ${stderr}`);
    return undefined;
  }

  // Everything that verify says, from another process than the service.
  async verifyOutside() {
    return JSON.parse((await must(['verify', '--json', '--data', this.dataDir], { settings: this.settings })).stdout);
  }
}
