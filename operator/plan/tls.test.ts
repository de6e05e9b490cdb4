import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { parseIni } from '../pgbouncer/parse-ini.ts';
import { parseVersion, type Version } from '../pgbouncer/version.ts';
import { planConfig } from './config.ts';
import { filesOfRevision, isAuthentic } from './revision-files.ts';
import { type Issued, issue, issueAuthority } from './testing/issue.ts';
import { PASSWORDS, validated } from './testing/planned.ts';
import { servedIn } from './tls-files.ts';
import { tlsReferences } from './tls-references.ts';

const AUTHORITY = issueAuthority('authority');
const OTHER = issueAuthority('other');
const SERVED = issue({
  commonName: 'app',
  use: 'server',
  issuer: AUTHORITY,
  names: ['app', 'app.shop', 'app.shop.svc'],
});
const CLIENT = issue({ commonName: 'pooler', use: 'client', issuer: AUTHORITY });
const KEY = 'key of the revision';

const asSecret = (name: string, { certificate, key }: Issued): Readonly<Record<string, string>> => ({
  [`${name}/tls.crt`]: certificate,
  [`${name}/tls.key`]: key,
});
const SECRETS: Readonly<Record<string, string>> = {
  ...asSecret('tls', SERVED),
  ...asSecret('app-issued-tls', SERVED),
  ...asSecret('pooler', CLIENT),
  'ca/ca.crt': AUTHORITY.certificate,
  'both/ca.crt': OTHER.certificate + AUTHORITY.certificate,
};
const REF = { name: 'ca', key: 'ca.crt' } as const;
const PAIR = { secretRef: { name: 'tls' } } as const;

const specOf = (fields: object): PoolerSpec => {
  const result = validated({ backends: [{ host: 'pg' }], ...fields });
  assert.ok(result.spec, result.spec ? '' : result.faults.map(formatFault).join('\n'));
  return result.spec;
};
function plan(tls: object, { secrets = SECRETS, version = '1.26.1', fields = {} } = {}) {
  return planConfig({
    spec: specOf({ tls, ...fields }),
    name: 'app',
    namespace: 'shop',
    version: parseVersion(version) as Version,
    holders: 4,
    passwords: PASSWORDS,
    revisionKey: KEY,
    lookup: ({ name, key }) => {
      const value = secrets[`${name}/${key}`];
      return value === undefined ? { found: false, problem: 'does not exist: …' } : { found: true, value };
    },
    consoleCertificates: ['operator 1\n', 'operator 2\n'],
  });
}
test('a list of hosts is verified in full only by a version that compares each host by itself', () => {
  const tls = { server: { mode: 'verify-full', caSecretRef: REF } };
  const backends = [
    { name: 'one', hosts: ['a', 'b'] },
    { name: 'two', hosts: ['c'] },
  ];
  const databases = [{ name: 'app', backend: 'two', fallbackBackend: 'one' }];
  const faultsAt = (version: string, server: object = tls.server) =>
    plan({ server }, { version, fields: { backends, databases } }).faults.spec.map(formatFault);
  const said = (path: string, value: string) =>
    `${path}: makes a list of hosts, and PgBouncer 1.24.1 looks for all of it in a server's certificate when spec.tls.server.mode is verify-full, so that it reaches none (${value}); use PgBouncer 1.25 or newer, verify-ca, or one host`;
  assert.deepEqual(faultsAt('1.24.1'), [
    said('spec.backends[0].hosts', '["a","b"]'),
    said('spec.databases[0].fallbackBackend', '"one"'),
  ]);
  assert.deepEqual(faultsAt('1.25.0'), []);
  assert.deepEqual(faultsAt('1.24.1', { mode: 'verify-ca', caSecretRef: REF }), []);
});

const settingsOf = (planned: ReturnType<typeof plan>): ReadonlyMap<string, string> =>
  new Map(planned.config?.ini.pgbouncer.filter(([key]) => key.includes('_tls')));
const fileOf = (planned: ReturnType<typeof plan>, key: string): string =>
  planned.config?.files[settingsOf(planned).get(key)?.split('/').at(-1) ?? ''] ?? '';
const faultsOf = ({ tls, faults }: ReturnType<typeof plan>): readonly string[] =>
  [...tls.faults.certificates, ...faults.spec, ...faults.credentials].map(formatFault);

