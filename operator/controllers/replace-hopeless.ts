/** The last resort: a pod that no console session can bring back. */
import { isObject } from '../api/schema-node.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { remove } from '../kube/operations.ts';
import { PODS } from '../kube/resources.ts';
import { refusesToStart } from '../plan/pods.ts';
import { observeWrite } from './caches.ts';
import type { ConfigOutcome } from './config-outcome.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { Memory } from './memory.ts';
import { podsOf } from './situation.ts';

/** A pod that nobody can log in to, or that crashes on a file that has changed since, is replaced: nothing else helps it. */
export async function replaceHopeless(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  memory: Memory,
  outcome: ConfigOutcome,
): Promise<void> {
  const [first] = outcome.kind === 'idle' || outcome.kind === 'waiting' ? (outcome.replace ?? []) : [];
  const { namespace = 'default', name } = pooler.metadata;
  // One at a time, so that the others serve; as they are now, which may be long after the reconcile began.
  if (first === undefined || podsOf(deps, `${namespace}/${name}`).some((pod) => pod.terminating)) return;
  try {
    const answered = await remove(deps.client, PODS, namespace, first.name, { uid: first.uid });
    // On its way out, from here on: the watch may say so only after the next look.
    if (isPod(answered)) observeWrite(deps.caches, answered);
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

/** What the server answers of an object that is not gone at once; else a Status. */
const isPod = (answered: unknown): answered is KubeObject =>
  isObject(answered) && answered['kind'] === PODS.kind && isObject(answered['metadata']);
