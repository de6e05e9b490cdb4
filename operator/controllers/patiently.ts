/** How a reconcile waits for consoles: in a place of its own if it was in vain before (patience.ts), and without a worker. */
import type { ConnectionPooler } from '../api/types.ts';
import { keyOf } from '../kube/objects.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { PodAttempt } from './prove-pods.ts';

/** Runs what waits for consoles; undefined when this pooler was silent the last time and has to come back later. */
export function patiently<T>(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  work: () => Promise<{ readonly silent: boolean; readonly result: T }>,
): Promise<T | undefined> {
  const key = keyOf(pooler);
  const suspect = (deps.observer.latest(key)?.silent.length ?? 0) > 0;
  return deps.patience.attempt(key, suspect, work);
}

/** A console that answers at all does so within some ten milliseconds; who waits for longer keeps no worker from others. */
const SLOW_MS = 250;

/** Around the very exchange with consoles: what only waits for its turn is to keep its worker, and with it the number of those who wait. */
export async function withoutWorker<T>(
  { leave }: Pick<PoolerDependencies, 'leave'>,
  exchange: () => Promise<T>,
): Promise<T> {
  const timer = setTimeout(leave, SLOW_MS);
  try {
    return await exchange();
  } finally {
    clearTimeout(timer);
  }
}

/** A proof of pods, with both; undefined as above. @param attempt asks the consoles, and nothing else */
export const provePatiently = (
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  attempt: () => Promise<readonly PodAttempt[]>,
): Promise<readonly PodAttempt[] | undefined> =>
  patiently(deps, pooler, async () => {
    const result = await withoutWorker(deps, attempt);
    return { silent: result.some(({ kind }) => kind === 'silent'), result };
  });

/** Why there was no attempt, when nothing more is known. */
export const SILENT_BEFORE = 'its consoles were silent, as those of many other poolers';
