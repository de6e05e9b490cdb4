/**
 * The work queue of client-go, whose three sets give everything a controller needs: a key is queued once however often
 * it is added, is never worked by two workers, and comes back when it was added while it was worked.
 */
import { type Clock, MAX_TIMER_MS } from './clock.ts';

export type Priority = 'high' | 'low';

export interface Queue {
  add(key: string, options?: { readonly priority?: Priority }): void;
  /** Adds later; an earlier time that is already set stays. */
  addAfter(key: string, ms: number): void;
  /** Adds after a pause that doubles with each failure of the key. */
  addRateLimited(key: string): void;
  /** The key succeeded: its next failure starts with the shortest pause. */
  forget(key: string): void;
  /** The next key, high before low; undefined when the queue is shut down. */
  get(): Promise<string | undefined>;
  done(key: string): void;
  readonly length: number;
  shutDown(): void;
}

export interface QueueMetrics {
  readonly depth: (length: number) => void;
  readonly added: () => void;
  readonly retried: () => void;
  readonly waited: (seconds: number) => void;
}

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 5 * 60_000;

export function createQueue({ clock, metrics }: { readonly clock: Clock; readonly metrics?: QueueMetrics }): Queue {
  const waiting: Record<Priority, Set<string>> = { high: new Set(), low: new Set() };
  /** Keys that were added while they are worked, and how urgently. */
  const again = new Map<string, Priority>();
  const processing = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout }>();
  const addedAt = new Map<string, number>();
  const idle: ((key: string | undefined) => void)[] = [];
  let closed = false;

  const size = (): number => waiting.high.size + waiting.low.size;
  const take = (): string | undefined => {
    for (const set of [waiting.high, waiting.low]) {
      for (const key of set) {
        set.delete(key);
        processing.add(key);
        metrics?.waited((clock.monotonic() - (addedAt.get(key) ?? clock.monotonic())) / 1000);
        addedAt.delete(key);
        metrics?.depth(size());
        return key;
      }
    }
    return undefined;
  };
  const add = (key: string, priority: Priority): void => {
    if (closed) return;
    if (processing.has(key)) {
      if (again.get(key) !== 'high') again.set(key, priority);
      return;
    }
    if (waiting.high.has(key) || (priority === 'low' && waiting.low.has(key))) return;
    waiting.low.delete(key);
    waiting[priority].add(key);
    if (!addedAt.has(key)) addedAt.set(key, clock.monotonic());
    metrics?.added();
    metrics?.depth(size());
    const next = idle.shift();
    if (next) next(take());
  };
  const addAfter = (key: string, ms: number): void => {
    if (closed) return;
    const at = clock.monotonic() + ms;
    const set = timers.get(key);
    if (set !== undefined && set.at <= at) return;
    if (set !== undefined) clearTimeout(set.timer);
    const timer = setTimeout(
      () => {
        timers.delete(key);
        add(key, 'low');
      },
      Math.min(Math.max(ms, 0), MAX_TIMER_MS),
    );
    timers.set(key, { at, timer });
  };

  return {
    add: (key, { priority = 'high' } = {}) => add(key, priority),
    addAfter,
    addRateLimited: (key) => {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      metrics?.retried();
      addAfter(key, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(count, 20)) * (0.75 + Math.random() / 2));
    },
    forget: (key) => {
      failures.delete(key);
    },
    get: () => {
      const key = take();
      if (key !== undefined || closed) return Promise.resolve(key);
      return new Promise((resolve) => idle.push(resolve));
    },
    done: (key) => {
      processing.delete(key);
      const priority = again.get(key);
      again.delete(key);
      if (priority !== undefined) add(key, priority);
    },
    get length() {
      return size();
    },
    shutDown: () => {
      closed = true;
      for (const { timer } of timers.values()) clearTimeout(timer);
      timers.clear();
      waiting.high.clear();
      waiting.low.clear();
      for (const resolve of idle.splice(0)) resolve(undefined);
    },
  };
}
