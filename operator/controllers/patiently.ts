/** How a reconcile asks for a place before it waits for consoles, see patience.ts. */
import type { ConnectionPooler } from '../api/types.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { PodAttempt } from './prove-pods.ts';

/** Runs what waits for consoles; undefined when this pooler was silent the last time and has to come back later. */
export function patiently<T>(
  deps: PoolerDependencies,
  { metadata }: ConnectionPooler,
  work: () => Promise<{ readonly silent: boolean; readonly result: T }>,
): Promise<T | undefined> {
  const key = `${metadata.namespace}/${metadata.name}`;
  const suspect = (deps.observer.latest(key)?.silent.length ?? 0) > 0;
  return deps.patience.attempt(key, suspect, work);
}

export const orSilent = (attempts: readonly PodAttempt[]) => ({
  silent: attempts.some(({ kind }) => kind === 'silent'),
  result: attempts,
});

/** Why there was no attempt, when nothing more is known. */
export const SILENT_BEFORE = 'its consoles were silent, as those of many other poolers';
