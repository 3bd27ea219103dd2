// Commands on a service whose certificate comes from an authority that the system does not know.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createKey, removeDirectory, run, Service, temporaryDirectory } from '../../scripts/lib/davenport.mjs';

describe('command line on a service with TLS', () => {
  let directory;
  let service;
  let place;
  const file = (name) => join(directory, name);

  // An authority of one's own, and what it vouches for.
  async function makeCertificates() {
    const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
    for (const name of ['ca', 'other']) {
      openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
        '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`));
    }
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=service', '-keyout', file('service.key'), '-out', file('service.csr'));
    await writeFile(file('service.ext'), 'subjectAltName=IP:127.0.0.1\n');
    openssl('x509', '-req', '-in', file('service.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-days', '2', '-extfile', file('service.ext'),
      '-out', file('service.pem'));
  }

  before(async () => {
    directory = await temporaryDirectory();
    await makeCertificates();
    const { api_key, api_secret } = await createKey(file('data'));
    service = await Service.start({
      dataDir: file('data'),
      settings: { DAVENPORT_HTTP_TLS_CERTIFICATE_FILE: file('service.pem'), DAVENPORT_HTTP_TLS_KEY_FILE: file('service.key') },
    });
    assert.match(service.url, /^https:/);
    place = ['--url', service.url, '--key', `${api_key}:${api_secret}`];
  });
  after(async () => {
    assert.equal(await service?.stop(), 0);
    await removeDirectory(directory);
  });

  const system = { CURL_CA_BUNDLE: '', SSL_CERT_FILE: '' };  // whatever this machine's environment says
  const list = (args = [], settings = {}) => run(['list', '--json', ...place, ...args], { settings: { ...system, ...settings } });

  it('knows it by the authority that is named', async () => {
    for (const [args, settings] of [[['--ca-file', file('ca.pem')]], [[], { CURL_CA_BUNDLE: file('ca.pem') }], [[], { SSL_CERT_FILE: file('ca.pem') }],
      [['--ca-file', file('ca.pem')], { CURL_CA_BUNDLE: file('other.pem') }], [[], { CURL_CA_BUNDLE: file('ca.pem'), SSL_CERT_FILE: file('other.pem') }]]) {
      const { code, stdout, stderr } = await list(args, settings);
      assert.equal(code, 0, `${args} ${Object.keys(settings ?? {})}: ${stderr}`);
      assert.deepEqual(JSON.parse(stdout).ids, []);
    }
  });

  it('talks to nobody else', async () => {
    for (const [args, settings] of [[[]], [['--ca-file', file('other.pem')]], [['--ca-file', file('other.pem')], { CURL_CA_BUNDLE: file('ca.pem') }]]) {
      const { code, stdout, stderr } = await list(args, settings);
      assert.deepEqual([code, stdout], [8, '']);
      assert.match(stderr, /certificate.*--ca-file/);
    }
    const { port } = new URL(service.url);
    const misnamed = await run(['list', '--url', `https://localhost:${port}`, '--key', 'a:b', '--ca-file', file('ca.pem')]);
    assert.deepEqual([misnamed.code, misnamed.stdout], [8, '']);
  });

  it('says when the file is of no use', async () => {
    for (const name of ['nowhere', 'ca.key']) {
      const { code, stderr } = await list(['--ca-file', file(name)]);
      assert.equal(code, 3, stderr);
      assert.match(stderr, new RegExp(`${name} can't be read as certificates in PEM`));
    }
  });
});
