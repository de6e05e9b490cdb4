/**
 * Writes status, and only when it says something new. Conditions and configuration at once; how far a start or a
 * rollout has come at most every two seconds, and that a change has begun only if it is not over within one; pool numbers
 * rounded into the same write, or at most every 30 seconds by themselves. Conditions that turn become events.
 */
import { API_GROUP_VERSION, KIND, POOLERS, STATUS_FIELD_MANAGER } from '../api/names.ts';
import type { Condition, ConnectionPooler, PoolerStatus } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { KubeObject } from '../kube/objects.ts';
import { apply } from '../kube/operations.ts';
import { canonicalJson } from '../plan/canonical-json.ts';
import type { Situation } from '../rules/situation.ts';
import { buildStatus } from '../rules/status.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Memory } from './memory.ts';

export interface StatusWriter {
  /** The first word on an object: Ready=Unknown, so that nobody takes silence for success. */
  writeFirst(pooler: ConnectionPooler): Promise<void>;
  /** @returns milliseconds after which to come again, because something was held back */
  write(pooler: ConnectionPooler, situation: Situation, memory: Memory): Promise<number | undefined>;
  /** The same, over another client: one that ends with a reconcile. */
  through(client: KubeClient): StatusWriter;
}

export interface StatusWriterDependencies {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly observed: (object: KubeObject) => void;
  /** The object as cached now: later than the one a long reconcile began with. */
  readonly current: (pooler: ConnectionPooler) => ConnectionPooler | undefined;
}

export const NUMBERS_EVERY_MS = 30_000;
/** Pods come one by one, each in several steps: told one by one they would be most of all writes. */
export const PROGRESS_EVERY_MS = 2_000;
/** A change that is over by then is told once, and not that it began. */
export const BEGUN_AFTER_MS = 1_000;

/** Conditions whose turning is worth an event, and which status is the bad one. */
const ANNOUNCED: Readonly<Record<string, 'True' | 'False'>> = {
  Ready: 'False',
  Stalled: 'True',
  ConfigSynced: 'False',
  CredentialsValid: 'False',
  BackendReachable: 'False',
  BudgetValid: 'False',
  PoolSaturated: 'True',
  CertificatesValid: 'False',
  ImageOutdated: 'True',
  RestartRequired: 'True',
  RuntimeOverride: 'True',
};

export function createStatusWriter(deps: StatusWriterDependencies): StatusWriter {
  const send = async (pooler: ConnectionPooler, status: PoolerStatus): Promise<KubeObject> => {
    const { name, namespace = 'default' } = pooler.metadata;
    const object = { apiVersion: API_GROUP_VERSION, kind: KIND, metadata: { name, namespace }, status };
    const stored = await apply<KubeObject>(deps.client, POOLERS, object, {
      fieldManager: STATUS_FIELD_MANAGER,
      force: true,
      subresource: 'status',
    });
    deps.observed(stored);
    return stored;
  };
  return {
    through: (client) => createStatusWriter({ ...deps, client }),
    writeFirst: async (pooler) => {
      const condition = (type: string, status: Condition['status']): Condition => ({
        type,
        status,
        reason: 'Reconciling',
        message: 'the operator has seen the object',
        observedGeneration: pooler.metadata.generation ?? 0,
        lastTransitionTime: new Date(deps.clock.now()).toISOString(),
      });
      await send(pooler, { conditions: [condition('Ready', 'Unknown'), condition('Reconciling', 'True')] });
    },
    write: async (pooler, situation, memory) => {
      const current = deps.current(pooler);
      if (current === undefined || current.metadata.uid !== pooler.metadata.uid) return undefined;
      const now = new Date(deps.clock.now()).toISOString();
      const based: ConnectionPooler = {
        ...pooler,
        ...(current.status === undefined ? {} : { status: current.status }),
      };
      const held = buildStatus({ pooler: based, situation, now, renewNumbers: false });
      const wanted = canonicalJson(held);
      const isSettled =
        memory.settled?.status === wanted && memory.settled.version === current.metadata.resourceVersion;
      const changed = !isSettled && wanted !== canonicalJson(current.status);
      const due = memory.numbersAt === undefined || deps.clock.monotonic() - memory.numbersAt >= NUMBERS_EVERY_MS;
      const fresh = buildStatus({ pooler: based, situation, now, renewNumbers: true });
      if (!changed) {
        if (!numbersMoved(current.status, fresh)) return undefined;
        if (!due) return NUMBERS_EVERY_MS - (deps.clock.monotonic() - (memory.numbersAt ?? 0));
      }
      const since = memory.statusAt === undefined ? Number.POSITIVE_INFINITY : deps.clock.monotonic() - memory.statusAt;
      if (since < PROGRESS_EVERY_MS && isProgress(current.status, fresh)) return PROGRESS_EVERY_MS - since;
      if (situation.denied === undefined && hasBegun(current.status, fresh)) {
        memory.begunAt ??= deps.clock.monotonic();
        const waited = deps.clock.monotonic() - memory.begunAt;
        if (waited < BEGUN_AFTER_MS) return BEGUN_AFTER_MS - waited;
      }
      const stored = await send(pooler, fresh);
      memory.begunAt = undefined;
      memory.settled = { status: canonicalJson(fresh), version: stored.metadata.resourceVersion };
      memory.numbersAt = deps.clock.monotonic();
      memory.statusAt = memory.numbersAt;
      announce(pooler, current.status?.conditions ?? [], fresh.conditions ?? []);
      return undefined;
    },
  };

  function announce(pooler: ConnectionPooler, before: readonly Condition[], after: readonly Condition[]): void {
    for (const condition of after) {
      const bad = ANNOUNCED[condition.type];
      const last = before.find(({ type }) => type === condition.type);
      if (
        bad === undefined ||
        condition.status === 'Unknown' ||
        (last?.status === condition.status && last.reason === condition.reason)
      )
        continue;
      const turnedBad = condition.status === bad;
      // What lowered the summary has an event of its own.
      if (turnedBad && condition.type === 'Ready') continue;
      // Good from the start is no news, except for the summary and the configuration.
      if (!turnedBad && last?.status !== bad && condition.type !== 'Ready' && condition.type !== 'ConfigSynced')
        continue;
      if (turnedBad && TRANSIENT.has(condition.reason)) continue;
      deps.events.record({
        regarding: pooler,
        type: turnedBad ? 'Warning' : 'Normal',
        reason: condition.reason,
        action: condition.type,
        note: condition.message,
      });
    }
  }
}

