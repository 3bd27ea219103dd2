// Made-up documents like those that a Hyperledger Fabric operations console keeps: components,
// sessions and settings of a handful of organisations. The same seed gives the same bytes.
//
//   import { consoleDocuments } from './console_documents.mjs';
//   const { athena_components, athena_sessions, athena_system } = consoleDocuments(7);
//
// or, to look at them:  node console_documents.mjs [SEED]
import { pathToFileURL } from 'node:url';
import { Random } from './random.mjs';

export const settingsId = '00_settings_athena';
const startOfTime = Date.UTC(2024, 2, 4, 9, 30);
const cities = ['lisbon', 'oslo', 'nairobi', 'quito', 'osaka', 'perth', 'riga', 'tunis', 'accra', 'turin'];
const channels = ['invoices', 'shipments', 'certificates-of-origin', 'settlement'];

class Generator {
  constructor(seed) {
    this.random = new Random(seed);
    this.now = startOfTime;
    this.port = 30000;
    this.organisations = cities.map((city) => ({
      city,
      name: city[0].toUpperCase() + city.slice(1),
      mspId: `${city}msp`,
      domain: `${city}.trade.example`,
      peers: [],
      orderers: [],
    }));
  }

  timestamp() {
    this.now += this.random.between(1_000, 3_600_000);
    return this.now;
  }

  // Base64 of a PEM block of a size that certificates have; not a real certificate.
  certificate(bytes = this.random.between(520, 760)) {
    const body = Buffer.concat([Buffer.from([0x30, 0x82]), this.random.bytes(bytes)]);
    const lines = body.toString('base64').match(/.{1,64}/g).join('\n');
    const pem = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
    return Buffer.from(pem).toString('base64');
  }

  endpoint(scheme, host) {
    this.port += 1;
    return `${scheme}://${host}:${this.port}`;
  }

  component(id, type, organisation, members) {
    return {
      _id: id,
      type,
      display_name: `${organisation.name} ${id.split('-').pop()}`,
      msp_id: organisation.mspId,
      location: this.random.pick(['ibm_saas', 'on_premises', 'other cloud']),
      tags: [type, this.random.pick(['blue', 'green', 'überwacht', '本番'])],
      scheme_version: 'v1',
      timestamp: this.timestamp(),
      ...members,
    };
  }

  node(organisation, id, type, { withGrpcWeb = false } = {}) {
    const host = `${id}.${organisation.domain}`;
    const members = {
      api_url: this.endpoint('grpcs', host),
      operations_url: this.endpoint('https', host),
      cluster_id: this.random.hex(12),
      cluster_name: `cluster-${organisation.city}`,
      resources: {
        limits: { cpu: `${this.random.between(2, 16) * 100}m`, memory: `${this.random.between(1, 8)}Gi` },
        storage: { size: `${this.random.between(20, 500)}Gi`, class: this.random.pick(['', 'silver', 'gold']) },
      },
      version: this.random.pick(['2.4.9', '2.5.4', '2.5.9']),
      node_ou: { enabled: true, client_ou_identifier: { certificate: this.certificate() } },
      tls_ca_root_cert: this.certificate(),
      pem: this.certificate(),
      last_seen: this.random.fraction(),
    };
    if (withGrpcWeb) members.grpcwp_url = this.endpoint('https', host);
    if (this.random.chance(0.3)) {
      members.api_url_saas = this.endpoint('grpcs', `saas-${host}`);
      members.operations_url_saas = this.endpoint('https', `saas-${host}`);
    }
    return this.component(id, type, organisation, members);
  }

