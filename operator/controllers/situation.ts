/** Gathers what the rules look at: everything known of one pooler after a pass of its reconcile. It decides nothing. */
import type { ConnectionPooler } from '../api/types.ts';
import { planFleet } from '../plan/fleet.ts';
import { deployedImage } from '../plan/image.ts';
import { type PodView, viewPod } from '../plan/pods.ts';
import type { Situation } from '../rules/situation.ts';
import { BY_POOLER } from './caches.ts';
import type { ConfigOutcome } from './config-outcome.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { pointerOf } from './known-config.ts';
import { type Memory, provedRevision } from './memory.ts';

/** What one pass did, and what it found that status speaks of. */
export interface Step {
  readonly outcome: ConfigOutcome;
  readonly findings: Partial<Situation>;
  /** The template whose pods count. */
  readonly template: string | undefined;
  readonly desired: string | undefined;
  readonly restart?: Situation['config']['restart'];
  readonly retryMs?: number;
}

export const podsOf = (deps: Pick<PoolerDependencies, 'caches'>, key: string): readonly PodView[] =>
  deps.caches.pods.byIndex(BY_POOLER, key).map(viewPod);

export function situationOf(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  key: string,
  memory: Memory,
  step: Step,
): Situation {
  const pods = podsOf(deps, key);
  const observation = deps.observer.latest(key);
  const proved = pods.flatMap((pod): readonly [string, string][] => {
    const revision = provedRevision(memory, pod);
    return revision === undefined ? [] : [[pod.name, revision]];
  });
  return {
    generation: pooler.metadata.generation ?? 0,
    suspended: pooler.spec.suspend,
    wantedReplicas: pooler.spec.replicas,
    faults: { spec: [], budget: [], credentials: [] },
    credentialWarnings: memory.digest?.credentialWarnings,
    tls: memory.digest?.tls,
    issuing: undefined,
    now: deps.clock.now(),
    collisions: [],
    denied: undefined,
    podsDenied: deps.caches.deployments.get(key)?.podsDenied,
    silent: observation?.silent ?? [],
    config: {
      desired: step.desired,
      pointer: step.template === undefined ? undefined : pointerOf(deps.caches, pooler, step.template),
      failed: memory.failure,
      restartRequired: [
        ...new Set([
          ...(memory.digest?.pending ?? []),
          ...keptBy(memory, step),
          ...pods.flatMap((pod) =>
            pod.template === step.template ? (memory.proofs.get(pod.process)?.restartRequired ?? []) : [],
          ),
        ]),
      ].sort(),
      restart: step.restart ?? { mode: pooler.spec.rollout?.restart ?? 'Automatic', incurable: false },
      draining: memory.draining?.busy ?? [],
      retrying: memory.retrying,
    },
    overrides: pods.flatMap((pod) => {
      const found = memory.overrides.get(pod.process)?.found ?? [];
      return found.length === 0 ? [] : [{ pod: pod.name, found }];
    }),
    template: step.template,
    pods,
    proved: new Map(proved),
    waitsForShares: false,
    budget: memory.digest?.budget ?? [],
    versionMismatch: undefined,
    image: deployedImage(pooler.spec, deps.caches.deployments.get(key), deps.settings.defaultImage),
    fleet: observation === undefined ? undefined : planFleet(pooler.spec, observation.readings),
    ...step.findings,
  };
}

/** What keeps the processes of a template from taking a revision at all. */
const keptBy = ({ mustRestart: must }: Memory, { template, desired }: Step): readonly string[] =>
  must !== undefined && must.template === template && must.revision === desired ? must.keeps : [];

/** Compares what the pods of this template say they are with what their settings were rendered for. */
export function mismatchOf(
  deps: PoolerDependencies,
  key: string,
  template: string,
  stated: string,
): Situation['versionMismatch'] {
  const current = new Set(
    podsOf(deps, key)
      .filter((pod) => pod.template === template)
      .map((pod) => pod.name),
  );
  const other = deps.observer
    .latest(key)
    ?.readings.find(({ pod, version }) => current.has(pod) && version !== stated && !version.startsWith(`${stated}.`));
  return other === undefined ? undefined : { stated, found: other.version };
}
