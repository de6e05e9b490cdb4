/** A change of running pods within a reconcile: when it may begin, and what follows from how it ends. */

import { type KubeObject, keyOf } from '../kube/objects.ts';
import { SECRETS } from '../kube/resources.ts';
import { withoutLeaving } from '../pgbouncer/database-states.ts';
import { parseDuration } from '../pgbouncer/duration.ts';
import type { PodView } from '../plan/pods.ts';
import type { ChangeResult } from './change.ts';
import { changeInTurn } from './change-in-turn.ts';
import { RevisionTooLarge } from './change-steps.ts';
import type { ChildWriter } from './children.ts';
import type { ConfigInput } from './config-input.ts';
import { type ConfigOutcome, RETRY_MS, retryLater } from './config-outcome.ts';
import { stepsOf } from './config-steps.ts';
import { heldStates } from './database-states.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { secretOf } from './known-config.ts';
import { patiently, SILENT_BEFORE } from './patiently.ts';
import { REST_AFTER_MS } from './put-to-rest.ts';
import { noteRetained, retainedIn } from './retained-note.ts';
import { settlePatiently } from './settle-states.ts';

/** How often a database that is being emptied is looked at. */
const DRAINING_MS = 250;
const DRAIN_SECONDS_DEFAULT = 30;

/** @param previous the revision that the pointer names @param live the pods that run */
export async function convergeChange(
  deps: PoolerDependencies,
  input: ConfigInput,
  previous: string,
  live: readonly PodView[],
): Promise<ConfigOutcome> {
  const { memory, revision, template } = input;
  const config = await input.desired.load();
  if (config === undefined || config.revision !== revision) return retryLater(memory, 'a Secret changed meanwhile');
  let written: string | undefined;
  const writer: ChildWriter = {
    ...input.writer,
    observed: (object) => {
      if (object.kind === SECRETS.kind) written = object.metadata.resourceVersion;
      input.writer.observed(object);
    },
  };
  const steps = stepsOf(deps, { ...input, writer, inputs: input.desired.inputs });
  const secret = (): KubeObject | undefined => secretOf(deps.caches, input.pooler, template);
  try {
    const result = await patiently(deps, input.pooler, async () => {
      const result = await changeInTurn(deps, steps, {
        config,
        version: input.version,
        previous,
        pods: live,
        deaths: memory.deaths.get(revision) ?? 0,
        drained: (leaving) => isDrained(deps, input, leaving),
        retained: (pod) => retainedIn(secret(), pod),
        noteRetained: (proved) => noteRetained({ ...input, writer, secret: secret() }, proved),
      });
      return { silent: wasSilent(result), result };
    });
    return result === undefined
      ? retryLater(memory, memory.retrying ?? SILENT_BEFORE)
      : await consequences(deps, input, previous, live, result, written);
  } catch (error) {
    if (!(error instanceof RevisionTooLarge)) throw error;
    memory.failure = { revision, template, reason: error.message };
    return keepDatabases(deps, input, live);
  }
}

const wasSilent = (result: ChangeResult): boolean =>
  (result.outcome === 'retry' && (result.canaryDied || result.silent === true)) ||
  (result.outcome === 'proved' && result.unproved.length > 0);

/** @param written the version of the Secret that the change wrote last */
async function consequences(
  deps: PoolerDependencies,
  input: ConfigInput,
  previous: string,
  live: readonly PodView[],
  result: ChangeResult,
  written: string | undefined,
): Promise<ConfigOutcome> {
  const { memory, revision, template, pooler } = input;
  const about = { pooler: keyOf(pooler), revision, previous };
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
      // As the change left it: what a hand has done since is still to be looked into.
      memory.verifiedSecret = written;
      // Of those, too, that could take it only when the pointer had moved.
      await noteRetained({ ...input, secret: secretOf(deps.caches, pooler, template) }, result.proved);
      memory.failure = undefined;
      memory.attempts = 0;
      const unproved = result.unproved.map(({ pod, reason }) => `${pod.name}: ${reason}`);
      deps.log('a change was proved', {
        ...about,
        generation: pooler.metadata.generation,
        proved: result.proved.length,
        unproved,
        milliseconds: result.timings,
      });
      memory.retrying = unproved[0];
      return { kind: 'waiting', retryMs: unproved.length > 0 ? RETRY_MS : REST_AFTER_MS };
    }
    case 'refused':
      memory.failure = { revision, template, reason: result.reason };
      deps.log('a change was refused and rolled back', {
        ...about,
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
}

/** What was to be removed with a revision that is refused stays: whoever waits there goes on. */
async function keepDatabases(
  deps: PoolerDependencies,
  input: ConfigInput,
  live: readonly PodView[],
): Promise<ConfigOutcome> {
  const secret = secretOf(deps.caches, input.pooler, input.template);
  const wanted = withoutLeaving(heldStates(secret));
  const problem = await settlePatiently(deps, { ...input, secret, pods: live, wanted, steps: stepsOf(deps, input) });
  // Whether all of them are back on the previous revision is seen by the next look at them.
  return problem === undefined ? { kind: 'refused', retryMs: RETRY_MS } : retryLater(input.memory, problem);
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
