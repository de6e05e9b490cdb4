/**
 * What an operator that was just started would read of each pooler one by one, read in pages instead: the logins to the
 * consoles, and whether the configuration Secrets are as an operator before this one wrote them. A thousand poolers are
 * twenty calls and not two thousand. Only a head start: what fails here is read when it is needed.
 */
import { ANNOTATION_POINTER, LABEL_INSTANCE, LABEL_MANAGED_BY, LABEL_ROLE, MANAGED_BY } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { pages } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { isIntactConnection } from '../plan/connection-secrets.ts';
import { isIntact } from '../plan/revision-files.ts';
import { type Log, messageOf } from '../runtime/log.ts';
import type { AdminCredentialStore } from './admin-credentials.ts';
import type { Caches } from './caches.ts';
import type { MemoryStore } from './memory.ts';
import { filesIn, type SecretObject } from './secret-object.ts';

export interface FirstLook {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly credentials: AdminCredentialStore;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly log: Log;
}

/** Small enough that a page of configurations, the largest of our Secrets, is a few megabytes. */
const PAGE = 100;

/** The logins to all consoles; for every replica of the operator, they all observe. */
export function learnCredentials(look: FirstLook): Promise<void> {
  return eachSecret(look, 'admin', (pooler, secret) => look.credentials.learn(pooler, secret));
}

/** Which configuration Secrets are what they were; for the leader. */
export function verifyConfigs(look: FirstLook, memories: MemoryStore): Promise<void> {
  return eachSecret(look, 'config', async (pooler, secret) => {
    const { namespace, name } = pooler.metadata;
    const pointer = secret.metadata.annotations?.[ANNOTATION_POINTER];
    const own = await look.credentials.peek(pooler);
    if (pointer === undefined || own === undefined || !isIntact(filesIn(secret), pointer, own.revisionKey)) return;
    memories.of(`${namespace}/${name}`, pooler).verifiedSecret = secret.metadata.resourceVersion;
  });
}

/** Which connection Secrets hold what an operator before this one wrote into them; for the leader. */
export async function verifyConnections(look: FirstLook, memories: MemoryStore): Promise<void> {
  if (!look.caches.poolers.list().some(({ spec }) => Array.isArray(spec.connectionSecrets))) return;
  await eachSecret(look, 'connection', async (pooler, secret) => {
    const { namespace, name } = pooler.metadata;
    const own = await look.credentials.peek(pooler);
    if (own === undefined || !isIntactConnection(secret, own.revisionKey)) return;
    const version = secret.metadata.resourceVersion;
    memories.of(`${namespace}/${name}`, pooler).connections.set(secret.metadata.name, { version, desired: undefined });
  });
}

async function eachSecret(
  { client, caches, namespaces, log }: FirstLook,
  role: 'admin' | 'config' | 'connection',
  see: (pooler: ConnectionPooler, secret: SecretObject) => Promise<void> | void,
): Promise<void> {
  // A few are read as they are needed; what is not there need not be asked for.
  if (caches.poolers.list().length === 0) return;
  const labelSelector = `${LABEL_MANAGED_BY}=${MANAGED_BY},${LABEL_ROLE}=${role}`;
  try {
    for (const namespace of namespaces.length === 0 ? [undefined] : namespaces) {
      for await (const secrets of pages<SecretObject>(client, SECRETS, namespace, { labelSelector, limit: PAGE })) {
        for (const secret of secrets) {
          const pooler = caches.poolers.get(`${secret.metadata.namespace}/${secret.metadata.labels?.[LABEL_INSTANCE]}`);
          if (pooler !== undefined) await see(pooler, secret);
        }
      }
    }
  } catch (error) {
    log('the first look at Secrets failed; each is read when it is needed', { role, error: messageOf(error) });
  }
}
