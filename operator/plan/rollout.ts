/**
 * Decides what the Deployment shall be: which template, how many replicas, and whether a rollout waits. Three promises
 * hold here: shares of a budget shrink before pods are added, one pod drains at a time, and a template whose first pod
 * cannot be proved goes no further.
 */
import { holdersOf, SURGE } from './budget.ts';
import type { PodView } from './pods.ts';

export interface RolloutInput {
  readonly wantedReplicas: number;
  /** undefined: there is no Deployment yet. */
  readonly current: { readonly replicas: number; readonly template: string } | undefined;
  readonly template: string;
  /** Every live pod of the current template runs the desired revision, proved. */
  readonly proved: boolean;
  /** A budget divides connections among the pods. */
  readonly budgeted: boolean;
  /** The desired revision was refused. */
  readonly refused: boolean;
  readonly pods: readonly PodView[];
  readonly isProved: (pod: PodView) => boolean;
}

export interface Rollout {
  readonly replicas: number;
  readonly paused: boolean;
  /** False: leave the pod template as it is. */
  readonly applyTemplate: boolean;
  /** More pods are wanted than the proved shares allow. */
  readonly waitsForShares: boolean;
}

export function planRollout(input: RolloutInput): Rollout {
  const { wantedReplicas, current, template } = input;
  if (current === undefined)
    return { replicas: wantedReplicas, paused: false, applyTemplate: true, waitsForShares: false };
  const changesTemplate = current.template !== template;
  const grows = wantedReplicas > current.replicas;
  // What a rollout or more replicas would add to the pods that still drain must fit the shares as they were cut.
  const adds = Math.max(SURGE, wantedReplicas - current.replicas);
  const crowded = input.budgeted && input.pods.length + adds > holdersOf(Math.max(wantedReplicas, current.replicas), 0);
  const waitsForShares = grows && input.budgeted && (changesTemplate || crowded || !input.proved);
  const living = input.pods.filter((pod) => !pod.terminating);
  const rolling = living.some((pod) => pod.template !== template) && living.some((pod) => pod.template === template);
  const draining = input.pods.some((pod) => pod.terminating);
  const unproved = living.some((pod) => pod.template === template && pod.ready && !input.isProved(pod));
  return {
    replicas: waitsForShares ? current.replicas : wantedReplicas,
    paused: rolling && (draining || unproved),
    applyTemplate: !changesTemplate || !(input.refused || crowded),
    waitsForShares,
  };
}
