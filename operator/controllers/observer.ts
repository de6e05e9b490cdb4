/**
 * Reads the consoles of all pooler pods at an interval, in every replica of the operator, leader or not: metrics are
 * served by all, and whoever becomes leader knows the fleet already. Sessions are short (a session kept open would
 * hold up a drain), pods are asked in parallel, and a silent pod costs its own timeout and nobody else's.
 */
import { PORT, STATS_USER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { openSession } from '../console/session.ts';
import type { PodReading } from '../plan/fleet.ts';
import { type PodView, viewPod } from '../plan/pods.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AdminCredentialStore } from './admin-credentials.ts';
import { BY_POOLER, type Caches } from './caches.ts';
import { CONSOLE_TIMEOUTS } from './change-steps.ts';
import { type ConsoleReading, readConsole } from './console-reading.ts';

export interface PoolerObservation {
  readonly at: number;
  readonly readings: readonly ConsoleReading[];
  /** Pods that did not answer, and why. */
  readonly silent: readonly { readonly pod: string; readonly reason: string }[];
}

export interface Observer {
  start(signal: AbortSignal): void;
  latest(key: string): PoolerObservation | undefined;
  /** Called after each look at a pooler. */
  onObserved(handler: (key: string, observation: PoolerObservation) => void): void;
}

export interface ObserverOptions {
  readonly caches: Caches;
  readonly credentials: AdminCredentialStore;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Poolers looked at at the same time. */
  readonly concurrency: number;
  readonly log: (message: string, details: object) => void;
  /** Reads why a pod cannot reach its server, when it had a reason to and did not. */
  readonly trouble: (pooler: ConnectionPooler, pod: PodView, sinceMs: number) => Promise<string | undefined>;
}

export function createObserver(options: ObserverOptions): Observer {
  const { caches, credentials, clock, intervalMs } = options;
  const latest = new Map<string, PoolerObservation>();
  const handlers: ((key: string, observation: PoolerObservation) => void)[] = [];

  const observe = async (pooler: ConnectionPooler, key: string): Promise<void> => {
    const own = await credentials.peek(pooler);
    if (own === undefined) return;
    const pods = caches.pods
      .byIndex(BY_POOLER, key)
      .map(viewPod)
      .filter((pod) => pod.running && !pod.terminating);
    const before = latest.get(key);
    const silent: { readonly pod: string; readonly reason: string }[] = [];
    const readings = await Promise.all(
      pods.map(async (pod): Promise<ConsoleReading | undefined> => {
        try {
          const session = await openSession({
            host: pod.address ?? '',
            port: PORT,
            user: STATS_USER,
            password: own.stats,
            applicationName: 'poolkeeper',
            ...CONSOLE_TIMEOUTS,
          });
          try {
            const reading = await readConsole(session, pod.name);
            const last = before?.readings.find((other) => other.pod === pod.name);
            const trouble = needsExplanation(reading, last)
              ? await options.trouble(pooler, pod, before?.at ?? clock.now() - intervalMs)
              : undefined;
            return trouble === undefined ? reading : { ...reading, trouble };
          } finally {
            await session.close();
          }
        } catch (error) {
          silent.push({ pod: pod.name, reason: error instanceof Error ? error.message : String(error) });
          return undefined;
        }
      }),
    );
    const observation = { at: clock.now(), readings: readings.filter((reading) => reading !== undefined), silent };
    latest.set(key, observation);
    for (const handler of handlers) handler(key, observation);
  };

  const round = async (signal: AbortSignal): Promise<void> => {
    const poolers = [...caches.poolers.list()];
    const known = new Set(poolers.map((pooler) => `${pooler.metadata.namespace}/${pooler.metadata.name}`));
    for (const key of latest.keys()) if (!known.has(key)) latest.delete(key);
    const worker = async (): Promise<void> => {
      for (let pooler = poolers.pop(); pooler !== undefined && !signal.aborted; pooler = poolers.pop()) {
        const key = `${pooler.metadata.namespace}/${pooler.metadata.name}`;
        await observe(pooler, key).catch((error: unknown) =>
          options.log('observation failed', { pooler: key, error: String(error) }),
        );
      }
    };
    await Promise.all(Array.from({ length: Math.min(options.concurrency, poolers.length) }, worker));
  };

  return {
    latest: (key) => latest.get(key),
    onObserved: (handler) => handlers.push(handler),
    start: (signal) => {
      const loop = async (): Promise<void> => {
        while (!signal.aborted) {
          const started = clock.monotonic();
          await round(signal);
          await clock.sleep(Math.max(1_000, intervalMs - (clock.monotonic() - started)), signal);
        }
      };
      loop().catch((error: unknown) => {
        if (!signal.aborted) options.log('the observer ended', { error: String(error) });
      });
    },
  };
}

/** A pool that clients use, with no established server connection, and something happened since the last look. */
function needsExplanation(
  reading: PodReading & { readonly activity?: number },
  last: (PodReading & { readonly activity?: number }) | undefined,
): boolean {
  return reading.pools.some((pool) => {
    if (pool.serversActive + pool.serversIdle + pool.serversOther > 0) return false;
    if (pool.clientsWaiting > 0 || pool.serversLogin > 0) return true;
    return last?.trouble !== undefined && reading.activity !== last.activity;
  });
}