test('without a word of it nothing is encrypted for clients, and servers are asked', () => {
  const { config } = plan({});
  assert.deepEqual(
    config?.ini.pgbouncer.filter(([key]) => /_tls_(sslmode|\w+_file)/.test(key)),
    [
      ['client_tls_sslmode', 'disable'],
      ['server_tls_sslmode', 'prefer'],
    ],
  );
  assert.equal(config?.served, undefined);
});

test('the mode stands before what may stop a reload, and its files right after it', () => {
  const keys =
    plan({ client: { mode: 'verify-full', caSecretRef: REF, ...PAIR } }).config?.ini.pgbouncer.map(([key]) => key) ??
    [];
  const at = keys.indexOf('client_tls_sslmode');
  assert.ok(at >= 0 && at < keys.indexOf('max_client_conn'));
  assert.deepEqual(keys.slice(at, at + 5), [
    'client_tls_sslmode',
    'client_tls_cert_file',
    'client_tls_key_file',
    'client_tls_ca_file',
    'client_tls_protocols',
  ]);
});

test('everything that is referred to becomes a file of its own, and is named in the ini', () => {
  const planned = plan({
    client: { mode: 'verify-ca', caSecretRef: REF, minVersion: '1.3', ...PAIR },
    server: {
      mode: 'verify-full',
      caSecretRef: REF,
      caSecretRefs: [{ name: 'both', key: 'ca.crt' }],
      certificateSecretRef: { name: 'pooler' },
      ciphers: 'HIGH',
      tls13Ciphers: 'TLS_AES_256_GCM_SHA384',
      maxVersion: '1.2',
    },
  });
  assert.deepEqual(faultsOf(planned), []);
  assert.equal(fileOf(planned, 'client_tls_cert_file'), SERVED.certificate);
  assert.equal(fileOf(planned, 'client_tls_key_file'), SERVED.key);
  assert.equal(fileOf(planned, 'client_tls_ca_file'), `${AUTHORITY.certificate}operator 1\noperator 2\n`);
  // Each authority once, whichever bundles it stands in.
  assert.equal(fileOf(planned, 'server_tls_ca_file'), AUTHORITY.certificate + OTHER.certificate);
  assert.equal(fileOf(planned, 'server_tls_cert_file'), CLIENT.certificate);
  const settings = settingsOf(planned);
  assert.equal(settings.get('client_tls_protocols'), 'tlsv1.3');
  assert.equal(settings.get('server_tls_protocols'), 'tlsv1.2');
  assert.equal(settings.get('server_tls_ciphers'), 'HIGH');
  assert.equal(settings.get('server_tls13_ciphers'), 'TLS_AES_256_GCM_SHA384');
  assert.deepEqual(
    planned.tls.certificates.map(({ field }) => field),
    [
      'spec.tls.client.secretRef',
      'spec.tls.client.caSecretRef',
      'spec.tls.server.caSecretRef',
      'spec.tls.server.caSecretRefs[0]',
      'spec.tls.server.certificateSecretRef',
    ],
  );
});

test('where no client is verified, PgBouncer is still given a file of authorities, or it would look for the system’s', () => {
  for (const mode of ['allow', 'prefer', 'require'] as const) {
    const settings = settingsOf(plan({ client: { mode, ...PAIR } }));
    assert.ok(settings.get('client_tls_cert_file'));
    assert.equal(settings.get('client_tls_ca_file'), settings.get('client_tls_cert_file'));
  }
});

test('a file is called after what is in it: another size of a pool renames none, another certificate its own', () => {
  const tls = { client: { mode: 'require', ...PAIR }, server: { mode: 'verify-full', caSecretRef: REF } };
  const before = settingsOf(plan(tls));
  const larger = plan(tls, { fields: { maxClientConnections: 7 } });
  assert.deepEqual(settingsOf(larger), before);
  const renewed = issue({ commonName: 'app', use: 'server', issuer: AUTHORITY });
  const after = settingsOf(plan(tls, { secrets: { ...SECRETS, ...asSecret('tls', renewed) } }));
  assert.equal(after.get('server_tls_ca_file'), before.get('server_tls_ca_file'));
  assert.notEqual(after.get('client_tls_cert_file'), before.get('client_tls_cert_file'));
  assert.notEqual(after.get('client_tls_key_file'), before.get('client_tls_key_file'));
});

