/** Entry files that still lead to a revision by its name go back to the pointer, which is what a start or a RELOAD shall read. */
import { handedOut, type PodView } from '../plan/pods.ts';
import type { ChangeSteps } from './change-acts.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { Memory } from './memory.ts';

/** When changes have paused: the kubelet works on one update of a pod at a time. */
export const REST_AFTER_MS = 15_000;

/** @param pods of one template @returns milliseconds until they may go back, or undefined when all are there */
export async function putToRest(
  { clock }: Pick<PoolerDependencies, 'clock'>,
  pods: readonly PodView[],
  memory: Memory,
  steps: Pick<ChangeSteps, 'handOut'>,
): Promise<number | undefined> {
  const out = handedOut(pods);
  if (out.length === 0) return undefined;
  const since = memory.changedAt;
  const due = since === undefined ? 0 : since + REST_AFTER_MS - clock.monotonic();
  if (due > 0) return due;
  await Promise.all(out.map((pod) => steps.handOut(pod, 'rest')));
  return undefined;
}
