/**
 * The reconcile of one ConnectionPooler, top to bottom: what is there, what should be, write the difference, prove it,
 * report. Reading, deciding and writing live in other files; this one is the order in which they happen.
 */
import type { Fault } from '../api/fault.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { type Denial, denialOf } from '../kube/denial.ts';
import { endingWith } from '../kube/ending-with.ts';
import { isNamespaceTerminating } from '../kube/errors.ts';
import { quotable } from '../pgbouncer/text.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { judgeImage } from '../plan/image.ts';
import type { PodView } from '../plan/pods.ts';
import { allEnded } from '../runtime/all-ended.ts';
import { applyAround } from './around.ts';
import { observeWrite } from './caches.ts';
import { nextCertificateEvent } from './certificate-time.ts';
import { ChildRefused, type ChildWriter, type Collision } from './children.ts';
import type { ConfigOutcome } from './config-outcome.ts';
import { convergeConnectionSecrets } from './connection-secrets.ts';
import { convergeCertificate, type Issuing } from './converge-certificate.ts';
import { convergeConfig } from './converge-config.ts';
import { convergeDeployment, liveTemplateOf } from './converge-deployment.ts';
import { type Blocked, decide, deniedOutright, type Target } from './decide.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { keepProved } from './keep-proved.ts';
import { lookForOverrides } from './look-for-overrides.ts';
import { keepProofsOf, type Memory } from './memory.ts';
import { removeOldConfig } from './old-config.ts';
import { replaceHopeless } from './replace-hopeless.ts';
import { mismatchOf, podsOf, type Step, situationOf } from './situation.ts';

/**
 * Once the signal is given, the reconcile ends: no call of it reaches the API server any more.
 * @param leave called when it waits for somebody outside, a console or a webhook, and needs no worker for that
 */
export type Reconcile = (
  key: string,
  signal: AbortSignal,
  leave: () => void,
) => Promise<{ readonly requeueAfterMs?: number }>;

const NOTHING_TO_ISSUE: Issuing = {};

/** Somebody else's object in the way may go without our being told: it is not watched. */
const COLLISION_RETRY_MS = 10_000;
/** Nobody tells us when a quota, a policy or a role has changed. */
const DENIED_RETRY_MS = 30_000;
/** What the API server refused may become acceptable without a change of ours: a policy, a newer server. */
const REFUSED_RETRY_MS = 300_000;

export function createPoolerReconcile(deps: Omit<PoolerDependencies, 'leave'>): Reconcile {
  return async (key, signal, leave) => {
    let giveTurnOn = (): void => undefined;
    // Who waits for a webhook that hangs needs no worker for it, and no turn before he reloads anybody.
    const client = endingWith(deps.client, signal, () => {
      leave();
      giveTurnOn();
    });
    const ending: Partial<PoolerDependencies> = {
      client,
      credentials: deps.credentials.through(client),
      status: deps.status.through(client),
      paced: (change) =>
        deps.paced((turn) => {
          giveTurnOn = turn.giveOn;
          return change(turn);
        }, signal),
    };
    try {
      return await createReconcile({ ...deps, ...ending, leave })(key);
    } catch (error) {
      // The namespace goes, and the pooler with it: nothing is to be done, and nothing to be complained about.
      if (isNamespaceTerminating(error)) return {};
      throw error;
    }
  };
}

/** Nobody has said anything of it yet. */
const isUntold = ({ status }: ConnectionPooler): boolean => status?.conditions === undefined;