test('the files of a revision are found by its ini, and one that was touched is noticed', () => {
  const tls = { client: { mode: 'require', ...PAIR } };
  const config = plan(tls).config;
  const other = plan({ ...tls, server: { mode: 'verify-ca', caSecretRef: REF } }).config;
  assert.ok(config && other);
  const together = { ...config.files, ...other.files };
  assert.deepEqual(filesOfRevision(together, config.revision), config.files);
  assert.ok(isAuthentic(together, config.revision, KEY));
  const [name = ''] = Object.keys(config.files).filter((file) => file.endsWith('.client.crt'));
  assert.ok(!isAuthentic({ ...together, [name]: other.files[name]?.replace('A', 'B') ?? '' }, config.revision, KEY));
  const parsed = parseIni(config.files[`${config.revision}.ini`] ?? '', parseVersion('1.26.1') as Version);
  assert.ok(parsed.ok);
  assert.deepEqual(servedIn(parsed.ini, config.files), config.served);
});

test('what is wrong names field, Secret and key, and nothing of the content', () => {
  const tls = { client: { mode: 'require', ...PAIR }, server: { mode: 'verify-full', caSecretRef: REF } };
  const { 'tls/tls.key': _key, 'ca/ca.crt': _ca, ...rest } = SECRETS;
  assert.deepEqual(faultsOf(plan(tls, { secrets: { ...rest, 'ca/ca.crt': 'planted-secret' } })), [
    'spec.tls.client.secretRef: does not exist: … ("tls/tls.key"); create it, or correct the reference',
    'spec.tls.server.caSecretRef: is not made of certificates in PEM ("ca/ca.crt"); put certificates there, each from BEGIN to END CERTIFICATE',
  ]);
});

test('a bundle of which no Secret could hold two is refused with the arithmetic; what is referred to twice counts once', () => {
  const names = Array.from({ length: 1200 }, (_, index) => `a-long-name-of-a-server-${index}.example.com`);
  const refs = Array.from({ length: 8 }, (_, index) => ({ name: `ca-${index}`, key: 'ca.crt' }));
  const server = { mode: 'verify-full', caSecretRefs: refs };
  const bundles = (make: () => Issued) =>
    Object.fromEntries(refs.map(({ name, key }) => [`${name}/${key}`, make().certificate]));
  assert.match(
    faultsOf(plan({ server }, { secrets: bundles(() => issueAuthority('large', { names })) })).join(),
    /^spec\.tls: makes a configuration of \d{6} bytes \(\d{6} for certificates\), and a Secret of 1048576 bytes must hold two of them, 523776 each; put the authorities/,
  );
  const large = issueAuthority('large', { names });
  assert.deepEqual(faultsOf(plan({ server }, { secrets: bundles(() => large) })), []);
});

test('what a version does not know, or OpenSSL, is a fault of the specification', () => {
  const server = { mode: 'prefer', tls13Ciphers: 'TLS_AES_256_GCM_SHA384' };
  assert.match(
    faultsOf(plan({ server }, { version: '1.24.1' })).join(),
    /tls13Ciphers: needs PgBouncer 1\.25\.0 or newer, and this pooler has 1\.24\.1/,
  );
  assert.match(faultsOf(plan({ server: { mode: 'prefer', ciphers: 'nonsense' } })).join(), /ciphers: names no cipher/);
  assert.match(
    faultsOf(plan({ server: { mode: 'prefer', tls13Ciphers: 'TLS_NONSENSE' } })).join(),
    /does not know for TLS 1\.3/,
  );
});

test('a mode that is off refers to nothing', () => {
  const off = specOf({ tls: { client: { mode: 'disable', ...PAIR }, server: { mode: 'disable', caSecretRef: REF } } });
  assert.deepEqual(tlsReferences(off, 'app'), []);
});

test('a certificate by cert-manager is looked for in a Secret that is called after the pooler', () => {
  const issued = { client: { mode: 'require', certificate: { issuerRef: { name: 'ours' } } } };
  assert.equal(fileOf(plan(issued), 'client_tls_cert_file'), SERVED.certificate);
  assert.match(
    faultsOf(plan(issued, { secrets: {} })).join(),
    /^spec\.tls\.client\.certificate: does not exist: … \("app-issued-tls\/tls\.crt"\); wait for cert-manager/,
  );
});
