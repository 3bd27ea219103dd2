// The audit log as an operator and an auditor see it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, must, removeDirectory, run, temporaryDirectory } from '../../scripts/lib/davenport.mjs';
import { ChatApp } from './lib/chat.mjs';
import { Fixture, onCouchDb, restoreById } from './lib/fixture.mjs';

const ak = '/ak/api/v3';

describe('the audit log', () => {
  let fixture;
  let scratch;
  before(async () => {
    fixture = await Fixture.create();
    scratch = await temporaryDirectory();
  });
  after(async () => {
    await fixture?.remove();
    await removeDirectory(scratch);
  });

  const entries = async (since = 0) => {
    const all = [];
    for (let last = since; ;) {
      const page = (await fixture.api.expect(200, 'GET', `${ak}/audit?since=${last}&limit=500`)).json;
      all.push(...page.entries);
      if (!page.more) return all;
      last = page.entries.at(-1).seq;
    }
  };
  const last = async () => (await entries()).at(-1).seq;
  // Lines of an action after a call.
  const linesOf = async (action, call) => {
    const since = await last();
    const result = await call();
    return { result, lines: (await entries(since)).filter((line) => line.action === action) };
  };
  const exported = async () => (await fixture.api.expect(200, 'GET', `${ak}/audit/export`)).text;
  const toFile = async (name, text) => {
    const path = join(scratch, name);
    await writeFile(path, text);
    return path;
  };
  const publicKey = async () => {
    const pem = execFileSync('openssl', ['pkey', '-in', join(fixture.dataDir, 'signing-key.pem'), '-pubout']);
    return toFile('public.pem', pem);
  };

  it('says who changed what, before and after', async () => {
    const { result, lines } = await linesOf('backup.create', () => fixture.api.startBackup());
    assert.equal(lines.length, 2);
    const [begun, done] = lines;
    assert.equal(begun.outcome, 'begun');
    assert.deepEqual(done.who, { kind: 'api_key', id: fixture.key.api_key });
    assert.equal(done.outcome, 'done');
    assert.equal(done.status, 202);
    assert.equal(done.target, result.id);
    assert.equal(done.begun_at, begun.seq);
    assert.equal(done.from, '127.0.0.1');
    assert.equal(done.route, 'POST /ak/api/v3/backups');
    assert.ok(done.request && Math.abs(Date.parse(done.time) - Date.now()) < 60_000);
    await fixture.api.waitForBackup(result.id);
    const end = await eventually('the end', async () => (await entries()).find((line) => line.action === 'backup.end'));
    assert.equal(end.target, result.id);
    assert.equal(end.who.kind, 'service');

    const read = await linesOf('backup.read', () => fixture.api.get(`${ak}/backups/${result.id}`));
    assert.equal(read.lines.length, 1);
    assert.equal(read.lines[0].target, result.id);

    const compared = await linesOf('backup.diff', async () => {
      await fixture.api.expect(404, 'GET', `${ak}/backups/${result.id}/diff/03_ibp_db_backup_1`);
      await fixture.api.expect(404, 'GET', `${ak}/backups/${result.id}/diff/${fixture.key.api_secret}`);
      const { settings } = fixture;
      assert.notEqual((await run(['diff', result.id, '03_ibp_db_backup_1', '--data', fixture.dataDir], { settings })).code, 0);
    });
    assert.deepEqual(compared.lines.map((line) => [line.target, line.details.other]),
      ['03_ibp_db_backup_1', '(not an id)', '03_ibp_db_backup_1', '03_ibp_db_backup_1'].map((other) => [result.id, other]));

    const restore = await linesOf('restore.start', () => restoreById(fixture.api, result.id, '?mode=exact'));
    assert.equal(restore.lines.length, 2);
    assert.equal(restore.lines[1].details.mode, 'exact');
    assert.equal(restore.lines[1].details.transaction, restore.result.tx_id);

    const missing = await linesOf('backup.delete', () => fixture.api.delete(`${ak}/backups/03_ibp_db_backup_1`));
    assert.equal(missing.lines[1].outcome, 'refused');
    assert.equal(missing.lines[1].status, 404);
    assert.equal(missing.lines[1].error, 'not_found');
  });

  it('says how each job ended, and who had it done', async () => {
    const since = await last();
    const ends = async (action, job) => (await entries(since))
      .filter((line) => line.action === action && line.details?.job === job);
    const end = async (action, job) => {
      const [line, ...more] = await eventually(`${action} of ${job}`, async () => {
        const found = await ends(action, job);
        return found.length > 0 && found;
      });
      assert.equal(more.length, 0);
      assert.equal(line.who.kind, 'service');
      return line;
    };
    const started = async (action, call) => {
      const { lines } = await linesOf(action, call);
      return lines.find((line) => line.outcome === 'done');
    };
    const by = fixture.key.api_key;
    const { api } = fixture;

    // By a schedule, with the prune and the compaction that follow.
    const schedule = (await api.expect(201, 'POST', `${ak}/schedules`, { kind: 'backup', cron: '0 0 1 1 *' })).json;
    const ran = await started('schedule.run', () => api.expect(202, 'POST', `${ak}/schedules/${schedule.id}/run`));
    const backup = ran.details.job;
    const ended = await end('backup.end', backup);
    assert.equal(ended.target, backup);
    assert.equal(ended.details.by, `schedule ${schedule.id}`);
    assert.equal(ended.details.schedule, schedule.id);
    assert.equal(ended.outcome, 'done');
    assert.equal((await end('prune.end', `prune_after_${backup}`)).details.by, `schedule ${schedule.id}`);
    assert.equal((await end('compaction.end', `compaction_${backup}`)).details.after, backup);

    // On request.
    const prune = await started('prune.start', () => eventually('a prune', async () => {
      const reply = await api.post(`${ak}/prune`);
      return reply.status === 202 && reply;
    }));
    assert.equal((await end('prune.end', prune.target)).details.by, by);
    const drill = await started('drill.start', () => api.expect(202, 'POST', `${ak}/drills`, { backup_id: backup }));
    const drilled = await end('drill.end', drill.target);
    assert.deepEqual([drilled.target, drilled.details.by], [backup, by]);
    const restore = await started('restore.start', () => restoreById(api, backup));
    assert.equal((await end('restore.end', restore.details.transaction)).target, backup);

    // One that fails.
    await api.expect(200, 'DELETE', '/couchdb/athena_sessions');
    const failing = await started('backup.create', () => api.expect(202, 'POST', `${ak}/backups`));
    const failed = await end('backup.end', failing.target);
    assert.deepEqual([failed.outcome, failed.error], ['failed', 'not_found']);
    await api.expect(201, 'PUT', '/couchdb/athena_sessions');

    await api.expect(200, 'DELETE', `${ak}/backups/${backup}`);
    const removals = (await entries(since)).filter((line) => line.action === 'removal.end');
    assert.deepEqual(removals.map((line) => [line.target, line.details.by, line.outcome]), [[backup, by, 'done']]);
    const app = await ChatApp.create(fixture, 'ends');
    const transfer = await app.call('exports', { type: 'users' });
    assert.equal((await end('export.end', transfer.unique_id)).details.app, 'ends');
    // A prune that only waited for the backup's end has one end, its own.
    assert.deepEqual(await ends('prune.end', `prune_awaits_${backup}`), []);
  });

  it('says from where, whatever the caller says', async () => {
    const since = await last();
    const elsewhere = { localAddress: '127.0.0.2', headers: { 'X-Forwarded-For': '192.0.2.7', Forwarded: 'for=192.0.2.8' } };
    assert.equal((await fixture.api.delete(`${ak}/backups/03_ibp_db_backup_2`, undefined, elsewhere)).status, 404);
    assert.equal((await fixture.anonymous().get(`${ak}/backups`, elsewhere)).status, 401);
    const lines = (await entries(since)).filter((line) => /backup.delete|access.refused/.test(line.action));
    assert.deepEqual(lines.map((line) => line.from), ['127.0.0.2', '127.0.0.2', '127.0.0.2']);
  });

  it('counts what is asked over and over', async () => {
    const since = await last();
    for (let n = 0; n < 20; n += 1) await fixture.api.get(`${ak}/webhooks`);
    const lines = (await entries(since)).filter((line) => line.action === 'transaction.list');
    assert.equal(lines.length, 1);
  });

  it('records who was refused, and logins that failed', async () => {
    const since = await last();
    const reader = await fixture.apiOf('reader');
    assert.equal((await reader.get(`${ak}/audit`)).status, 403);
    assert.equal((await fixture.anonymous().get(`${ak}/backups`)).status, 401);
    const { api_key } = fixture.key;
    const wrong = fixture.service.api({ api_key, api_secret: 'wrong' });
    assert.equal((await wrong.get(`${ak}/backups`)).status, 401);
    const login = (body) => fixture.anonymous().post('/api/v3/auth/login', body);
    assert.equal((await login({ api_key, api_secret: 'wrong' })).status, 401);
    const session = await fixture.session();
    await session.api.expect(200, 'POST', '/api/v3/auth/logout');

    const lines = (await entries(since)).map(({ action, who, status }) => `${action} ${who.kind} ${who.id ?? '-'} ${status}`);
    for (const wanted of [
      `access.refused api_key ${reader.key.api_key} 403`, 'access.refused nobody - 401',
      `access.refused nobody ${api_key} 401`, `login nobody ${api_key} 401`,
      `login session ${api_key} 200`, `logout session ${api_key} 200`,
    ]) assert.ok(lines.includes(wanted), `${wanted}\n${lines.join('\n')}`);
  });

  it('may be read by an auditor and nobody else', async () => {
    const auditor = await fixture.apiOf('auditor');
    assert.equal((await auditor.get(`${ak}/audit`)).status, 200);
    assert.equal((await auditor.get(`${ak}/audit/verification`)).json.sound, true);
    for (const role of ['writer', 'reader']) {
      const other = await fixture.apiOf(role);
      for (const path of ['/audit', '/audit/export', '/audit/verification']) {
        assert.equal((await other.get(ak + path)).status, 403, `${role} ${path}`);
      }
    }
    for (const query of ['limit=x', 'since=-1', 'limit=5000', 'sinse=1', 'limit=1&limit=2']) {
      assert.equal((await auditor.get(`${ak}/audit?${query}`)).status, 400, query);
    }
  });

  it('is exported, and checked without the service', async () => {
    const text = await exported();
    const key = await publicKey();
    const file = await toFile('export.ndjson', text);
    const verify = (...args) => run(['audit', 'verify', '--json', '--file', ...args]);
    const good = await verify(file, '--public-key', key);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.equal(JSON.parse(good.stdout).signatures, 'checked');

    const lines = text.trimEnd().split('\n');
    assert.equal(JSON.parse(lines.at(-1)).format, 'davenport-audit-head');
    const damaged = {
      edited: lines.map((line, n) => (n === 2 ? line.replace('127.0.0.1', '127.0.0.2') : line)),
      removed: lines.filter((_, n) => n !== 3),
      reordered: [...lines.slice(0, 4), lines[5], lines[4], ...lines.slice(6)],
      'cut off': [...lines.slice(0, -3), lines.at(-1)],
      'without its head': lines.slice(0, -1),
    };
    if (damaged.edited[2] === lines[2]) damaged.edited[2] = lines[2].replace('command', 'nothing');
    for (const [what, those] of Object.entries(damaged)) {
      const bad = await verify(await toFile('damaged.ndjson', `${those.join('\n')}\n`), '--public-key', key);
      assert.equal(bad.code, 9, what);
      assert.ok(JSON.parse(bad.stdout).findings.length > 0, what);
    }

    await fixture.api.get(`${ak}/backups/unknown`);
    const later = await toFile('later.ndjson', await exported());
    assert.equal((await verify(later, '--public-key', key, '--earlier', file)).code, 0);
    const swapped = await verify(file, '--public-key', key, '--earlier', later);
    assert.equal(swapped.code, 9, 'the earlier one lacks the end of the later one');
  });

  it('records what is done at the command line', async () => {
    const since = await last();
    const args = ['--data', fixture.dataDir];
    const { settings } = fixture;
    const made = JSON.parse((await must(['keys', 'create', '--role', 'auditor', ...args], { settings })).stdout);
    await must(['verify', ...args], { settings });
    const lines = await entries(since);
    const created = lines.find((line) => line.action === 'key.create' && line.outcome === 'done');
    assert.equal(created.who.kind, 'command_line');
    assert.ok(created.who.id.length > 0);
    assert.equal(created.target, made.api_key);
    assert.equal(created.details.roles, 'auditor');
    assert.ok(lines.some((line) => line.action === 'command.verify' && line.outcome === 'begun'));

    const listed = await must(['audit', 'list', '--limit', '3', ...args], { settings });
    assert.equal(listed.stdout.trimEnd().split('\n').length, 3);
    const { api_key, api_secret } = fixture.key;
    const remote = ['--url', fixture.url, '--key', `${api_key}:${api_secret}`];
    const shown = JSON.parse((await must(['audit', 'list', '--json', ...remote])).stdout);
    assert.ok(shown.entries.length > 3 && shown.entries.length <= 100 && shown.entries.at(-1).seq > since);
    assert.match((await must(['audit', 'verify', ...remote])).stdout, /^sound: \d+ lines/);
    const file = await toFile('remote.ndjson', (await must(['audit', 'export', ...remote])).stdout);
    assert.equal((await run(['audit', 'verify', '--file', file])).code, 0);
  });

  it('never holds a secret', async () => {
    let used = 0;
    const secret = () => `marker${(used += 1)}secret`;
    const { api, anonymous } = { api: fixture.api, anonymous: fixture.anonymous() };
    const url = () => `http://user:${secret()}@127.0.0.1:9/${secret()}?token=${secret()}`;
    const calls = [
      api.post(`${ak}/backups?token=${secret()}`, { password: secret() }),
      api.put(`${ak}/backups?mode=${secret()}`, { dbs: {}, client_webhook_url: url() }),
      api.put(`${ak}/backups/03_ibp_db_backup_1?skip_system=${secret()}`, { client_webhook_url: url(), [secret()]: secret() }),
      api.put(`${ak}/backups/03_ibp_db_backup_1/attachments/${secret()}`, { attachment: secret() }),
      api.post(`${ak}/permissions/keys`, { roles: [secret()], description: secret() }),
      api.post(`${ak}/permissions/keys`, { roles: ['reader'], description: secret() }),
      api.post(`${ak}/permissions/keys`, secret()),
      api.delete(`${ak}/permissions/keys/${secret()}`),
      api.post(`${ak}/identity/token`, { roles: [secret()], description: secret() }),
      api.delete(`${ak}/identity/token/abcdefghijklmnop.${secret()}`),
      anonymous.post('/api/v3/auth/login', { api_key: secret(), api_secret: secret() }),
      anonymous.post('/api/v3/auth/login', { username: fixture.key.api_key, password: secret() }),
      anonymous.request('POST', '/api/v3/auth/logout', undefined, { headers: { cookie: `davenport_session=${secret()}.${secret()}` } }),
      fixture.service.api({ api_key: secret(), api_secret: secret() }).get(`${ak}/backups`),
      fixture.service.api({ token: `${secret()}.${secret()}` }).get(`${ak}/backups`),
      anonymous.get('/api/v3/backups', { headers: { cookie: `davenport_session=${secret()}.${secret()}` } }),
      anonymous.get(`/api/v2.1/rest/exports/${secret()}/download?app=${secret()}&expires=1&signature=${secret()}`),
      anonymous.get('/api/v2.1/rest/exports', { headers: { 'QISCUS-SDK-APP-ID': secret(), 'QISCUS-SDK-SECRET': secret() } }),
      api.put(`/couchdb/${secret()}`, undefined, { headers: { referer: secret() } }),
      api.put(`/couchdb/athena_system/${secret()}?rev=${secret()}`, { password: secret() }),
    ];
    // A database's name is no secret, and neither is a document's, which is not recorded anyway.
    await Promise.all(calls);
    // Secrets pasted in the place of ids, to the service and at the command line.
    const { api_key, api_secret } = fixture.key;
    const settings = { settings: fixture.settings };
    for (const pasted of [api_secret, `${api_key}:${api_secret}`]) {
      await Promise.all(['backups', 'permissions/keys', 'schedules'].map((what) => api.expect(404, 'DELETE', `${ak}/${what}/${pasted}`)));
      for (const command of [['delete'], ['restore'], ['diff', pasted], ['pin'], ['keys', 'delete'], ['schedules', 'remove']]) {
        const { code } = await run([...command, pasted, '--data', fixture.dataDir], settings);
        assert.notEqual(code, 0, command.join(' '));
      }
    }
    const app = await ChatApp.create(fixture, 'audited', { webhookUrl: `http://127.0.0.1:9/${secret()}` });
    const token = (await api.expect(200, 'POST', `${ak}/identity/token`, {})).json.access_token;
    const cookie = (await fixture.session()).cookie.split(';')[0].split('=')[1];
    await app.user('a', { password: secret() });
    const started = await app.call('exports', { type: 'users' });
    const link = new URL(await eventually('the export', async () => (
      (await app.raw('GET', `/api/v2/rest/exports/${started.unique_id}`)).json.results.backup_history.download_url)));
    assert.equal((await anonymous.get(link.pathname + link.search)).status, 200);

    const text = await exported();
    const names = text.match(/marker\d+secret/g) ?? [];
    const database = text.match(/"target":"marker\d+secret"/g) ?? [];
    assert.deepEqual(names.length, database.length, names.join(' '));
    for (const line of text.split('\n').filter((one) => /marker\d+secret/.test(one))) {
      assert.match(JSON.parse(line).action, /^database\./, line);
    }
    for (const hidden of [fixture.key.api_secret, app.secret, token, token.split('.')[1], cookie, cookie.split('.')[1], link.searchParams.get('signature')]) {
      assert.ok(hidden.length > 10 && !text.includes(hidden));
    }
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
    const download = lines.find((line) => line.action === 'export.download' && line.status === 200);
    assert.equal(download.target, started.unique_id);
    const create = lines.find((line) => line.action === 'export.create' && line.target === started.unique_id);
    assert.deepEqual(create.who, { kind: 'application', id: 'audited' });
    assert.equal(create.target, started.unique_id);
    assert.ok(!lines.some((line) => /login_or_register/.test(line.route)));
  });

  it('goes on over a restart and stays sound', async () => {
    await fixture.stopService();
    await fixture.startService();
    const found = (await fixture.api.expect(200, 'GET', `${ak}/audit/verification`)).json;
    assert.deepEqual([found.sound, found.first, found.findings], [true, 1, []]);
    assert.equal(found.lines, found.last);
    assert.ok((await entries()).some((line) => line.action === 'command.serve'));
    const head = JSON.parse(await readFile(join(fixture.dataDir, 'audit_head'), 'utf8'));
    assert.ok(head.seq > 0 && head.seq <= found.last);
  });

  it('finds what somebody changes in the database', { skip: !onCouchDb }, async () => {
    const path = '/davenport_control/audit:0000000000000003';
    const page = await fixture.couchdb.call('GET', path);
    const lines = page.lines.map((line) => line.replace('"outcome":"', '"outcome":"un'));
    await fixture.couchdb.call('PUT', path, { ...page, lines });
    const found = (await fixture.api.expect(200, 'GET', `${ak}/audit/verification`)).json;
    assert.equal(found.sound, false);
    assert.equal(found.findings[0].line, 3);
  });
});