/** Bad for as long as the operator works on it; not worth a warning. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'Applying',
  'EmptyingDatabases',
  'PodsNotReady',
  'RollingOut',
  'ApplyingConfig',
  'ShrinkingShares',
  'NoReplicas',
  'Reconciling',
  'NotRendered',
]);

/** Whether the operator was and is at the same work, and only how far it came is new. */
function isProgress(before: PoolerStatus | undefined, after: PoolerStatus): boolean {
  const summary = ({ conditions = [], observedGeneration }: PoolerStatus) =>
    canonicalJson([
      observedGeneration,
      // Each proved replica is progress too; a refusal shows in Stalled.
      conditions.flatMap(({ type, status, reason }) => (type === 'ConfigSynced' ? [] : [type, status, reason])),
    ]);
  const atWork = after.conditions?.some(({ type, status }) => type === 'Reconciling' && status === 'True') ?? false;
  return atWork && before !== undefined && summary(before) === summary(after);
}

/**
 * Whether all there is to tell is that work on what the user changed has begun. That the status is of an older generation
 * says as much, and a moment later the work may be over.
 */
function hasBegun(before: PoolerStatus | undefined, after: PoolerStatus): boolean {
  if (before === undefined || before.observedGeneration === after.observedGeneration) return false;
  const found = (status: PoolerStatus, type: string) => status.conditions?.find((other) => other.type === type)?.status;
  const others = (status: PoolerStatus) =>
    canonicalJson(
      status.conditions?.flatMap(({ type, status: value, reason }) => (WORK.has(type) ? [] : [type, value, reason])),
    );
  return (
    found(before, 'Ready') === 'True' && found(after, 'Reconciling') === 'True' && others(before) === others(after)
  );
}

/** Conditions that turn while the operator works. */
const WORK: ReadonlySet<string> = new Set(['Ready', 'Reconciling', 'ConfigSynced']);

/** Whether a number moved enough to be worth a write: something appeared, vanished, or changed by a tenth. */
function numbersMoved(before: PoolerStatus | undefined, after: PoolerStatus): boolean {
  if (before === undefined) return true;
  const flat = (status: PoolerStatus): readonly number[] => [
    status.clientsWaiting ?? 0,
    ...(status.budget ?? []).map((row) => row.open ?? 0),
    ...(status.pools ?? []).flatMap((pool) => [
      pool.clientsActive ?? 0,
      pool.serversActive ?? 0,
      pool.serversIdle ?? 0,
      pool.poolSize ?? 0,
      pool.maxWaitSeconds ?? 0,
    ]),
  ];
  const names = (status: PoolerStatus) =>
    canonicalJson((status.pools ?? []).map((pool) => [pool.database, pool.user]).sort());
  if (names(before) !== names(after)) return true;
  const [x, y] = [flat(before), flat(after)];
  return (
    x.length !== y.length ||
    x.some((value, index) => Math.abs(value - (y[index] ?? 0)) > Math.max(value, y[index] ?? 0) / 10)
  );
}
