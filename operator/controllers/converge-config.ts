/**
 * Brings the configuration Secret of one template, and the pods that read it, to the desired revision: written outright
 * while nobody was ever proved on it, by the proved change when pods run, and healed when somebody else edited it.
 */

import { ANNOTATION_POINTER, ANNOTATION_PROVED, ANNOTATION_PROVED_TIME } from '../api/names.ts';
import { keyOf } from '../kube/objects.ts';
import { sameStates, statesOf } from '../pgbouncer/database-states.ts';
import { livePods, type PodView, refusesToStart } from '../plan/pods.ts';
import { annotateConfig } from './annotate-config.ts';
import { collisionOf } from './children.ts';
import type { ConfigInput } from './config-input.ts';
import { type ConfigOutcome, RETRY_MS, retryLater, type Waiting } from './config-outcome.ts';
import { heal, writeOutright } from './config-secret.ts';
import { stepsOf } from './config-steps.ts';
import { convergeChange } from './converge-change.ts';
import { heldStates } from './database-states.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { secretOf } from './known-config.ts';
import { restorePointer } from './lost-pointer.ts';
import type { Memory } from './memory.ts';
import { provePatiently, SILENT_BEFORE } from './patiently.ts';
import { type Circumstances, type PodAttempt, provePods } from './prove-pods.ts';
import { putToRest, REST_AFTER_MS } from './put-to-rest.ts';
import { retainedIn } from './retained-note.ts';
import { settlePatiently } from './settle-states.ts';

/** Why nothing is done while the Secret does not say what was proved, and no console does. */
export const POINTER_LOST = 'the annotations of its configuration Secret are gone, and no console says what was proved';

export async function convergeConfig(deps: PoolerDependencies, input: ConfigInput): Promise<ConfigOutcome> {
  const { pooler, template, memory, revision, pods } = input;
  const secret = secretOf(deps.caches, pooler, template);
  const pointer = secret?.metadata.annotations?.[ANNOTATION_POINTER];
  const proved = secret?.metadata.annotations?.[ANNOTATION_PROVED];
  const ours = pods.filter((pod) => pod.template === template && !pod.terminating);
  const live = livePods(pods, template);
  const collision = secret === undefined ? undefined : collisionOf(secret, 'Secret', pooler);
  if (collision !== undefined) return { kind: 'collided', collision };

  if (
    secret === undefined ||
    pointer === undefined ||
    (pointer !== revision && (proved === undefined || ours.length === 0))
  ) {
    if (secret !== undefined && (pointer === undefined || proved === undefined)) {
      const steps = stepsOf(deps, input);
      const restored = await restorePointer(deps, { ...input, steps, secret, live });
      if (restored === 'restored') return convergeConfig(deps, input);
      if (restored === 'silent' && pointer === undefined) return retryLater(memory, POINTER_LOST);
    }
    const written = await writeOutright(deps, input, proved);
    if (written?.kind === 'collision') return { kind: 'collided', collision: written };
    // What crashes on the file that was there would wait out its back-off before it looks at this one.
    return { kind: 'waiting', retryMs: RETRY_MS, replace: ours.filter(refusesToStart) };
  }
  if (pointer !== revision)
    return live.length === 0 ? retryLater(memory, 'no pod runs') : convergeChange(deps, input, pointer, live);

  if (memory.verifiedSecret !== secret.metadata.resourceVersion) await heal(deps, input, proved);
  memory.draining = undefined;
  const unproved = live.filter((pod) => memory.proofs.get(pod.process)?.revision !== revision);
  if (unproved.length > 0) return prove(deps, input, unproved, proved);
  const wanted = statesOf(pooler.spec);
  const noted = secretOf(deps.caches, pooler, template);
  if (!sameStates(heldStates(noted), wanted)) memory.touchedAt = deps.clock.now();
  const unsettled = await settlePatiently(deps, {
    ...input,
    secret: noted,
    pods: live,
    wanted,
    steps: stepsOf(deps, input),
  });
  if (unsettled !== undefined) return retryLater(memory, unsettled);

  memory.attempts = 0;
  memory.retrying = undefined;
  const current = pods.filter((pod) => pod.template === template);
  const resting = await putToRest(deps, current, memory, stepsOf(deps, input));
  return resting === undefined ? { kind: 'idle' } : { kind: 'waiting', retryMs: resting };
}

async function prove(
  deps: PoolerDependencies,
  input: ConfigInput,
  pods: readonly PodView[],
  proved: string | undefined,
): Promise<ConfigOutcome> {
  const { memory, revision, template, pooler } = input;
  const secret = secretOf(deps.caches, pooler, template);
  const key = keyOf(pooler);
  const circumstances: Circumstances = {
    wanted: statesOf(pooler.spec),
    held: heldStates(secret),
    provedBefore: proved === revision,
    // Those that are there later, or after a start of the operator, the observer comes to by itself.
    look: proved === undefined && pods.length === pooler.spec.replicas && deps.observer.latest(key) === undefined,
  };
  const attempts = await provePatiently(deps, pooler, () =>
    provePods(stepsOf(deps, input), input.desired.provable(revision), input.version, pods, circumstances),
  );
  memory.touchedAt = deps.clock.now();
  if (attempts === undefined) return retryLater(memory, memory.retrying ?? SILENT_BEFORE);
  const readings = attempts.flatMap((attempt) => (attempt.kind === 'proved' ? (attempt.reading ?? []) : []));
  if (readings.length === attempts.length) deps.observer.saw(key, readings);
  if (proved !== revision && attempts.some((attempt) => attempt.kind === 'proved')) {
    // A hand may have edited it while the consoles were asked: then it is still to be looked into.
    const resourceVersion = secretOf(deps.caches, pooler, template)?.metadata.resourceVersion;
    const isVerified = memory.verifiedSecret === resourceVersion;
    const patched = await annotateConfig(
      { ...input, resourceVersion },
      {
        [ANNOTATION_PROVED]: revision,
        [ANNOTATION_PROVED_TIME]: new Date(deps.clock.now()).toISOString(),
      },
    );
    if (isVerified) memory.verifiedSecret = patched.metadata.resourceVersion;
  }
  const outcome = rememberProofs(memory, revision, attempts, (pod) => retainedIn(secret, pod));
  const isToSettle = !sameStates(circumstances.held, circumstances.wanted);
  return isToSettle && attempts.every(({ kind }) => kind === 'proved') ? { ...outcome, retryMs: RETRY_MS } : outcome;
}

/** Keeps what was proved, and says what becomes of the pods that were not. */
export function rememberProofs(
  memory: Memory,
  revision: string,
  attempts: readonly PodAttempt[],
  retained: (pod: PodView) => readonly string[],
): Waiting {
  for (const attempt of attempts) {
    if (attempt.kind !== 'proved') continue;
    const restartRequired = [...attempt.restartRequired, ...retained(attempt.pod)];
    memory.proofs.set(attempt.pod.process, { revision, restartRequired, settings: attempt.settings });
  }
  const failed = attempts.find((attempt) => attempt.kind !== 'proved');
  if (failed === undefined) {
    memory.retrying = undefined;
    memory.attempts = 0;
    return { kind: 'waiting', retryMs: REST_AFTER_MS };
  }
  const lockedOut = attempts.flatMap((attempt) => (attempt.kind === 'locked-out' ? [attempt.pod] : []));
  const later = retryLater(memory, `${failed.pod.name}: ${failed.reason}`);
  return lockedOut.length === 0 ? later : { ...later, replace: lockedOut };
}
