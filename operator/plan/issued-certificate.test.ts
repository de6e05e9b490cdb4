import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionPooler } from '../api/types.ts';
import { issuedCertificate } from './issued-certificate.ts';
import { validated } from './testing/planned.ts';

function poolerOf(client: object, name = 'app'): ConnectionPooler {
  const { spec } = validated({ backends: [{ host: 'pg' }], tls: { client } });
  assert.ok(spec);
  return {
    apiVersion: 'poolkeeper.dev/v1alpha1',
    kind: 'ConnectionPooler',
    metadata: { name, namespace: 'shop', uid: 'u' },
    spec,
  };
}
const ISSUER = { issuerRef: { name: 'ours' } } as const;

test('cert-manager is asked for every name of the Service, and the ones beside them, each once', () => {
  const planned = issuedCertificate(
    poolerOf({ mode: 'require', certificate: { ...ISSUER, dnsNames: ['db.example.com', 'app.shop'] } }),
    'cluster.local',
  );
  assert.equal(planned?.metadata.name, 'app-issued-tls');
  assert.deepEqual(planned?.['spec'], {
    secretName: 'app-issued-tls',
    commonName: 'app.shop.svc',
    dnsNames: ['app', 'app.shop', 'app.shop.svc', 'app.shop.svc.cluster.local', 'db.example.com'],
    usages: ['digital signature', 'server auth'],
    privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
    issuerRef: { name: 'ours', kind: 'Issuer', group: 'cert-manager.io' },
  });
});

test('a name that is too long for a common name is left to the others', () => {
  const pooler = poolerOf({ mode: 'require', certificate: ISSUER }, 'a'.repeat(50));
  const long = { ...pooler, metadata: { ...pooler.metadata, namespace: 'n'.repeat(20) } };
  assert.ok(!Object.hasOwn(Object(issuedCertificate(long, 'cluster.local')?.['spec']), 'commonName'));
});

test('nothing is asked where nothing is served, or something else', () => {
  assert.equal(issuedCertificate(poolerOf({ mode: 'disable', certificate: ISSUER }), 'x'), undefined);
  assert.equal(issuedCertificate(poolerOf({ mode: 'require', secretRef: { name: 'tls' } }), 'x'), undefined);
});