  components() {
    const documents = [];
    for (const organisation of this.organisations) {
      const { city } = organisation;
      for (let number = 1; number <= this.random.between(5, 7); number += 1) {
        const peer = this.node(organisation, `${city}-peer${number}`, 'fabric-peer', { withGrpcWeb: true });
        peer.state_db = this.random.pick(['couchdb', 'leveldb']);
        organisation.peers.push(peer);
        documents.push(peer);
      }
      for (let number = 1; number <= 3; number += 1) {
        const orderer = this.node(organisation, `${city}-orderer${number}`, 'fabric-orderer', { withGrpcWeb: true });
        orderer.osnadmin_url = this.endpoint('https', `${orderer._id}.${organisation.domain}`);
        if (this.random.chance(0.3)) {
          orderer.osnadmin_url_saas = this.endpoint('https', `saas-${orderer._id}.${organisation.domain}`);
        }
        orderer.system_channel_id = 'testchainid';
        organisation.orderers.push(orderer);
        documents.push(orderer);
      }
      const authority = this.node(organisation, `${city}-ca`, 'fabric-ca');
      authority.api_url = this.endpoint('https', `${authority._id}.${organisation.domain}`);
      authority.ca_url = authority.api_url;
      authority.ca_name = 'ca';
      documents.push(authority, this.membership(organisation));
    }
    documents.push(...channels.map((name) => this.channel(name)), ...this.signatureCollections(40));
    documents.push({
      _id: '_design/athena_components-v1',
      language: 'javascript',
      views: {
        by_type: { map: "function (doc) {\n\tif (doc.type) { emit(doc.type, null); }\n}" },
        by_msp: { map: 'function (doc) { if (doc.msp_id) emit([doc.msp_id, doc.type], null); }', reduce: '_count' },
      },
    });
    return documents;
  }

  membership(organisation) {
    return this.component(`${organisation.city}-msp`, 'msp', organisation, {
      root_certs: [this.certificate()],
      intermediate_certs: this.random.chance(0.5) ? [this.certificate(), this.certificate()] : [],
      admins: Array.from({ length: this.random.between(1, 4) }, () => this.certificate()),
      tls_root_certs: [this.certificate()],
      revocation_list: [],
      organizational_unit_identifiers: [],
      fabric_node_ous: { enable: true },
      host_url: this.endpoint('https', `console.${organisation.domain}`),
      _attachments: {
        'crypto config.json': {
          content_type: 'application/json',
          data: Buffer.from(JSON.stringify({ msp: organisation.mspId, key: this.random.hex(400) })).toString('base64'),
        },
      },
    });
  }

  channel(name) {
    const members = this.random.sample(this.organisations, 5);
    return {
      _id: `channel-${name}`,
      type: 'fabric-channel',
      name,
      members: members.map(({ mspId }) => mspId),
      anchor_peers: members.map(({ peers }) => peers[0].api_url),
      orderers: members.map(({ orderers }) => orderers[0].api_url),
      batch: { timeout: '2s', max_message_count: 500, absolute_max_bytes: 103809024, preferred_max_bytes: 2097152 },
      timestamp: this.timestamp(),
    };
  }

  signatureCollections(count) {
    return Array.from({ length: count }, (_, index) => {
      const signers = this.random.sample(this.organisations, this.random.between(1, 4));
      return {
        _id: `sig_collection_${String(index).padStart(3, '0')}_${this.random.hex(8)}`,
        type: 'signature_collection',
        channel: this.random.pick(channels),
        originator_msp: this.random.pick(this.organisations).mspId,
        status: this.random.pick(['open', 'closed']),
        visibility: this.random.pick(['inbox', 'archive']),
        proposal: this.random.bytes(this.random.between(200, 900)).toString('base64'),
        distribute: 'all',
        orgs2sign: signers.map((organisation) => ({
          msp_id: organisation.mspId,
          optools_url: `https://console.${organisation.domain}:443/ak`,
          peers: this.random.sample(organisation.peers, 2).map(({ api_url }) => api_url)
            .concat(this.random.chance(0.2) ? [`grpcs://visitor.${organisation.domain}:7051`] : []),
          signature: this.random.chance(0.6) ? this.random.bytes(71).toString('base64') : '',
          timestamp: this.timestamp(),
        })),
        orderers: [],
        current_policy: { number_of_signatures: this.random.between(1, 4) },
        json_diff: { groups: { Application: { version: this.random.between(0, 9) } }, note: 'zero \u0000, quote " and slash \\' },
        timestamp: this.timestamp(),
      };
    });
  }

  sessions() {
    const documents = Array.from({ length: 60 }, () => ({
      _id: `sess:${this.random.hex(32)}`,
      type: 'session_athena',
      session: { cookie: { maxAge: 28_800_000, httpOnly: true, secure: true }, logged_in: this.random.chance(0.8) },
      expires: this.timestamp(),
    }));
    for (let index = 0; index < 20; index += 1) {
      documents.push({
        _id: `identity-${this.random.hex(10)}`,
        type: 'identity_link',
        email: `operator${index}@${this.random.pick(this.organisations).domain}`,
        wallets: this.random.sample(this.organisations, 3).map(({ mspId }) => mspId),
        created: this.timestamp(),
      });
    }
    documents.push({
      _id: '_design/athena_sessions-v1',
      views: { by_expiry: { map: 'function (doc) { emit(doc.expires, null); }' } },
    });
    return documents;
  }

