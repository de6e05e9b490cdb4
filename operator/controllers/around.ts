/** The objects around a pooler's pods: service account, Service, disruption budget. */
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { POD_DISRUPTION_BUDGETS, SERVICE_ACCOUNTS, SERVICES } from '../kube/resources.ts';
import { disruptionBudget, service, serviceAccount } from '../plan/objects.ts';
import { allEnded } from '../runtime/all-ended.ts';
import type { Caches } from './caches.ts';
import { applyChild, type ChildWriter, type Collision } from './children.ts';
import type { Memory } from './memory.ts';

/** @returns those that cannot be, because somebody else's object is there */
export async function applyAround(
  caches: Caches,
  pooler: ConnectionPooler,
  key: string,
  memory: Memory,
  writer: ChildWriter,
): Promise<readonly Collision[]> {
  const serviceAccountNow = caches.serviceAccounts.get(key);
  const serviceNow = caches.services.get(key);
  const budgetNow = caches.disruptionBudgets.get(key);
  // Made of the specification alone: while neither it nor they change, they need not be planned and compared again.
  const seen = [pooler.metadata.generation, ...[serviceAccountNow, serviceNow, budgetNow].map(versionOf)].join();
  if (memory.aroundSeen === seen) return [];
  const written = await allEnded([
    applyChild(writer, pooler, SERVICE_ACCOUNTS, serviceAccount(pooler), serviceAccountNow),
    applyChild(writer, pooler, SERVICES, service(pooler), serviceNow),
    applyChild(writer, pooler, POD_DISRUPTION_BUDGETS, disruptionBudget(pooler), budgetNow),
  ]);
  if (written.every(({ kind }) => kind === 'unchanged')) memory.aroundSeen = seen;
  return written.filter((result) => result.kind === 'collision');
}

const versionOf = (object: KubeObject | undefined): string | undefined => object?.metadata.resourceVersion;
