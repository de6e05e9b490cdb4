/** What is asked of cert-manager: a certificate for the names under which clients reach the Service, and its renewal. */
import { issuedSecretName } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { metadataOf, type PlannedObject } from './objects.ts';
import { serviceNames } from './service-names.ts';

/** Some issuers insist on one, and none may be longer. */
const COMMON_NAME_LIMIT = 64;

/** @returns undefined when the pooler asks for none */
export function issuedCertificate(pooler: ConnectionPooler, clusterDomain: string): PlannedObject | undefined {
  const { client } = pooler.spec.tls ?? {};
  if (client?.certificate === undefined || client.mode === 'disable') return undefined;
  const { issuerRef, dnsNames = [] } = client.certificate;
  const { name, namespace = 'default' } = pooler.metadata;
  const names = serviceNames(name, namespace);
  const service = names.at(-1) ?? name;
  return {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: metadataOf(pooler, issuedSecretName(name)),
    spec: {
      secretName: issuedSecretName(name),
      ...(service.length <= COMMON_NAME_LIMIT && { commonName: service }),
      dnsNames: [...new Set([...names, `${service}.${clusterDomain}`, ...dnsNames])],
      usages: ['digital signature', 'server auth'],
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
      issuerRef: { name: issuerRef.name, kind: issuerRef.kind, group: issuerRef.group },
    },
  };
}
