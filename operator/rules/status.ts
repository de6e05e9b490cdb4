/**
 * Builds the whole status from a situation. Conditions, configuration and pods are what they are now; pool numbers are
 * held back, because a status that changes at every look would be a write for every look.
 */

import { selectorOf } from '../api/names.ts';
import type { Condition, ConnectionPooler, PoolerStatus } from '../api/types.ts';
import { backendNamesOf } from '../plan/fleet.ts';
import { evaluateConditions } from './conditions.ts';
import { provedPods, type Situation } from './situation.ts';

export const PODS_LIMIT = 100;
export const HISTORY_LIMIT = 10;

export interface StatusInput {
  readonly pooler: ConnectionPooler;
  readonly situation: Situation;
  /** RFC 3339. */
  readonly now: string;
  /** Whether pool numbers may be renewed, see the status writer. */
  readonly renewNumbers: boolean;
}

export function buildStatus({ pooler, situation, now, renewNumbers }: StatusInput): PoolerStatus {
  const before: PoolerStatus = pooler.status ?? {};
  const { desired, pointer, failed, restartRequired } = situation.config;
  const alive = situation.pods.filter((pod) => !pod.terminating);
  const proved = provedPods(situation);
  const allProved = desired !== undefined && pointer === desired && proved.length > 0;
  const isNew = allProved && before.config?.revision !== desired;
  const revision = allProved ? desired : before.config?.revision;
  const lastProvedTime = isNew ? now : before.config?.lastProvedTime;
  const history = isNew
    ? [{ revision: desired, time: now, generation: situation.generation }, ...(before.history ?? [])].slice(
        0,
        HISTORY_LIMIT,
      )
    : before.history;
  return dropUndefined({
    observedGeneration: situation.generation,
    replicas: alive.length,
    readyReplicas: alive.filter((pod) => pod.ready).length,
    selector: Object.entries(selectorOf(pooler.metadata.name))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    endpoint: {
      host: `${pooler.metadata.name}.${pooler.metadata.namespace ?? 'default'}.svc`,
      port: pooler.spec.service?.port ?? 6432,
    },
    version: situation.fleet?.version ?? before.version,
    config: dropUndefined({
      revision,
      desiredRevision: desired,
      provedReplicas: proved.length,
      lastProvedTime,
      failed: failed !== undefined && failed.revision === desired ? failed : undefined,
      restartRequired: restartRequired.length === 0 ? undefined : restartRequired,
    }),
    pods: alive
      .map((pod) => dropUndefined({ name: pod.name, revision: situation.proved.get(pod.name), ready: pod.ready }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, PODS_LIMIT),
    history,
    certificates: certificatesOf(situation, before),
    // An operator that was just started has not looked yet: what was seen last stays.
    ...((renewNumbers && situation.fleet !== undefined) || before.clientsWaiting === undefined
      ? numbers(pooler, situation)
      : {
          clientsWaiting: before.clientsWaiting,
          budget: before.budget,
          pools: before.pools,
          poolsOmitted: before.poolsOmitted,
        }),
    conditions: evaluateConditions(situation, (before.conditions ?? []) as readonly Condition[], now),
  });
}

/** Those in use. While a new one cannot be taken, the ones before it are. */
function certificatesOf({ tls }: Situation, before: PoolerStatus): PoolerStatus['certificates'] {
  if (tls === undefined || tls.faults.certificates.length > 0) return before.certificates;
  if (tls.certificates.length === 0) return undefined;
  return tls.certificates.map(({ field, secret, subject, notAfter, fingerprint }) => ({
    field,
    secret,
    subject,
    notAfter: new Date(notAfter).toISOString(),
    sha256: fingerprint,
  }));
}

function numbers(pooler: ConnectionPooler, situation: Situation) {
  const fleet = situation.fleet;
  const open = (backend: string) => fleet?.backends.find(({ name }) => name === backend)?.serversAtMost ?? 0;
  return {
    clientsWaiting: fleet?.clientsWaiting ?? 0,
    budget:
      situation.budget.length === 0 ? undefined : situation.budget.map((row) => ({ ...row, open: open(row.backend) })),
    pools:
      fleet === undefined
        ? undefined
        : fleet.pools
            .filter((pool) => backendNamesOf(pooler.spec, pool.database).length > 0)
            .map((pool) => ({ ...pool, maxWaitSeconds: Math.round(pool.maxWaitSeconds) })),
    poolsOmitted: fleet === undefined || fleet.poolsOmitted === 0 ? undefined : fleet.poolsOmitted,
  };
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** Leaves out what is undefined: absent is absent, in JSON and in the API. */
function dropUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, child]) => child !== undefined)) as Defined<T>;
}
