/** The last resort: a pod that no console session can bring back. */
import type { ConnectionPooler } from '../api/types.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { remove } from '../kube/operations.ts';
import { PODS } from '../kube/resources.ts';
import { type PodView, refusesToStart } from '../plan/pods.ts';
import type { ConfigOutcome } from './config-outcome.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { Memory } from './memory.ts';

/** A pod that nobody can log in to, or that crashes on a file that has changed since, is replaced: nothing else helps it. */
export async function replaceHopeless(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  memory: Memory,
  outcome: ConfigOutcome,
  pods: readonly PodView[],
): Promise<void> {
  const [first] = outcome.kind === 'idle' || outcome.kind === 'waiting' ? (outcome.replace ?? []) : [];
  // One at a time, so that the others serve.
  if (first === undefined || pods.some((pod) => pod.terminating)) return;
  try {
    await remove(deps.client, PODS, pooler.metadata.namespace ?? 'default', first.name, { uid: first.uid });
  } catch (error) {
    // It is gone already, or another one has its name: either is a pod that must be looked at anew.
    if (isNotFound(error) || isConflict(error)) return;
    throw error;
  }
  memory.proofs.delete(first.process);
  const note = refusesToStart(first)
    ? `${first.name} did not start on a file that has changed since`
    : `${first.name} cannot take a new configuration: ${memory.retrying ?? 'it reads the proved file only'}`;
  deps.events.record({ regarding: pooler, type: 'Warning', reason: 'PodReplaced', action: 'ReplacePod', note });
}
