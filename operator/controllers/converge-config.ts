/**
 * Brings the configuration Secret of one template, and the pods that read it, to the desired revision: written outright
 * while nobody was ever proved on it, by the proved change when pods run, and healed when somebody else edited it.
 */
import { ANNOTATION_POINTER, ANNOTATION_PROVED, ANNOTATION_PROVED_TIME, configSecretName } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { get } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { sameStates, statesOf, withoutLeaving } from '../pgbouncer/database-states.ts';
import { parseDuration } from '../pgbouncer/duration.ts';
import type { Version } from '../pgbouncer/version.ts';
import { findDrift } from '../plan/drift.ts';
import { configSecret } from '../plan/objects.ts';
import { handedOut, livePods, type PodView, refusesToStart } from '../plan/pods.ts';
import { isIntact } from '../plan/revision-files.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import { annotateConfig } from './annotate-config.ts';
import type { Caches } from './caches.ts';
import type { ChangeSteps } from './change-acts.ts';
import { changeInTurn } from './change-in-turn.ts';
import { changeSteps, RevisionTooLarge } from './change-steps.ts';
import { applyChild, type ChildWriter, type Collision, collisionOf, type Written } from './children.ts';
import { heldStates, settleStates } from './database-states.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { Desired } from './desired.ts';
import { restorePointer } from './lost-pointer.ts';
import type { Memory } from './memory.ts';
import { patiently, provePatiently, SILENT_BEFORE } from './patiently.ts';
import { type Circumstances, type PodAttempt, provePods } from './prove-pods.ts';
import { noteRetained, retainedIn } from './retained-note.ts';
import { filesIn, type SecretObject } from './secret-object.ts';

export interface ConfigInput {
  readonly pooler: ConnectionPooler;
  readonly template: string;
  readonly version: Version;
  readonly credentials: AdminCredentials;
  readonly writer: ChildWriter;
  readonly memory: Memory;
  readonly revision: string;
  readonly desired: Desired;
  readonly pods: readonly PodView[];
  readonly superseded: () => boolean;
}