  system() {
    const administrators = this.organisations.map(({ domain }) => `admin@${domain}`);
    const documents = [{
      _id: settingsId,
      type: 'settings',
      app_name: 'athena',
      auth_scheme: 'couchdb',
      access_list: Object.fromEntries(administrators.map((email) => [email, {
        created: this.timestamp(),
        roles: this.random.pick([['manager'], ['manager', 'writer'], ['reader']]),
        uuid: this.random.hex(32),
      }])),
      url_safe_list: ['https://left-over.example:443'],
      deployer_url: 'https://deployer.trade.example:8443/api/v3',
      host_url: 'https://console.trade.example:443',
      default_user_password_initial: false,
      max_req_per_min: 25,
      db_defs: { components: 'athena_components', sessions: 'athena_sessions', system: 'athena_system' },
      file_logging: { client: { enabled: true, level: 'warn' }, server: { enabled: true, level: 'info' } },
      timeouts: { componentMaxTimeout: 900_000, pubNotificationsTimeout: 1.5e3 },
      feature_flags: { saas_enabled: true, osnadmin_feature: true, lifecycle2_0_enabled: true },
    }];
    for (let index = 0; index < 120; index += 1) {
      const organisation = this.random.pick(this.organisations);
      documents.push({
        _id: `notification_${String(index).padStart(4, '0')}`,
        type: 'notification',
        message: this.random.pick([
          `peer of ${organisation.name} is unreachable`,
          `certificate of ${organisation.mspId} expires in ${this.random.between(1, 60)} days`,
          'Kanal "settlement" wurde geändert ✓',
        ]),
        status: this.random.pick(['success', 'error', 'pending']),
        severity: this.random.between(1, 5),
        by: this.random.pick(administrators),
        uuid: this.random.hex(32),
        ts_display: this.timestamp(),
      });
    }
    for (let index = 0; index < 15; index += 1) {
      documents.push({
        _id: `webhook_${this.random.hex(10)}`,
        type: 'webhook',
        description: this.random.pick(['upgrade a node', 'create a node', 'delete a node']),
        status: this.random.pick(['success', 'error']),
        by: this.random.pick(administrators),
        client_webhook_url: null,
        on_step: 3,
        total_steps: 3,
        ts_started: this.timestamp(),
        ts_completed: this.timestamp(),
      });
    }
    documents[1]._attachments = {
      'node.log': { content_type: 'text/plain', data: this.random.bytes(3000).toString('base64') },
      empty: { content_type: 'application/octet-stream', data: '' },
    };
    documents.push({
      _id: '_design/athena_system-v1',
      views: { notifications: { map: "function (doc) { if (doc.type === 'notification') emit(doc.ts_display, null); }" } },
    });
    return documents;
  }
}

// Database name -> documents, ready for `_bulk_docs`.
export function consoleDocuments(seed) {
  const generator = new Generator(seed);
  return {
    athena_components: generator.components(),
    athena_sessions: generator.sessions(),
    athena_system: generator.system(),
  };
}

const urlMembers = [
  'api_url', 'ca_url', 'grpcwp_url', 'operations_url', 'osnadmin_url',
  'api_url_saas', 'operations_url_saas', 'osnadmin_url_saas',
];

// What the whitelist must be after a restore: the origins of every address in the components and
// in the signature collections, and the deployer's, sorted.
export function expectedWhitelist(components, deployerUrl) {
  const addresses = components.flatMap((document) => [
    ...urlMembers.map((name) => document[name]),
    ...(document.type === 'signature_collection' ? document.orgs2sign.flatMap(({ peers }) => peers) : []),
  ]);
  if (deployerUrl) addresses.push(deployerUrl);
  const origins = addresses
    .filter((address) => typeof address === 'string')
    .map((address) => /^([a-z]+:\/\/[^/:]+:\d+)/.exec(address)[1]);
  return [...new Set(origins)].sort();
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const seed = Number(process.argv[2] ?? 1);
  process.stdout.write(`${JSON.stringify(consoleDocuments(seed), null, 2)}\n`);
}
