/**
 * Asks cert-manager for the certificate that clients meet, and hears what it says of it. Its kinds need not be installed:
 * then that is what is said, and it is tried again. The certificate itself arrives in a Secret, like any other.
 */
import { issuedSecretName } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { denialOf } from '../kube/denial.ts';
import { isNotFound } from '../kube/errors.ts';
import { removeIfThere } from '../kube/operations.ts';
import { CERTIFICATES } from '../kube/resources.ts';
import { quotable } from '../pgbouncer/text.ts';
import { issuedCertificate } from '../plan/issued-certificate.ts';
import { messageOf } from '../runtime/log.ts';
import type { CertificateObject } from './certificate-object.ts';
import { applyChild, ChildRefused, type ChildWriter } from './children.ts';
import type { PoolerDependencies } from './dependencies.ts';

export interface Issuing {
  /** Why there is no certificate yet, or none that is up to date; undefined when there is nothing to say. */
  readonly said?: string;
  /** To come again, since nobody tells when it helps. */
  readonly retryMs?: number;
}

const RETRY_MS = 15_000;

export async function convergeCertificate(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  writer: ChildWriter,
): Promise<Issuing> {
  const planned = issuedCertificate(pooler, deps.settings.clusterDomain);
  const live = deps.caches.certificates.get(`${pooler.metadata.namespace}/${issuedSecretName(pooler.metadata.name)}`);
  if (planned === undefined) {
    if (live !== undefined) await withdraw(deps, live);
    return {};
  }
  try {
    const written = await applyChild(writer, pooler, CERTIFICATES, planned, live);
    if (written.kind === 'collision')
      return { said: `${written.object} exists and belongs to ${written.owner}; remove it`, retryMs: RETRY_MS };
  } catch (error) {
    const denied = denialOf(error);
    if (denied !== undefined || error instanceof ChildRefused)
      return { said: `the Certificate cannot be written: ${quotable(messageOf(error))}`, retryMs: RETRY_MS };
    if (!isNotFound(error)) throw error;
    return {
      said: 'cert-manager is not installed in this cluster (no Certificate of cert-manager.io/v1); install it, or use secretRef',
      retryMs: RETRY_MS,
    };
  }
  const ready = live?.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True'
    ? {}
    : { said: `cert-manager says: ${quotable(ready.message ?? 'not ready')}` };
}

/** The pooler asks for none any more; the Secret stays, as cert-manager leaves it. */
async function withdraw(deps: PoolerDependencies, { metadata }: CertificateObject): Promise<void> {
  const { namespace = 'default', name, uid } = metadata;
  await removeIfThere(deps.client, CERTIFICATES, namespace, name, uid === undefined ? {} : { uid });
}