export type ConfigOutcome =
  | { readonly kind: 'idle'; readonly replace?: readonly PodView[] }
  | { readonly kind: 'waiting'; readonly retryMs: number; readonly replace?: readonly PodView[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'collided'; readonly collision: Collision };

/** How often a database that is being emptied is looked at. */
const DRAINING_MS = 250;
const DRAIN_SECONDS_DEFAULT = 30;

/** Entries go back to rest when changes have paused: the kubelet works on one update of a pod at a time. */
const REST_AFTER_MS = 15_000;
const RETRY_MS = 1_000;
const RETRY_LIMIT_MS = 30_000;
/** Why nothing is done while the Secret does not say what was proved, and no console does. */
export const POINTER_LOST = 'the annotations of its configuration Secret are gone, and no console says what was proved';

export const secretOf = (caches: Caches, pooler: ConnectionPooler, template: string): KubeObject | undefined =>
  caches.secrets.get(`${pooler.metadata.namespace}/${configSecretName(pooler.metadata.name, template)}`);

/** The revision that `proved.ini` of a template names. */
export const pointerOf = (caches: Caches, pooler: ConnectionPooler, template: string): string | undefined =>
  secretOf(caches, pooler, template)?.metadata.annotations?.[ANNOTATION_POINTER];

export async function convergeConfig(deps: PoolerDependencies, input: ConfigInput): Promise<ConfigOutcome> {
  const { pooler, template, memory, revision, pods, writer } = input;
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
    return live.length === 0 ? retryLater(memory, 'no pod runs') : change(deps, input, pointer, live);

  if (memory.verifiedSecret !== secret.metadata.resourceVersion) await heal(deps, input, proved);
  memory.draining = undefined;
  const unproved = live.filter((pod) => memory.proofs.get(pod.process)?.revision !== revision);
  if (unproved.length > 0) return prove(deps, input, unproved, proved);
  const wanted = statesOf(pooler.spec);
  const noted = secretOf(deps.caches, pooler, template);
  if (!sameStates(heldStates(noted), wanted)) memory.touchedAt = deps.clock.now();
  const held = await settleStates({ ...input, secret: noted, pods: live, wanted, steps: stepsOf(deps, input) });
  if (held !== undefined) return retryLater(memory, held);

  memory.attempts = 0;
  memory.retrying = undefined;
  const resting = await putToRest(deps, input);
  return resting === undefined ? { kind: 'idle' } : { kind: 'waiting', retryMs: resting };

  async function writeOutright(
    ports: PoolerDependencies,
    wanted: ConfigInput,
    before: string | undefined,
  ): Promise<Written | undefined> {
    const config = await wanted.desired.load();
    if (config === undefined) return undefined;
    const planned = configSecret(pooler, {
      template,
      pointer: config.revision,
      inputs: wanted.desired.inputs,
      files: config.files,
      ...(before === undefined
        ? {}
        : { proved: { revision: before, time: new Date(ports.clock.now()).toISOString() } }),
    });
    const written = await applyChild(writer, pooler, SECRETS, planned, secret);
    memory.verifiedSecret = secretOf(ports.caches, pooler, template)?.metadata.resourceVersion;
    return written;
  }
}

async function change(
  deps: PoolerDependencies,
  input: ConfigInput,
  previous: string,
  live: readonly PodView[],
): Promise<ConfigOutcome> {
  const { memory, revision, template } = input;
  const config = await input.desired.load();
  if (config === undefined || config.revision !== revision) return retryLater(memory, 'a Secret changed meanwhile');
  const steps = stepsOf(deps, input);
  try {
    const result = await patiently(deps, input.pooler, async () => {
      const result = await changeInTurn(deps, steps, {
        config,
        version: input.version,
        previous,
        pods: live,
        deaths: memory.deaths.get(revision) ?? 0,
        drained: (leaving) => isDrained(deps, input, leaving),
        retained: (pod) => retainedIn(secretOf(deps.caches, input.pooler, template), pod),
      });
      const silent =
        (result.outcome === 'retry' && (result.canaryDied || result.silent === true)) ||
        (result.outcome === 'proved' && result.unproved.length > 0);
      return { silent, result };
    });
    if (result === undefined) return retryLater(memory, memory.retrying ?? SILENT_BEFORE);
    if (result.outcome === 'draining') {
      if (memory.draining !== undefined) memory.draining.busy = result.busy;
      return { kind: 'waiting', retryMs: DRAINING_MS };
    }
    if (result.outcome === 'restart') {
      memory.draining = undefined;
      memory.retrying = `it waits for a restart: ${result.keeps.join(', ')}`;
      const isNews = memory.mustRestart?.revision !== revision || memory.mustRestart.template !== template;
      memory.mustRestart = { template, revision, keeps: result.keeps };
      // Whether there is to be one is decided at the beginning of a reconcile.
      return isNews ? { kind: 'waiting', retryMs: 1 } : { kind: 'idle' };
    }
    memory.mustRestart = undefined;
    memory.touchedAt = deps.clock.now();
    if (result.outcome !== 'retry') memory.draining = undefined;
    memory.changedAt = deps.clock.monotonic();
    switch (result.outcome) {
      case 'proved': {
        for (const { pod, restartRequired, settings } of result.proved)
          memory.proofs.set(pod.process, { revision, restartRequired, settings });
        const secret = secretOf(deps.caches, input.pooler, template);
        await noteRetained({ ...input, secret }, result.proved);
        memory.verifiedSecret = secretOf(deps.caches, input.pooler, template)?.metadata.resourceVersion;
        memory.failure = undefined;
        memory.attempts = 0;
        deps.log('a change was proved', {
          pooler: `${input.pooler.metadata.namespace}/${input.pooler.metadata.name}`,
          generation: input.pooler.metadata.generation,
          revision,
          previous,
          proved: result.proved.length,
          unproved: result.unproved.map(({ pod, reason }) => `${pod.name}: ${reason}`),
          milliseconds: result.timings,
        });
        memory.retrying =
          result.unproved[0] === undefined ? undefined : `${result.unproved[0].pod.name}: ${result.unproved[0].reason}`;
        return { kind: 'waiting', retryMs: result.unproved.length > 0 ? RETRY_MS : REST_AFTER_MS };
      }
      case 'refused':
        memory.failure = { revision, template, reason: result.reason };
        deps.log('a change was refused and rolled back', {
          pooler: `${input.pooler.metadata.namespace}/${input.pooler.metadata.name}`,
          revision,
          previous,
          reason: result.reason,
          restored: result.restored,
        });
        // They run the previous revision again, but that must be seen, not believed.
        for (const pod of live) if (!result.restored.includes(pod.name)) memory.proofs.delete(pod.process);
        return keepDatabases(deps, input, live);
      case 'retry':
        if (result.canaryDied) memory.deaths.set(revision, (memory.deaths.get(revision) ?? 0) + 1);
        return retryLater(memory, result.reason);
      case 'no-canary':
        // Each was started on the pointer's file in the middle of a change; a fresh one reads its entry file.
        return { kind: 'waiting', retryMs: RETRY_MS, replace: live };
    }
  } catch (error) {
    if (!(error instanceof RevisionTooLarge)) throw error;
    memory.failure = { revision, template, reason: error.message };
    return keepDatabases(deps, input, live);
  }
}

/** What was to be removed with a revision that is refused stays: whoever waits there goes on. */
async function keepDatabases(
  deps: PoolerDependencies,
  input: ConfigInput,
  live: readonly PodView[],
): Promise<ConfigOutcome> {
  const secret = secretOf(deps.caches, input.pooler, input.template);
  const wanted = withoutLeaving(heldStates(secret));
  const problem = await settleStates({ ...input, secret, pods: live, wanted, steps: stepsOf(deps, input) });
  return problem === undefined ? { kind: 'refused' } : retryLater(input.memory, problem);
}

async function prove(
  deps: PoolerDependencies,
  input: ConfigInput,
  pods: readonly PodView[],
  proved: string | undefined,
): Promise<ConfigOutcome> {
  const { memory, revision, template, pooler } = input;
  const secret = secretOf(deps.caches, pooler, template);
  const circumstances: Circumstances = {
    wanted: statesOf(pooler.spec),
    held: heldStates(secret),
    provedBefore: proved === revision,
  };
  const attempts = await provePatiently(deps, pooler, () =>
    provePods(stepsOf(deps, input), input.desired.provable(revision), input.version, pods, circumstances),
  );
  memory.touchedAt = deps.clock.now();
  if (attempts === undefined) return retryLater(memory, memory.retrying ?? SILENT_BEFORE);
  if (proved !== revision && attempts.some((attempt) => attempt.kind === 'proved')) {
    const patched = await annotateConfig(input, {
      [ANNOTATION_PROVED]: revision,
      [ANNOTATION_PROVED_TIME]: new Date(deps.clock.now()).toISOString(),
    });
    memory.verifiedSecret = patched.metadata.resourceVersion;
  }
  return rememberProofs(memory, revision, attempts, (pod) => retainedIn(secret, pod));
}

/** Keeps what was proved, and says what becomes of the pods that were not. */
export function rememberProofs(
  memory: Memory,
  revision: string,
  attempts: readonly PodAttempt[],
  retained: (pod: PodView) => readonly string[],
): ConfigOutcome {
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

/** The Secret changed since it was last seen to be right: a hand may have edited it. */
async function heal(deps: PoolerDependencies, input: ConfigInput, proved: string | undefined): Promise<void> {
  const { pooler, template, memory, revision, credentials, desired } = input;
  const name = configSecretName(pooler.metadata.name, template);
  const stored = await get<SecretObject>(deps.client, SECRETS, pooler.metadata.namespace ?? 'default', name);
  // Files of other revisions may stand beside; they go with the next change.
  const { labels } = configSecret(pooler, { template, pointer: revision, files: {} }).metadata;
  if (
    isIntact(filesIn(stored), revision, credentials.revisionKey) &&
    findDrift(labels, stored.metadata.labels) === undefined
  ) {
    memory.verifiedSecret = stored.metadata.resourceVersion;
    return;
  }
  const config = await desired.load();
  if (config === undefined || config.revision !== revision) return;
  const time = stored.metadata.annotations?.[ANNOTATION_PROVED_TIME] ?? new Date(deps.clock.now()).toISOString();
  const planned = configSecret(pooler, {
    template,
    pointer: revision,
    inputs: desired.inputs,
    files: config.files,
    ...(proved === undefined ? {} : { proved: { revision: proved, time } }),
  });
  await applyChild(input.writer, pooler, SECRETS, planned, stored);
  memory.verifiedSecret = secretOf(deps.caches, pooler, template)?.metadata.resourceVersion;
}

/** Begins to count when databases are first seen to go, and anew when they are others. */
function isDrained(
  { clock }: PoolerDependencies,
  { memory, pooler }: ConfigInput,
  leaving: readonly string[],
): boolean {
  const databases = leaving.join('\n');
  if (memory.draining?.databases !== databases) memory.draining = { databases, since: clock.monotonic(), busy: [] };
  const seconds = parseDuration(pooler.spec.rollout?.databaseDrain ?? '') ?? DRAIN_SECONDS_DEFAULT;
  return clock.monotonic() - memory.draining.since >= seconds * 1000;
}

const stepsOf = (deps: PoolerDependencies, input: ConfigInput): ChangeSteps =>
  changeSteps({
    pooler: input.pooler,
    template: input.template,
    credentials: input.credentials,
    writer: input.writer,
    revision: input.revision,
    secret: () => secretOf(deps.caches, input.pooler, input.template),
    inputs: input.desired.inputs,
    superseded: input.superseded,
    now: deps.clock.now,
  });

/** @returns milliseconds until entries may go back to rest, or undefined when all are there */
async function putToRest(deps: PoolerDependencies, input: ConfigInput): Promise<number | undefined> {
  const out = handedOut(input.pods.filter((pod) => pod.template === input.template));
  if (out.length === 0) return undefined;
  const since = input.memory.changedAt;
  const due = since === undefined ? 0 : since + REST_AFTER_MS - deps.clock.monotonic();
  if (due > 0) return due;
  const steps = stepsOf(deps, input);
  await Promise.all(out.map((pod) => steps.handOut(pod, 'rest')));
  return undefined;
}

export function retryLater(memory: Memory, reason: string): Extract<ConfigOutcome, { readonly kind: 'waiting' }> {
  memory.retrying = reason;
  memory.attempts += 1;
  return { kind: 'waiting', retryMs: Math.min(RETRY_LIMIT_MS, RETRY_MS * 2 ** Math.min(memory.attempts - 1, 5)) };
}
