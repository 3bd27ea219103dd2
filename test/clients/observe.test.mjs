// What an operator sees of a running service: metrics, health, readiness, logs, jobs, and the
// description of its routes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { eventually, must, removeDirectory, run, Service } from '../../scripts/lib/davenport.mjs';
import { assertSuccess, backupDoc, docsOf, Fixture, onCouchDb, restoreUpload } from './lib/fixture.mjs';
import { Gate } from './lib/gate.mjs';

// The value of a series, by its name and labels as they stand in the text; undefined = none.
const valueOf = (text, series) => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

describe('observe', () => {
  let fixture;
  let api;

  before(async () => {
    fixture = await Fixture.create({ DAVENPORT_LOG_LEVEL: 'trace', DAVENPORT_LOG_FORMAT: 'json' });
    ({ api } = fixture);
  });
  after(() => fixture?.remove());

  const scrape = async (as = api) => {
    const reply = await as.expect(200, 'GET', '/metrics');
    assert.match(reply.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    return reply.text;
  };
  // A second service, on a data directory of its own.
  const another = async (name, settings = {}) => {
    const dataDir = `${fixture.dataDir}-${name}`;
    const service = await Service.start({ dataDir, settings });
    return {
      service,
      stop: async () => {
        const code = await service.stop();
        await removeDirectory(dataDir);
        assert.equal(code, 0);
      },
    };
  };
  const lines = () => fixture.service.log.split('\n').filter(Boolean).map((line) => JSON.parse(line));

  describe('health and readiness', () => {
    it('need no credentials', async () => {
      const health = await fixture.anonymous().expect(200, 'GET', '/health');
      assert.deepEqual(health.json, { status: 'ok' });
      const ready = await fixture.anonymous().expect(200, 'GET', '/ready');
      assert.deepEqual(ready.json, { status: 'ready', checks: { service: 'ok', documents: 'ok', vault: 'ok' } });
      assert.equal(ready.headers['cache-control'], 'no-store');
    });

    it('names the store that does not answer, and recovers', { skip: !onCouchDb }, async () => {
      const gate = await Gate.start(fixture.couchdb.url);
      const { service, stop } = await another('gate', {
        ...fixture.settings, DAVENPORT_DATABASES_COUCHDB_URL: gate.url, DAVENPORT_METRICS_ACCESS: 'loopback',
      });
      try {
        const anonymous = service.api();
        await anonymous.expect(200, 'GET', '/ready');
        gate.hold(/./);
        const reply = await eventually('not ready', async () => {
          const seen = await anonymous.get('/ready');
          return seen.status === 503 ? seen : undefined;
        });
        assert.equal(reply.json.status, 'not ready');
        assert.match(reply.json.checks.documents, /^no answer for \d+ s$/);
        assert.equal(reply.json.checks.vault, 'ok');
        assert.equal(reply.json.checks.service, 'ok');
        assert.equal((await anonymous.get('/health')).status, 200);
        const text = await scrape(anonymous);
        assert.equal(valueOf(text, 'davenport_store_up{store="documents"}'), 0);
        assert.equal(valueOf(text, 'davenport_webhook_queue_length'), undefined, 'what is not known is not said');
        assert.equal(valueOf(text, 'davenport_store_up{store="blobs"}'), 1);
        assert.equal(valueOf(text, 'davenport_backups'), 0, 'what is known is');
        gate.release();
        await eventually('ready again', async () => (await anonymous.get('/ready')).status === 200);
      } finally {
        gate.release();
        await stop();
        await gate.stop();
      }
    });
  });

  describe('metrics', () => {
    it('want a credential that may see them', async () => {
      const refused = await fixture.anonymous().get('/metrics');
      assert.equal(refused.status, 401);
      assert.match(refused.headers['www-authenticate'], /^Basic/);
      assert.equal((await (await fixture.apiOf('reader')).get('/metrics')).status, 403);
      await scrape(await fixture.apiOf('auditor'));
    });

    it('count what happens', async () => {
      const before_ = await scrape();
      assert.equal(valueOf(before_, 'davenport_backups'), 0);
      await api.backup();
      assertSuccess(await restoreUpload(api, backupDoc({ athena_components: docsOf([{ _id: 'a' }]) })));
      const text = await eventually('all is counted', async () => {
        const seen = await scrape();
        return valueOf(seen, 'davenport_backups') === 1
          && valueOf(seen, 'davenport_backups_total{outcome="complete"}') === 1
          && valueOf(seen, 'davenport_restores_total{outcome="success"}') === 1 ? seen : undefined;
      });
      assert.equal(valueOf(text, 'davenport_backups_total{outcome="complete"}'), 1);
      assert.equal(valueOf(text, 'davenport_backups_total{outcome="failed"}'), 0);
      assert.ok(valueOf(text, 'davenport_backup_age_seconds') < 600);
      assert.equal(valueOf(text, 'davenport_store_up{store="blobs"}'), 1);
      assert.equal(valueOf(text, 'davenport_store_up{store="documents"}'), 1);
      assert.ok(valueOf(text, 'davenport_http_connections_open') >= 1);
      assert.match(text, /^davenport_build_info\{version="[^"]+"\} 1$/m);
      assert.match(text, /^davenport_job_duration_seconds_count\{kind="backup"\} 1$/m);
      assert.match(text, /^davenport_store_operation_duration_seconds_count\{operation="write",store="documents"\} \d+$/m);
    });

    it('name routes by their pattern, whatever was asked for', async () => {
      for (let i = 0; i < 20; i += 1) {
        await api.get(`/ak/api/v3/backups/unknown-${i}`);
        await api.get(`/nothing-${i}`);
      }
      await api.request('BREW', '/health');
      const text = await scrape();
      assert.equal(valueOf(text, 'davenport_http_requests_total{method="GET",route="/ak/api/v3/backups/:id",status="4xx"}'), 20);
      assert.ok(valueOf(text, 'davenport_http_requests_total{method="any",route="none",status="4xx"}') >= 21);
      assert.ok(!text.includes('unknown-'), 'a path is no label');
      assert.ok(!text.includes('nothing-'));
      assert.ok(!text.includes('BREW'));
    });

    it('count what is turned away', { skip: onCouchDb }, async () => {
      const { service, stop } = await another('full', { DAVENPORT_METRICS_ACCESS: 'loopback', DAVENPORT_HTTP_MAX_CONNECTIONS: '1' });
      const { hostname, port } = new URL(service.url);
      const send = (text) => new Promise((resolve) => {
        const socket = connect(port, hostname, () => socket.end(text));
        socket.on('close', resolve).on('error', () => {}).resume();
      });
      try {
        await send('no HTTP\r\n\r\n');
        const client = service.api();
        const first = await eventually('its connection is closed', () => scrape(client).catch(() => undefined));
        assert.equal(valueOf(first, 'davenport_http_requests_rejected_total'), 1);
        const refused = valueOf(first, 'davenport_http_connections_refused_total');
        await send('GET /health HTTP/1.1\r\nHost: here\r\n\r\n');
        assert.equal(valueOf(await scrape(client), 'davenport_http_connections_refused_total'), refused + 1);
      } finally {
        await stop();
      }
    });

    it('know the newest backup after a restart', async () => {
      await fixture.stopService();
      await fixture.startService();
      ({ api } = fixture);
      const text = await scrape();
      assert.equal(valueOf(text, 'davenport_backups'), 1);
      assert.equal(valueOf(text, 'davenport_backups_total{outcome="complete"}'), 0);
      assert.ok(valueOf(text, 'davenport_backup_age_seconds') < 600);
    });

    it('show no secret and no name of a database', async () => {
      const text = await scrape();
      assert.ok(!text.includes(fixture.key.api_key));
      assert.ok(!text.includes(fixture.key.api_secret));
      assert.ok(!text.includes('athena'));
    });

    it('are all documented, as is what the alerts ask for', async () => {
      const read = (path) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
      const documented = new Set((await read('docs/monitoring.md')).match(/\b(davenport|process)_[a-z_]+/g));
      const served = [...(await scrape()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
      assert.ok(served.length > 20);
      assert.deepEqual(served.filter((name) => !documented.has(name)), []);
      const asked = (await read('packaging/prometheus/davenport-alerts.yml')).match(/\bdavenport_[a-z_]+/g);
      assert.deepEqual(asked.filter((name) => !documented.has(name)), []);
    });

    for (const access of ['loopback', 'anyone']) {
      it(`are open to this machine with metrics.access = "${access}"`, { skip: onCouchDb }, async () => {
        const { service, stop } = await another(access, { DAVENPORT_METRICS_ACCESS: access });
        await scrape(service.api()).finally(stop);
      });
    }
  });

  describe('request ids', () => {
    it('go out as they came in, or are made', async () => {
      const given = await api.get('/health', { headers: { 'x-request-id': 'trace-me-1' } });
      assert.equal(given.headers['x-request-id'], 'trace-me-1');
      const made = await api.get('/health', { headers: { 'x-request-id': 'no good {}' } });
      assert.match(made.headers['x-request-id'], /^[\w-]{10,64}$/);
    });

    it('stand in the lines of the log', async () => {
      await api.get('/ak/api/v3/backups?secret=in-the-query', { headers: { 'x-request-id': 'trace-me-2' } });
      const line = await eventually('the line', () => lines().find(({ request_id: id }) => id === 'trace-me-2'));
      assert.equal(line.level, 'debug');
      assert.equal(line.message.split(' ').slice(0, 2).join(' '), 'GET /ak/api/v3/backups');
      assert.equal(line.route, '/ak/api/v3/backups');
      assert.equal(line.remote, '127.0.0.1');
      assert.equal(typeof line.duration_ms, 'number');
      assert.ok(line.bytes > 0);
    });
  });

  describe('the log', () => {
    it('says what job a line is about', async () => {
      const { id } = await api.backup();
      const line = await eventually('the line', () => lines().find(({ job_id: job }) => job === id));
      assert.equal(line.level, 'info');
      assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    it('holds no secret, even at the level trace', async () => {
      const token = (await api.expect(200, 'POST', '/ak/api/v3/identity/token', {})).json.access_token;
      const made = (await api.expect(200, 'POST', '/ak/api/v3/permissions/keys', { roles: ['reader'] })).json;
      const { cookie, api: session } = await fixture.session();
      await session.expect(200, 'GET', '/api/v3/auth/session');
      await fixture.service.api({ token }).expect(200, 'GET', '/ak/api/v3/jobs');
      await fixture.service.api({ api_key: fixture.key.api_key, api_secret: 'a-wrong-secret' }).get('/ak/api/v3/jobs');
      await api.get(`/api/v2.1/rest/exports/x/download?app=a&expires=1&signature=a-signature`);
      await api.request('GET', '/nonsense?password=a-password');
      await api.get('/health', { headers: { 'x-request-id': 'the-last-one' } });
      await eventually('all is written', () => fixture.service.log.includes('the-last-one'));
      const { log } = fixture.service;
      const secrets = {
        token, secret: made.api_secret, own: fixture.key.api_secret, cookie: cookie.split(';')[0].split('=')[1],
        wrong: 'a-wrong-secret', signature: 'a-signature', query: 'a-password',
        basic: Buffer.from(`${fixture.key.api_key}:${fixture.key.api_secret}`).toString('base64'),
      };
      for (const [what, secret] of Object.entries(secrets)) assert.ok(!log.includes(secret), `${what} is in the log`);
    });

    it('is plain text by default, without lines of requests', { skip: onCouchDb }, async () => {
      const { service, stop } = await another('text');
      await service.api().expect(200, 'GET', '/health').finally(stop);
      assert.match(service.log, /^\d{4}-\d\d-\d\dT[\d:.]+Z info davenport .*\n\S+ info signal 15: finishing requests\n$/);
    });

    it('says at the start what was started', async () => {
      const own = await Fixture.create({ DAVENPORT_LOG_FORMAT: 'json', DAVENPORT_SCHEDULES_BACKUP: '0 1 * * *' });
      try {
        const start = () => own.service.log.split('\n').filter(Boolean).map((line) => JSON.parse(line).message).find((text) => text.startsWith('davenport '));
        const databases = onCouchDb ? 'on http://127\\.0\\.0\\.1:\\d+/?' : 'embedded';
        const encryption = own.settings.DAVENPORT_ENCRYPTION_KEY ? 'encrypted for master-[0-9a-f]+' : 'not encrypted';
        const expected = (backups, schedules) => new RegExp(`^davenport \\d\\S+: data in ${own.dataDir}, databases ${databases}, backups ${backups}, signed with [0-9a-f]+, active schedules: ${schedules}$`);
        assert.match(start(), expected(encryption, 1));
        await own.api.expect(200, 'POST', '/ak/api/v3/schedules/default-backup/pause');
        await own.stopService();
        const { stdout } = await must(['encryption', 'generate', '--recipient', join(own.dataDir, 'identity')]);
        Object.assign(own.settings, { DAVENPORT_ENCRYPTION_RECIPIENTS: stdout.trim(), DAVENPORT_ENCRYPTION_KEY: '', DAVENPORT_ENCRYPTION_KEY_FILE: '' });
        await own.startService();
        assert.match(start(), expected("encrypted for x25519-[0-9a-f]+, which this machine can't read itself", 0));
      } finally {
        await own.remove();
      }
    });

    it('has two formats, and no third', async () => {
      const { code, stderr } = await run(['serve', '--data', fixture.dataDir], { settings: { DAVENPORT_LOG_FORMAT: 'xml' } });
      assert.equal(code, 3);
      assert.match(stderr, /log\.format/);
      const other = await run(['serve', '--data', fixture.dataDir], { settings: { DAVENPORT_METRICS_ACCESS: 'nobody' } });
      assert.equal(other.code, 3);
      assert.match(other.stderr, /metrics\.access/);
    });
  });

  describe('jobs', () => {
    it('are listed newest first, and shown one by one', async () => {
      const { id } = await api.backup();
      const { json } = await api.expect(200, 'GET', '/ak/api/v3/jobs?kind=backup');
      assert.equal(json.jobs[0].id, id);
      assert.ok(json.jobs.every(({ kind }) => kind === 'backup'));
      const times = json.jobs.map((job) => job.created_timestamp);
      assert.deepEqual(times, [...times].sort((a, b) => b - a));
      const one = (await api.expect(200, 'GET', `/ak/api/v3/jobs/${id}`)).json;
      assert.equal(one.state, 'succeeded');
      assert.equal(one.attempts, 1);
      assert.ok(one.finished_timestamp >= one.started_timestamp);
      assert.equal(typeof one.progress.done, 'number');
      assert.equal(one.parameters, undefined);
      assert.equal((await api.expect(200, 'GET', '/ak/api/v3/jobs?limit=1')).json.jobs.length, 1);
    });

    it('take only what they know', async () => {
      for (const query of ['limit=1001', 'limit=x', 'limit=-1', 'unknown=1', 'limit=1&limit=2']) {
        assert.equal((await api.get(`/ak/api/v3/jobs?${query}`)).status, 400, query);
      }
      assert.equal((await api.get('/ak/api/v3/jobs/nothing')).status, 404);
      assert.equal((await fixture.anonymous().get('/ak/api/v3/jobs')).status, 401);
      assert.equal((await (await fixture.apiOf('reader')).get('/ak/api/v3/jobs')).status, 403);
      await (await fixture.apiOf('auditor')).expect(200, 'GET', '/ak/api/v1/jobs');
    });

    it('are shown on the command line, here and from afar', async () => {
      const key = `${fixture.key.api_key}:${fixture.key.api_secret}`;
      const remote = ['--url', fixture.url, '--key', key];
      const listed = JSON.parse((await must(['jobs', '--json', ...remote])).stdout);
      const [{ id, kind }] = listed.jobs;
      const shown = JSON.parse((await must(['jobs', id, '--json', ...remote])).stdout);
      assert.equal(shown.id, id);
      const plain = (await must(['jobs', '--limit', '1', '--kind', kind, ...remote])).stdout;
      assert.ok(plain.startsWith(`${id}  20`), plain);
      assert.equal(plain.split('\n').length, 2);
      const local = JSON.parse((await must(['jobs', '--json', '--data', fixture.dataDir],
        { settings: fixture.settings })).stdout);
      assert.ok(local.jobs.some((job) => job.id === id));
      assert.notEqual((await run(['jobs', 'nothing', ...remote])).code, 0);
      assert.equal((await run(['jobs', '--limit', '0', ...remote])).code, 2);
    });
  });

  describe('the description of the routes', () => {
    it('is there for everybody, and tells of what the service answers', async () => {
      const reply = await fixture.anonymous().expect(200, 'GET', '/openapi.json');
      const document = reply.json;
      const { valid, errors } = await new Validator().validate(structuredClone(document));
      assert.ok(valid, JSON.stringify(errors));
      assert.equal(document.openapi, '3.1.0');
      for (const path of ['/health', '/metrics', '/ak/api/v3/backups/{id}', '/api/v1/jobs', '/couchdb/{db}/_bulk_docs',
        '/api/v2.1/rest/post_comment', '/openapi.json']) {
        assert.ok(document.paths[path], path);
      }
      // What is refused without credentials says so, and what is not does not.
      for (const [path, item] of Object.entries(document.paths)) {
        if (!item.get || path.includes('{')) continue;
        const { status } = await fixture.anonymous().get(path);
        assert.notEqual(status, 404, path);
        assert.equal(status === 401, item.get.security.length > 0, `${path}: ${status}`);
      }
    });
  });
});
