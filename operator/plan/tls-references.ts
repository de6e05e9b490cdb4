/** Which keys of which Secrets encryption needs. */
import { issuedSecretName } from '../api/names.ts';
import type { ClientTls, PoolerSpec, SecretKeyRef } from '../api/types.ts';
import type { SecretReference } from './secret-references.ts';

export const isOn = <T extends { readonly mode: string }>(side: T | undefined): side is T =>
  side !== undefined && side.mode !== 'disable';

/** Every key of a Secret that encryption needs. */
export function tlsReferences(spec: PoolerSpec, pooler: string): readonly SecretReference[] {
  const { client, server } = spec.tls ?? {};
  return [
    ...(isOn(client) ? [...pairOf(servedRef(client, pooler)), ...caReferences(client, 'spec.tls.client')] : []),
    ...servedAuthorityReferences(spec, pooler),
    ...(isOn(server)
      ? [
          ...caReferences(server, 'spec.tls.server'),
          ...(server.certificateSecretRef === undefined
            ? []
            : pairOf({ path: 'spec.tls.server.certificateSecretRef', name: server.certificateSecretRef.name })),
        ]
      : []),
  ];
}

/** The Secret with the certificate that is served, and the field that says so. */
export const servedRef = (
  { secretRef }: ClientTls,
  pooler: string,
): { readonly path: string; readonly name: string } =>
  secretRef === undefined
    ? { path: 'spec.tls.client.certificate', name: issuedSecretName(pooler) }
    : { path: 'spec.tls.client.secretRef', name: secretRef.name };

export const pairOf = ({ path, name }: { readonly path: string; readonly name: string }): readonly SecretReference[] =>
  ['tls.crt', 'tls.key'].map((key) => ({ path, ref: { name, key } }));

export const caReferences = (
  side: { readonly caSecretRef?: SecretKeyRef; readonly caSecretRefs?: readonly SecretKeyRef[] },
  path: string,
): readonly SecretReference[] => [
  ...(side.caSecretRef === undefined ? [] : [{ path: `${path}.caSecretRef`, ref: side.caSecretRef }]),
  ...(side.caSecretRefs ?? []).map((ref, index) => ({ path: `${path}.caSecretRefs[${index}]`, ref })),
];

/** What connection Secrets tell applications of the certificate they will meet, as far as its own Secret tells it. */
export function servedAuthorityReferences(spec: PoolerSpec, pooler: string): readonly SecretReference[] {
  const client = spec.tls?.client;
  if (!isOn(client) || (spec.connectionSecrets ?? []).length === 0) return [];
  const { path, name } = servedRef(client, pooler);
  return [{ path, ref: { name, key: 'ca.crt' }, optional: true }];
}
