/** Removes configuration Secrets of templates that no pod and no ReplicaSet with pods names any more. */
import {
  configSecretName,
  LABEL_INSTANCE,
  LABEL_MANAGED_BY,
  LABEL_ROLE,
  LABEL_TEMPLATE,
  MANAGED_BY,
} from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { list, removeIfThere } from '../kube/operations.ts';
import { REPLICA_SETS, SECRETS } from '../kube/resources.ts';
import type { PodView } from '../plan/pods.ts';
import { BY_POOLER } from './caches.ts';
import { liveTemplateOf } from './converge-deployment.ts';
import type { PoolerDependencies } from './dependencies.ts';

interface ReplicaSetObject extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
  };
  readonly status?: { readonly replicas?: number };
}

/** ReplicaSets are not watched, and say that they are empty a moment after their last pod has gone. */
const RETRY_MS = 2_000;

/** @returns milliseconds after which to look again, when something is left that is still in use */
export async function removeOldConfig(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  template: string,
  pods: readonly PodView[],
  key: string,
): Promise<number | undefined> {
  const { namespace = 'default', name } = pooler.metadata;
  const kept = new Set([
    template,
    liveTemplateOf(deps.caches.deployments.get(key)),
    ...pods.map((pod) => pod.template),
  ]);
  const unused = deps.caches.secrets
    .byIndex(BY_POOLER, key)
    .filter((secret) => secret.metadata.labels?.[LABEL_ROLE] === 'config')
    .filter((secret) => secret.metadata.name === configSecretName(name, secret.metadata.labels?.[LABEL_TEMPLATE] ?? ''))
    .filter((secret) => !kept.has(secret.metadata.labels?.[LABEL_TEMPLATE]));
  // While a rollout is under way the old template may have to come back.
  const rolling = pods.some((pod) => pod.template !== template);
  if (unused.length === 0 || rolling) return undefined;

  const sets = await list<ReplicaSetObject>(deps.client, REPLICA_SETS, namespace, {
    labelSelector: `${LABEL_INSTANCE}=${name},${LABEL_MANAGED_BY}=${MANAGED_BY}`,
  });
  const named = new Set(
    sets.items
      .filter((set) => (set.spec.replicas ?? 0) + (set.status?.replicas ?? 0) > 0)
      .map((set) => set.spec.template.metadata.labels[LABEL_TEMPLATE]),
  );
  const inUse = unused.filter((secret) => named.has(secret.metadata.labels?.[LABEL_TEMPLATE]));
  for (const secret of unused) {
    if (inUse.includes(secret)) continue;
    await removeIfThere(deps.client, SECRETS, namespace, secret.metadata.name, {
      ...(secret.metadata.uid === undefined ? {} : { uid: secret.metadata.uid }),
    });
  }
  return inUse.length > 0 ? RETRY_MS : undefined;
}