function createReconcile(deps: PoolerDependencies): (key: string) => ReturnType<Reconcile> {
  return async (key) => {
    const stored = deps.caches.poolers.get(key);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) {
      deps.memories.forget(key);
      deps.credentials.forget(key);
      deps.patience.forget(key);
      return {};
    }
    const memory = deps.memories.of(key, stored);
    const pods = podsOf(deps, key);
    keepProofsOf(memory, pods);
    const writer: ChildWriter = {
      client: deps.client,
      observed: (object) => observeWrite(deps.caches, object),
    };

    const isNew = isUntold(stored);
    // One silence is tried again without a word: the connection may have been dead. Whatever is told, it fails as often as it
    // happens, which says how soon it is tried again.
    let silence: unknown;
    const denialIn = (error: unknown): Denial | undefined => {
      const denied = denialOf(error);
      if (denied?.by !== 'silence') return denied;
      silence = error;
      memory.silences += 1;
      return isNew || memory.silences > 1 ? denied : undefined;
    };
    const decision = await decide(deps, stored, key, memory, pods, writer).catch(async (error: unknown) => {
      const denied = denialIn(error);
      if (denied !== undefined && (isNew || silence === undefined)) return deniedOutright(stored, denied);
      if (isNew) await deps.status.writeFirst(stored);
      throw error;
    });
    // Said while the objects are written, so that nobody takes silence for success.
    const said =
      isNew && decision.kind === 'target'
        ? deps.status.write(stored, situationOf(deps, decision.pooler, key, memory, begun(deps, key, decision)), memory)
        : undefined;
    const suspended = decision.pooler.spec.suspend;
    // A specification that is not valid says nothing of what it asks for.
    const isLegible = decision.kind === 'target' || decision.around;
    const act = async (): Promise<Step> => {
      if (decision.kind === 'blocked') return stay(deps, decision, key, memory, pods, writer);
      return suspended ? idle(deps, key, decision) : advance(deps, decision, key, memory, pods, writer);
    };
    const [{ findings, ...done }, issuing] = await allEnded([
      act().catch((error: unknown) => refused(deps, key, error, denialIn(error), decision)),
      suspended || !isLegible ? NOTHING_TO_ISSUE : convergeCertificate(deps, decision.pooler, writer),
      said,
    ]);
    const step = { ...done, findings: { ...findings, issuing: issuing.said } };
    if (!suspended) await replaceHopeless(deps, decision.pooler, memory, step.outcome);

    const heldBackMs = await deps.status.write(
      decision.pooler,
      situationOf(deps, decision.pooler, key, memory, step),
      memory,
    );
    if (silence !== undefined) throw silence;
    memory.silences = 0;
    const waits = [
      heldBackMs,
      nextCertificateEvent(memory.digest?.tls, deps.clock.now()),
      'retryMs' in step.outcome ? step.outcome.retryMs : undefined,
      step.retryMs,
      issuing.retryMs,
    ];
    const soonest = Math.min(...waits.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(soonest) ? { requeueAfterMs: soonest } : {};
  };
}

/** Something stands in the way: what runs keeps running, and stays on what was proved. */
async function stay(
  deps: PoolerDependencies,
  decision: Blocked,
  key: string,
  memory: Memory,
  pods: readonly PodView[],
  writer: ChildWriter,
): Promise<Step> {
  const { pooler, findings } = decision;
  const template = liveTemplateOf(deps.caches.deployments.get(key));
  if (pooler.spec.suspend) return resting(deps, key, findings);
  const collisions = decision.around
    ? await applyAround(deps.caches, pooler, key, memory, writer)
    : (findings.collisions ?? []);
  const outcome = await keepProved(deps, pooler, key, memory, pods, writer);
  return {
    outcome,
    findings: { ...findings, collisions },
    template,
    desired: undefined,
    ...(findings.denied !== undefined
      ? { retryMs: DENIED_RETRY_MS }
      : collisions.length > 0
        ? { retryMs: COLLISION_RETRY_MS }
        : {}),
  };
}

/** @throws the error, when it is not that the API server refuses or denies a child */
function refused(
  deps: PoolerDependencies,
  key: string,
  error: unknown,
  denied: Denial | undefined,
  decision: Target | Blocked,
): Step {
  if (denied !== undefined) {
    const step = decision.kind === 'target' ? begun(deps, key, decision) : resting(deps, key, decision.findings);
    return { ...step, findings: { ...step.findings, denied }, retryMs: DENIED_RETRY_MS };
  }
  if (!(error instanceof ChildRefused)) throw error;
  const fault: Fault = {
    path: error.kind === 'Deployment' ? 'spec.template' : error.kind === 'Service' ? 'spec.service' : 'spec',
    problem: `makes a ${error.kind} that the API server refuses: ${quotable(error.message)}`,
    remedy: 'correct it; what runs was not changed',
  };
  const image = decision.kind === 'target' ? aboutToBeDeployed(deps, key, decision) : {};
  const findings = { ...image, faults: { spec: [fault], budget: [], credentials: [] } };
  return { ...resting(deps, key, findings), retryMs: REFUSED_RETRY_MS };
}

const resting = (deps: PoolerDependencies, key: string, findings: Step['findings']): Step => ({
  outcome: { kind: 'idle' },
  findings,
  template: liveTemplateOf(deps.caches.deployments.get(key)),
  desired: undefined,
});

