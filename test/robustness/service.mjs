// The service under test over its many lives, on one data directory and one disk that can fill up.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createKey, must, Service } from '../../scripts/lib/davenport.mjs';

export class World {
  constructor({ dataDir, diskFile, settings }) {
    this.dataDir = dataDir;
    this.diskFile = diskFile;  // undefined: the disk can't be filled
    this.settings = settings;
    this.starts = 0;
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

  // Everything that verify says, from another process than the service.
  async verifyOutside() {
    return JSON.parse((await must(['verify', '--json', '--data', this.dataDir], { settings: this.settings })).stdout);
  }
}
