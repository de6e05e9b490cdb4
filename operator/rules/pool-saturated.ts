/**
 * PoolSaturated: clients wait because a pool is full, or are about to. A console that cannot be read is named here, since
 * its pools are not among those that are judged.
 */
import type { Condition } from '../api/types.ts';
import type { Finding, Situation } from './situation.ts';

/** True from 80 percent of a pool in use, or a client that has waited a second; False again below 70 and no such wait. */
export const SATURATED_PERCENT = 80;
export const RELAXED_PERCENT = 70;
export const SATURATED_WAIT_SECONDS = 1;

export function poolSaturated(situation: Situation, before: Condition | undefined): Finding {
  const [silent] = situation.silent;
  const unread = silent === undefined ? undefined : `the console of ${silent.pod} cannot be read: ${silent.reason}`;
  const nobody = situation.silent.length > 0 && situation.fleet?.version === undefined;
  if (situation.fleet === undefined || nobody) {
    if (unread !== undefined) return { status: 'Unknown', reason: 'NotObserved', message: unread };
    // An operator that was just started has not looked yet: what was seen last stays.
    return before ?? { status: 'Unknown', reason: 'NotObserved', message: 'no console was read yet' };
  }
  const limit = before?.status === 'True' ? RELAXED_PERCENT : SATURATED_PERCENT;
  const waiting = situation.fleet.pools.find(
    (pool) => pool.clientsWaiting > 0 && pool.maxWaitSeconds >= SATURATED_WAIT_SECONDS,
  );
  if (waiting !== undefined) {
    return {
      status: 'True',
      reason: 'ClientsWaiting',
      message:
        waiting.serversActive + waiting.serversIdle === 0
          ? `clients of ${waiting.database}/${waiting.user} wait, and there is no server connection; see BackendReachable`
          : `clients of ${waiting.database}/${waiting.user} wait for a server connection; raise poolSize or the connectionBudget, or find what holds connections`,
    };
  }
  const full = situation.fleet.pools.find(
    (pool) => pool.utilization >= limit || (pool.worst.utilization >= 100 && pool.clientsWaiting > 0),
  );
  if (full !== undefined) {
    return {
      status: 'True',
      reason: 'NearlyFull',
      message: `the pool of ${full.database}/${full.user} is nearly full; raise poolSize or the connectionBudget`,
    };
  }
  return {
    status: 'False',
    reason: 'Relaxed',
    message: unread === undefined ? 'no pool is full' : `no pool that was seen is full; ${unread}`,
  };
}
