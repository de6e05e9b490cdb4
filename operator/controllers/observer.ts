/**
 * Reads the consoles of all pooler pods at an interval, in every replica of the operator, leader or not: metrics are
 * served by all, and whoever becomes leader knows the fleet already. Sessions are short: one kept open would hold up a
 * drain. There are no rounds that could wait for somebody: a pooler that is still being looked at is left out, and pods
 * that were silent the last time queue for places of their own, so that they keep nobody else waiting.
 */

import { PORT, STATS_USER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { keyOf } from '../kube/objects.ts';
import { type PodObject, type PodView, viewPod } from '../plan/pods.ts';
import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/log.ts';
import type { AdminCredentialStore, AdminCredentials } from './admin-credentials.ts';
import { BY_POOLER, type Caches } from './caches.ts';
import { CONSOLE_TIMEOUTS, tlsOf } from './change-steps.ts';
import { type ConsoleReading, readConsole } from './console-reading.ts';
import { doorsOf, openDoor } from './doors.ts';
import { pointerOf } from './known-config.ts';
import { databasesInNeed, lastingTrouble } from './need.ts';
import { createPace } from './pace.ts';
import { createPhases } from './phases.ts';

export interface SilentPod {
  readonly pod: string;
  readonly reason: string;
}

export interface PoolerObservation {
  readonly at: number;
  /** In the order of the pods' names, like `silent`. */
  readonly readings: readonly ConsoleReading[];
  /** Pods that did not answer, and why. */
  readonly silent: readonly SilentPod[];
}

export interface Observer {
  start(signal: AbortSignal): void;
  latest(key: string): PoolerObservation | undefined;
  /** Called when a look at a pooler showed something that the one before did not, or there is nobody left to look at. */
  onNews(handler: (key: string) => void): void;
  /** Takes what proofs read of a pooler that was not looked at yet, if that is all of its pods: they need not be asked again at once. */
  saw(key: string, readings: readonly ConsoleReading[]): void;
}

export interface ObserverOptions {
  readonly caches: Caches;
  readonly credentials: AdminCredentialStore;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Pods asked at the same time; a quarter as many more for those that were silent the last time. Default 32. */
  readonly concurrency?: number;
  readonly log: (message: string, details: object) => void;
  /** Reads why a pod cannot reach its server, when it had a reason to and did not. */
  readonly trouble: (
    pooler: ConnectionPooler,
    pod: PodView,
    sinceMs: number,
    signal: AbortSignal,
  ) => Promise<string | undefined>;
}

/** How often it is asked who is due. */
const TICK_MS = 500;
/** At most 25 poolers a second: a look takes some 5 ms of the operator's own time. From 375 on the interval grows. */
const APART_MS = 40;
/** Of one pooler, so that a large one leaves places to the others. */
const PODS_AT_ONCE = 4;
/** A healthy pod takes some twenty milliseconds, log and all. */
const LOOK_MS = 6_000;
/** More pools than this in one process are no reading but a flood. */
const LIMITS = { maxBytes: 1024 * 1024, maxRows: 5_000 };
/** Rows that are kept of one pooler: each becomes a dozen metrics. */
const KEPT_ROWS = 20_000;

export function createObserver(options: ObserverOptions): Observer {
  const { caches, credentials, clock, intervalMs, concurrency = 32 } = options;
  const latest = new Map<string, PoolerObservation>();
  const handlers: ((key: string) => void)[] = [];
  const tell = (key: string): void => {
    for (const handler of handlers) handler(key);
  };
  const looking = new Set<string>();
  const answering = createPace(concurrency);
  const silentBefore = createPace(Math.ceil(concurrency / 4));

  const ask = async (
    pooler: ConnectionPooler,
    pod: PodView,
    own: AdminCredentials,
    before: PoolerObservation | undefined,
    ending: AbortSignal,
  ): Promise<ConsoleReading> => {
    const place = {
      host: pod.address ?? '',
      port: PORT,
      applicationName: 'poolkeeper',
      tls: tlsOf(pooler),
      certificates: own.certificates,
      limits: LIMITS,
      lifetimeMs: LOOK_MS,
      signal: ending,
    };
    // Where the password was replaced just now, the process may still know the one before.
    const [, ...others] = doorsOf(own, [pointerOf(caches, pooler, pod.template)]);
    const session = await openDoor({ ...place, ...CONSOLE_TIMEOUTS }, [
      { user: STATS_USER, password: own.stats },
      ...others,
    ]);
    let reading: ConsoleReading;
    try {
      reading = await readConsole(session, pod.name);
    } finally {
      await session.close();
    }
    const last = before?.readings.find((other) => other.pod === pod.name);
    const databases = databasesInNeed(reading, last);
    const lasting = lastingTrouble(reading, last, clock.now());
    const known = lasting === undefined ? reading : { ...reading, trouble: lasting };
    if (databases.length === 0) return known;
    // The log comes through the API server: while that is away, what the console said still counts.
    const said = await options
      .trouble(
        pooler,
        pod,
        before?.at ?? clock.now() - intervalMs,
        AbortSignal.any([ending, AbortSignal.timeout(LOOK_MS)]),
      )
      .catch((error: unknown) => {
        options.log('a log could not be read', { pod: pod.name, error: messageOf(error) });
        return undefined;
      });
    return said === undefined ? known : { ...reading, trouble: { said, databases, at: clock.now() } };
  };

  const runningPods = (key: string): readonly PodView[] =>
    caches.pods
      .byIndex(BY_POOLER, key)
      .map(viewPod)
      .filter((pod) => pod.running && !pod.terminating);

  const look = async (pooler: ConnectionPooler, key: string, ending: AbortSignal): Promise<void> => {
    const own = await answering(() => credentials.peek(pooler));
    if (own === undefined) return;
    const pods = runningPods(key);
    const before = latest.get(key);
    const readings: ConsoleReading[] = [];
    const silent: SilentPod[] = [];
    const few = createPace(PODS_AT_ONCE);
    await Promise.all(
      pods.map(async (pod) => {
        const wasSilent = before?.silent.some((other) => other.pod === pod.name) ?? false;
        const place = wasSilent ? silentBefore : answering;
        try {
          readings.push(await few(() => place(() => ask(pooler, pod, own, before, ending))));
        } catch (error) {
          silent.push({ pod: pod.name, reason: messageOf(error) });
        }
      }),
    );
    if (ending.aborted) return;
    const observation = withinReason(clock.now(), readings, silent);
    latest.set(key, observation);
    if (gistOf(observation) !== gistOf(before)) tell(key);
  };
  const phases = createPhases(intervalMs, APART_MS);

  /** Of a pooler whose pods have gone. A pod may only restart: what was seen last is told for an interval, as ever. */
  const forgetLater = (key: string): void => {
    const last = latest.get(key);
    if (last === undefined || last.readings.length + last.silent.length === 0) return;
    const now = clock.now();
    if (now - last.at < intervalMs) return;
    latest.set(key, { at: now, readings: [], silent: [] });
    tell(key);
  };

  const lookAround = (ending: AbortSignal): void => {
    const poolers = new Map(caches.poolers.list().map((pooler) => [keyOf(pooler), pooler]));
    for (const key of latest.keys()) if (!poolers.has(key)) latest.delete(key);
    for (const key of phases.due([...poolers.keys()], clock.monotonic())) {
      const pooler = poolers.get(key);
      if (pooler === undefined || looking.has(key)) continue;
      // Without pods there is nothing to see: the first that runs makes a pooler new.
      if (!caches.pods.byIndex(BY_POOLER, key).some(isRunning)) {
        phases.forget(key);
        forgetLater(key);
        continue;
      }
      looking.add(key);
      look(pooler, key, ending)
        .catch((error: unknown) => options.log('observation failed', { pooler: key, error: String(error) }))
        .finally(() => looking.delete(key));
    }
  };

  return {
    latest: (key) => latest.get(key),
    onNews: (handler) => handlers.push(handler),
    saw: (key, readings) => {
      const read = new Map(readings.map((reading) => [reading.pod, reading]));
      const running = runningPods(key);
      const isAll = running.length === read.size && running.every(({ name }) => read.has(name));
      if (latest.has(key) || looking.has(key) || !isAll || readings.some(isFlood)) return;
      latest.set(key, withinReason(clock.now(), readings, []));
      phases.seen(key, clock.monotonic());
    },
    start: (signal) => {
      const loop = async (): Promise<void> => {
        while (!signal.aborted) {
          lookAround(signal);
          await clock.sleep(TICK_MS, signal);
        }
      };
      loop().catch((error: unknown) => {
        if (!signal.aborted) options.log('the observer ended', { error: String(error) });
      });
    },
  };
}

const isRunning = (pod: PodObject): boolean => viewPod(pod).running;

/** What status, conditions and events are made of; the counters of queries are only for metrics. */
const gistOf = (observation: PoolerObservation | undefined): string =>
  JSON.stringify(
    observation && [
      observation.readings.map(({ pod, version, pools, databases, trouble, settings, paused, databaseRows }) => [
        settings,
        paused,
        databaseRows.flatMap((row) => (row.paused || row.disabled ? [[row.name, row.paused, row.disabled]] : [])),
        pod,
        version,
        pools,
        databases,
        trouble && [trouble.said, trouble.databases],
      ]),
      observation.silent,
    ],
  ) ?? '';

/** More than one of the observer's own sessions would read. */
const isFlood = ({ poolRows, databaseRows, stats }: ConsoleReading): boolean =>
  Math.max(poolRows.length, databaseRows.length, stats.length) > LIMITS.maxRows;

/** In the order of names, which is the same at each look. */
function withinReason(
  at: number,
  readings: readonly ConsoleReading[],
  silent: readonly SilentPod[],
): PoolerObservation {
  const kept: ConsoleReading[] = [];
  const dropped: SilentPod[] = [];
  let rows = 0;
  for (const reading of readings.toSorted((a, b) => (a.pod < b.pod ? -1 : 1))) {
    rows += reading.poolRows.length + reading.databaseRows.length + reading.stats.length;
    if (rows <= KEPT_ROWS) kept.push(reading);
    else
      dropped.push({ pod: reading.pod, reason: `its pooler has more than ${KEPT_ROWS} pools, databases and figures` });
  }
  return { at, readings: kept, silent: [...silent, ...dropped].sort((a, b) => (a.pod < b.pod ? -1 : 1)) };
}
