/**
 * The work queue of client-go, whose three sets give everything a controller needs: a key waits once however often it is
 * added (`waiting`), is never worked by two workers (`processing`), and comes back when it was added meanwhile (`again`).
 * First come, first served, so no key can crowd out another. What a user changed does not wait behind all that is only
 * looked at again, nor that behind all that users change: while there is both, they take turns, three to one. So of a
 * thousand poolers that are created at once the first are proved while the last are written.
 */
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { createDelayedKeys } from './delayed-keys.ts';
import { createFifo } from './fifo.ts';

export type Priority = 'high' | 'low';

export interface Queue {
  add(key: string, options?: { readonly priority?: Priority }): void;
  /** Adds later, with low priority; an earlier time that is already set stays. */
  addAfter(key: string, ms: number): void;
  /** Adds after a pause that doubles with each failure of the key: 5 ms to 5 minutes. */
  addRateLimited(key: string): void;
  /** The key succeeded: its next failure starts with the shortest pause. */
  forget(key: string): void;
  /** How often the key failed since it last succeeded. */
  failures(key: string): number;
  /** The next key; undefined when the queue is shut down, or the signal is given while nothing waits. */
  get(signal?: AbortSignal): Promise<string | undefined>;
  /** The key's work has ended; whoever got a key must say so. */
  done(key: string): void;
  /** Keys that wait for a worker. */
  readonly length: number;
  /** Keys that will be added later. */
  readonly delayed: number;
  /** How long each key that is being worked has been, in seconds. */
  inProgressSeconds(): readonly number[];
  /** Nobody gets a key any more. What is being worked is not touched. */
  shutDown(): void;
}

/** Where the queue tells what happens, for metrics. Times in seconds. */
export interface QueueMetrics {
  readonly depth: (length: number) => void;
  readonly added: () => void;
  readonly retried: () => void;
  readonly waited: (seconds: number) => void;
  readonly worked?: (seconds: number) => void;
}

export interface QueueOptions {
  readonly clock: Clock;
  readonly metrics?: QueueMetrics;
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

/** After so many urgent keys in a row one that is not has its turn. */
const URGENT_IN_A_ROW = 3;

interface Waiting {
  readonly key: string;
  readonly priority: Priority;
  /** When it was first added, on the monotonic clock. */
  readonly since: number;
}

export function createQueue({ clock, metrics, firstPauseMs = 5, longestPauseMs = 300_000 }: QueueOptions): Queue {
  const waiting = new Map<string, Waiting>();
  /** What waits, in its order. An entry that is no longer in `waiting` was moved to the other one. */
  const order = { high: createFifo<Waiting>(), low: createFifo<Waiting>() };
  const again = new Map<string, Omit<Waiting, 'key'>>();
  /** Keys and since when they are worked. */
  const processing = new Map<string, number>();
  const failures = new Map<string, number>();
  const idle = new Set<(key: string | undefined) => void>();
  let urgentInARow = 0;
  let closed = false;

  const first = (priority: Priority): Waiting | undefined => {
    let entry = order[priority].shift();
    while (entry !== undefined && waiting.get(entry.key) !== entry) entry = order[priority].shift();
    return entry;
  };
  const take = (): string | undefined => {
    const lowFirst = urgentInARow >= URGENT_IN_A_ROW;
    const entry = lowFirst ? (first('low') ?? first('high')) : (first('high') ?? first('low'));
    if (entry === undefined) return undefined;
    urgentInARow = entry.priority === 'high' && !lowFirst ? urgentInARow + 1 : 0;
    waiting.delete(entry.key);
    const now = clock.monotonic();
    processing.set(entry.key, now);
    metrics?.waited((now - entry.since) / 1000);
    metrics?.depth(waiting.size);
    return entry.key;
  };
  const enqueue = (key: string, priority: Priority, since: number): void => {
    const entry = { key, priority, since: waiting.get(key)?.since ?? since };
    waiting.set(key, entry);
    order[priority].push(entry);
    metrics?.added();
    metrics?.depth(waiting.size);
    for (const hand of idle) {
      idle.delete(hand);
      hand(take());
      return;
    }
  };
  const add = (key: string, priority: Priority): void => {
    if (closed) return;
    const since = clock.monotonic();
    if (processing.has(key)) {
      const planned = again.get(key);
      if (planned?.priority !== 'high') again.set(key, { priority, since: planned?.since ?? since });
      return;
    }
    const place = waiting.get(key)?.priority;
    if (place === undefined || (place === 'low' && priority === 'high')) enqueue(key, priority, since);
  };
  const delayed = createDelayedKeys(clock, (key) => add(key, 'low'));

  return {
    add: (key, { priority = 'high' } = {}) => add(key, priority),
    addAfter: (key, ms) => {
      if (!closed) delayed.add(key, ms);
    },
    addRateLimited: (key) => {
      if (closed) return;
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      metrics?.retried();
      delayed.add(key, backoffMs(count, { firstMs: firstPauseMs, limitMs: longestPauseMs }));
    },
    forget: (key) => {
      failures.delete(key);
    },
    failures: (key) => failures.get(key) ?? 0,
    get: (signal) => {
      const key = closed || signal?.aborted ? undefined : take();
      if (key !== undefined || closed || signal?.aborted) return Promise.resolve(key);
      return new Promise((resolve) => {
        const leave = (): void => hand(undefined);
        const hand = (next: string | undefined): void => {
          idle.delete(hand);
          signal?.removeEventListener('abort', leave);
          resolve(next);
        };
        idle.add(hand);
        signal?.addEventListener('abort', leave, { once: true });
      });
    },
    done: (key) => {
      const since = processing.get(key);
      if (since === undefined) return;
      processing.delete(key);
      metrics?.worked?.((clock.monotonic() - since) / 1000);
      const planned = again.get(key);
      again.delete(key);
      if (planned !== undefined && !closed) enqueue(key, planned.priority, planned.since);
    },
    get length() {
      return waiting.size;
    },
    get delayed() {
      return delayed.size;
    },
    inProgressSeconds: () => [...processing.values()].map((since) => (clock.monotonic() - since) / 1000),
    shutDown: () => {
      closed = true;
      delayed.clear();
      again.clear();
      waiting.clear();
      order.high.clear();
      order.low.clear();
      for (const hand of [...idle]) hand(undefined);
    },
  };
}
