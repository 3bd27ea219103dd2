// The chat part of the demo: a conversation through the API, its export, and its import into a
// second application.
import { createHash } from 'node:crypto';
import { ChatClient } from './chat_client.mjs';
import { chatSample } from './chat_sample.mjs';
import { signatureFault } from './webhook_listener.mjs';

const types = ['users', 'rooms', 'comments'];
const digest = (rows) => createHash('sha256').update(JSON.stringify(rows)).digest('hex');

// A conversation of a few people, as their applications would have it.
async function talk(shop, expectThat) {
  const { user: ann } = await shop.post('login_or_register', { email: 'ann@shop.example', username: 'Ann', password: 'only its hash is kept' });
  await shop.post('login_or_register', { email: 'bob@shop.example', username: 'Bob' });
  await shop.post('login_or_register', { email: 'cem@shop.example', username: 'Cem' });
  const { room } = await shop.get('get_or_create_room_with_target?emails[]=ann@shop.example&emails[]=bob@shop.example');
  const { room_id: garden } = await shop.post('create_room', { name: 'Garden', creator: 'ann@shop.example', participants: ['bob@shop.example'] });
  await shop.post('add_room_participants', { room_id: garden, emails: ['cem@shop.example'] });
  await shop.post('post_system_event_message', { system_event_type: 'add_member', room_id: garden, subject_email: 'ann@shop.example', object_email: ['cem@shop.example'] });
  for (const [sender, message] of [['ann', 'Is the order waiting?'], ['bob', 'Yes, since nine.'], ['ann', 'Thanks ☕']]) {
    await shop.post('post_comment', { sender_email: `${sender}@shop.example`, room_id: room.id, message, unique_temp_id: `${sender}-${message.length}` });
  }
  const { comment: again } = await shop.post('post_comment', { sender_email: 'ann@shop.example', room_id: room.id, message: 'Thanks ☕', unique_temp_id: 'ann-8' });
  const { comments } = await shop.post('load_comments', { room_id: room.id });
  expectThat(ann.token.length > 0 && comments.length === 3 && comments[0].id === again.id, 'a repeated comment became a second one');
  expectThat(comments[0].comment_before_id === comments[1].id, 'the comments are not chained');
  const { rooms_info: [info] } = await shop.post('get_rooms_info', { room_id: [room.id], user_email: 'bob@shop.example' });
  expectThat(info.unread_count === 1 && info.last_comment_message === 'Thanks ☕', `the room says ${JSON.stringify(info)}`);
}

export async function showTheChat({ service, settings, listener, signingSecret, tell, expectThat, timed }) {
  const shop = await ChatClient.register(service, 'shop', { settings, webhookUrl: `${listener.url}/chat` });
  const before = (await listener.received(0)).length;
  await talk(shop, expectThat);
  const hooks = (await listener.received(before + 3)).slice(before);
  const faults = hooks.map((hook) => signatureFault(hook, signingSecret)).filter(Boolean);
  expectThat(faults.length === 0, faults[0]);
  tell(`A chat: three people, two rooms and a conversation; ${hooks.length} signed webhooks told of the comments.`);

  const sample = chatSample({ seed: 11, users: 40, rooms: 60, comments: 900 });
  for (const type of types) {
    const history = await shop.import(type, JSON.stringify(sample[type]));
    expectThat(history.status === 'finished' && history.total_rows === sample[type].length, `import of ${type}: ${JSON.stringify(history)}`);
  }
  tell(`Imported ${types.map((type) => `${sample[type].length} ${type}`).join(', ')} more.`);

  const copy = await ChatClient.register(service, 'shop-copy', { settings });
  const first = {};
  const second = {};
  // Everything, whenever it was written: the zone's first day to its last.
  const [, time] = await timed(async () => {
    for (const type of types) {
      const history = await shop.export(type, { start_date: '2017-01-01' });
      first[type] = await shop.rows(history);
      const imported = await copy.import(type, JSON.stringify(first[type]));
      expectThat(imported.status === 'finished', `import of ${type}: ${JSON.stringify(imported.errors)}`);
    }
    for (const type of types) second[type] = await copy.rows(await copy.export(type, { start_date: '2017-01-01' }));
  });
  for (const type of types) expectThat(digest(first[type]) === digest(second[type]), `the ${type} of the two applications`);
  tell(`Exported ${types.map((type) => `${first[type].length} ${type}`).join(', ')}, imported them into a second application and exported that: the same content (${time}).`);

  const bad = await copy.import('comments', JSON.stringify(first.comments.slice(0, 2)));
  expectThat(bad.status === 'failed' && bad.errors.Data !== null, 'comments that exist were imported again');
  tell(`Importing two of the comments again fails, and says why: ${bad.errors.Message}`);
}