const idle = (deps: PoolerDependencies, key: string, target: Target): Step => ({
  outcome: { kind: 'idle' },
  findings: {},
  template: liveTemplateOf(deps.caches.deployments.get(key)) ?? target.planned.revision,
  desired: target.revision,
});

/** Nothing was written yet, or not all of it. */
const begun = (deps: PoolerDependencies, key: string, target: Target): Step => ({
  ...idle(deps, key, target),
  findings: aboutToBeDeployed(deps, key, target),
});

/** An image that nothing runs yet is judged already: else that alone would be a status of its own, and an event. */
const aboutToBeDeployed = (deps: PoolerDependencies, key: string, target: Target): Pick<Step['findings'], 'image'> =>
  target.pooler.spec.suspend || deps.caches.deployments.get(key) !== undefined
    ? {}
    : { image: judgeImage(target.pooler.spec, target, deps.settings.defaultImage) };

/** Everything is known: objects around the pods, configuration, pods, and what is left over. */
async function advance(
  deps: PoolerDependencies,
  target: Target,
  key: string,
  memory: Memory,
  pods: readonly PodView[],
  writer: ChildWriter,
): Promise<Step> {
  const { pooler, planned, revision, version } = target;
  const refused = memory.failure?.revision === revision && memory.failure.template === planned.revision;
  const generation = pooler.metadata.generation;
  const converge = (): Promise<ConfigOutcome> =>
    refused
      ? keepProved(deps, pooler, key, memory, pods, writer)
      : convergeConfig(deps, {
          pooler,
          template: planned.revision,
          version,
          credentials: target.credentials,
          writer,
          memory,
          revision,
          desired: target.desired,
          pods,
          superseded: () => deps.caches.poolers.get(key)?.metadata.generation !== generation,
        });
  // Of a pooler that nobody has told anything of yet both are written side by side: whoever waits for its pods waits for one
  // round trip less. If somebody else's object is in the way, its configuration is there already, and not written again.
  const isNew = isUntold(pooler) && deps.caches.deployments.get(key) === undefined;
  const [around, beside] = await Promise.allSettled([
    applyAround(deps.caches, pooler, key, memory, writer),
    isNew && pods.length === 0 ? converge() : undefined,
  ]);
  if (around.status === 'rejected') throw around.reason;
  if (around.value.length > 0) return collided(deps, key, around.value, target);
  if (beside.status === 'rejected') throw beside.reason;
  const outcome = beside.value ?? (await converge());
  if (outcome.kind === 'collided') return collided(deps, key, [outcome.collision], target);
  const rollout = await convergeDeployment(deps, {
    pooler,
    writer,
    memory,
    deployment: deps.caches.deployments.get(key),
    planned,
    version: formatVersion(version),
    revision,
    pods,
    refused: refused || outcome.kind === 'refused',
    restartOnly: target.desired.digest.restartOnly,
    restartedFor: target.restart.restartedFor,
  });
  if (rollout.collision !== undefined) return collided(deps, key, [rollout.collision], target);
  const failed = memory.failure?.revision === revision && memory.failure.template === planned.revision;
  const template = failed ? (liveTemplateOf(deps.caches.deployments.get(key)) ?? planned.revision) : planned.revision;
  const connections = await convergeConnectionSecrets(deps, {
    pooler,
    key,
    credentials: target.credentials,
    memory,
    writer,
    revision,
    desired: target.desired,
    pods: podsOf(deps, key),
  });
  const oldConfigMs = await removeOldConfig(deps, pooler, template, pods, key);
  const isToLookAgain = !failed && (await lookForOverrides(deps, target, key, memory, pods, writer));
  const retryMs =
    rollout.retryMs ??
    (connections.length > 0 ? COLLISION_RETRY_MS : oldConfigMs) ??
    (isToLookAgain ? deps.settings.observeIntervalMs : undefined);
  return {
    outcome,
    template,
    desired: revision,
    restart: target.restart,
    findings: {
      collisions: connections,
      waitsForShares: rollout.waitsForShares,
      versionMismatch: mismatchOf(deps, key, template, pooler.spec.version ?? formatVersion(version)),
    },
    ...(retryMs === undefined ? {} : { retryMs }),
  };
}

const collided = (deps: PoolerDependencies, key: string, collisions: readonly Collision[], target: Target): Step => ({
  outcome: { kind: 'idle' },
  findings: { ...aboutToBeDeployed(deps, key, target), collisions },
  template: target.planned.revision,
  desired: target.revision,
  retryMs: COLLISION_RETRY_MS,
});
