// Made-up users, rooms and comments in the form that imports read. The same seed gives the same
// rows. By default as many as the example of the API's documentation: about 43 MB of comments.
//
//   import { chatSample } from './chat_sample.mjs';
//   const { users, rooms, comments } = chatSample({ seed: 7, users: 50, rooms: 20, comments: 500 });
//
// or, as files to import:  node chat_sample.mjs DIRECTORY [SEED]
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random } from './random.mjs';

const firstNames = ['Ayu', 'Budi', 'Citra', 'Dewi', 'Eka', 'Farid', 'Gita', 'Hadi', 'Indah', 'Joko', 'Kartika', 'Łukasz', 'Zoë', 'Óscar', '美咲'];
const words = ['deal', 'is', 'waiting', 'for', 'the', 'peer', 'order', 'now', 'thanks', 'doc', 'halo', 'maaf', 'mau', 'tanya', 'yes', 'no', 'tomorrow', 'at', 'nine', '🙂', 'café', '"quoted"', 'back\\slash', 'line\nbreak'];
const startOfTime = Date.UTC(2017, 3, 1);

const stamp = (milliseconds) => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;

export function chatSample({ seed = 1, users: userCount = 5_000, rooms: roomCount = 20_000, comments: commentCount = 119_963 } = {}) {
  const random = new Random(seed);
  let now = startOfTime;
  const users = Array.from({ length: userCount }, (_, i) => {
    now += random.between(1, 60) * 1000;
    return {
      Email: `userid_${i + 1}_62858${random.hex(8)}@kiwari.example`,
      Name: `${random.pick(firstNames)} ${i + 1}`,
      AvatarUrl: random.chance(0.5) ? `https://img.example/${random.hex(12)}.png` : '',
      AuthenticationToken: '',
      Password: '',
      CreateAt: stamp(now),
    };
  });
  const rooms = Array.from({ length: roomCount }, (_, i) => {
    now += random.between(1, 60) * 1000;
    const single = random.chance(0.3);
    const neighbours = new Set([...users.slice(i % userCount, i % userCount + 40), ...users.slice(0, 3)]);
    const people = random.sample([...neighbours], single ? 2 : random.between(2, 6)).map((user) => user.Email);
    return {
      Name: single ? people.join(' ') : `Group ${i + 1} ${random.pick(firstNames)}`,
      Type: single ? 'single' : 'group',
      Options: random.chance(0.1) ? '{"colour":"green"}' : '',
      CreatorEmail: people[0],
      CreatedAt: stamp(now),
      AvatarUrl: random.chance(0.2) ? `https://img.example/room/${random.hex(8)}.png` : '',
      UniqueId: `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-8${random.hex(3)}-${random.hex(12)}`,
      ParticipantEmails: people,
    };
  });
  const lastOfRoom = new Map();
  const comments = Array.from({ length: commentCount }, (_, i) => {
    now += random.between(1, 20) * 1000;
    // A few rooms are busier than the rest.
    const room = rooms[random.between(0, random.chance(0.15) ? Math.min(49, roomCount - 1) : roomCount - 1)];
    const message = Array.from({ length: random.between(1, 24) }, () => random.pick(words)).join(' ');
    const parent = random.chance(0.15) ? lastOfRoom.get(room.UniqueId) : undefined;
    const uniqueId = `android_${startOfTime + i}${random.hex(16)}`;
    lastOfRoom.set(room.UniqueId, uniqueId);
    return {
      Message: message,
      DisableLinkPreview: random.chance(0.05),
      Type: parent ? 'reply' : 'text',
      UniqueId: uniqueId,
      CreatorEmail: random.pick(room.ParticipantEmails),
      RoomUniqueId: room.UniqueId,
      CreatedAt: stamp(now),
      Payload: parent ? { text: message, replied_comment_id: 1 } : null,
      ParentCommentUniqueId: parent ?? '',
    };
  });
  return { users, rooms, comments };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , directory = '.', seed = '1'] = process.argv;
  for (const [name, rows] of Object.entries(chatSample({ seed: Number(seed) }))) {
    const path = join(directory, `${name}.json`);
    const text = `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`;
    await writeFile(path, text);
    console.log(`${path}: ${rows.length} rows, ${Buffer.byteLength(text)} bytes`);
  }
}
