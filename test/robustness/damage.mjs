// Flips bits in the vault's files, and mends them again, as copying the file back from elsewhere
// would.
import { readdir, readFile, stat, utimes, writeFile, rename } from 'node:fs/promises';
import { join, relative } from 'node:path';

const folders = ['segments', 'attachments', 'manifests', 'removed', 'appended', 'compactions', 'pins', 'keys'];
const mostDamage = 2;

export async function vaultFiles(world) {
  const found = [];
  for (const folder of folders) {
    const root = world.vaultPath(folder);
    const entries = await readdir(root, { withFileTypes: true, recursive: false }).catch(() => []);
    for (const entry of entries) {
      const at = join(root, entry.name);
      if (entry.isFile()) found.push(at);
      else for (const name of await readdir(at)) found.push(join(at, name));
    }
  }
  return found.map((file) => relative(world.vaultPath('.'), file)).sort();
}

const read = (file) => readFile(file).catch((error) => {
  if (error.code === 'ENOENT') return undefined;
  throw error;
});

export async function damageBlob({ world, model, random }) {
  if (model.damage.length >= mostDamage) return;
  const files = (await vaultFiles(world)).filter((blob) => !model.damage.some((other) => other.blob === blob));
  if (files.length === 0) return;
  // Kinds first: there are many more files of some than of others.
  const kind = random.pick([...new Set(files.map((blob) => blob.split('/')[0]))]);
  const blob = random.pick(files.filter((name) => name.startsWith(`${kind}/`)));
  const file = world.vaultPath(blob);
  const sound = await read(file);
  if (!sound || sound.length === 0) return;
  const offset = random.between(0, sound.length - 1);
  const bit = random.between(0, 7);
  const bytes = Buffer.from(sound);
  bytes[offset] ^= 1 << bit;
  const { atime, mtime } = await stat(file);
  await writeFile(file, bytes);
  // A disk that goes bad does not tell.
  if (random.chance(0.5)) await utimes(file, atime, mtime);
  model.damage.push({ blob, file, offset, bit, sound, bytes });
}

// What the damage has come to: still there, gone with its file, or mended by the service, which
// writes some blobs anew. Whether that was well done is for verify to say.
export async function refreshDamage(model) {
  const left = [];
  for (const damage of model.damage) if ((await read(damage.file))?.equals(damage.bytes)) left.push(damage);
  model.damage = left;
}

export async function repairBlobs({ world, model }) {
  await refreshDamage(model);
  for (const damage of [...model.damage]) {
    if (!(await read(damage.file))) continue;  // it went with a backup that was just removed
    const temporary = `${world.dataDir}/repaired`;
    await writeFile(temporary, damage.sound);
    await rename(temporary, damage.file);
  }
  await refreshDamage(model);
}
