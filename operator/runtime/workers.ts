/**
 * Works a queue with N workers. Whatever a reconcile throws is contained, counted and tried again with a growing pause;
 * one that does not end in time is told to, and if it does not listen its worker goes on without it, while its key stays
 * locked until it has really ended. One that waits for somebody outside may send its worker on by itself. So no pooler can
 * take the operator down, or hold up the others. All can be told to end at once: when the process must not act any more.
 */
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { type Log, messageOf } from './log.ts';
import type { Queue } from './queue.ts';

export interface Outcome {
  readonly result: 'success' | 'error' | 'requeue_after';
  readonly seconds: number;
  /** It ended only after its time was up. */
  readonly timedOut: boolean;
}

export interface WorkersOptions {
  readonly queue: Queue;
  readonly concurrency: number;
  /**
   * The signal is given when the time is up, or with the workers' own. Who calls `leave` waits for somebody outside: the
   * worker goes on with other keys meanwhile. Nothing returned: done, until the key is added again.
   */
  readonly reconcile: (
    key: string,
    signal: AbortSignal,
    leave: () => void,
  ) => Promise<{ readonly requeueAfterMs?: number } | undefined>;
  readonly log: Log;
  readonly observe?: (outcome: Outcome) => void;
  /** Default 10 minutes. */
  readonly timeoutMs?: number;
  /** How long a reconcile may take to end once it was told to; then its worker is free again. Default 10 s. */
  readonly graceMs?: number;
  /** Given: no key is taken any more, and every reconcile is told to end with this reason, which is no failure of its key. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

const TIMEOUT_MS = 600_000;
const GRACE_MS = 10_000;
/** Said to nobody but ourselves; without it, an error with a stack is made for every reconcile. */
const OVER = 'over';

/** Resolves when the queue was shut down and everything that had begun is finished, or has been given up. */
export async function runWorkers(options: WorkersOptions): Promise<void> {
  const underWay = new Set<Promise<void>>();
  await Promise.all(Array.from({ length: options.concurrency }, () => work(options, underWay)));
  await Promise.all(underWay);
}

async function work(options: WorkersOptions, underWay: Set<Promise<void>>): Promise<void> {
  const { queue, signal } = options;
  for (let key = await queue.get(signal); key !== undefined; key = await queue.get(signal))
    await workOn(key, options, underWay);
}

/** Resolves when the worker is free again: at the latest when timeout and grace have passed. */
async function workOn(key: string, options: WorkersOptions, underWay: Set<Promise<void>>): Promise<void> {
  const { queue, clock = systemClock, log, timeoutMs = TIMEOUT_MS, graceMs = GRACE_MS } = options;
  const started = clock.monotonic();
  const ending = new AbortController();
  const stop = (): void => ending.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', stop, { once: true });
  const over = new AbortController();
  const leaving = Promise.withResolvers<void>();
  const ended = attempt(key, options, ending.signal, leaving.resolve).then((result) => {
    const timedOut = ending.signal.reason instanceof ReconcileTimeout;
    options.observe?.({ result, seconds: (clock.monotonic() - started) / 1000, timedOut });
    options.signal?.removeEventListener('abort', stop);
    queue.done(key);
    over.abort(OVER);
  });
  const limit = async (): Promise<void> => {
    await clock.sleep(timeoutMs, AbortSignal.any([over.signal, ending.signal]));
    if (over.signal.aborted) return;
    if (!ending.signal.aborted)
      ending.abort(new ReconcileTimeout(`the reconcile of ${key} did not end within ${timeoutMs / 1000} s`));
    await clock.sleep(graceMs, over.signal);
    if (!over.signal.aborted) log('a reconcile hangs; its worker goes on without it', { key });
  };
  const given = Promise.race([ended, limit()]);
  underWay.add(given);
  given.finally(() => underWay.delete(given));
  await Promise.race([given, leaving.promise]);
}

/** Never rejects. */
async function attempt(
  key: string,
  { queue, reconcile, log, signal: everything }: WorkersOptions,
  signal: AbortSignal,
  leave: () => void,
): Promise<Outcome['result']> {
  try {
    const result = await reconcile(key, signal, leave);
    queue.forget(key);
    if (result?.requeueAfterMs === undefined) return 'success';
    queue.addAfter(key, result.requeueAfterMs);
    return 'requeue_after';
  } catch (error) {
    // What was broken off is looked at by whoever comes next.
    if (everything?.aborted && error === everything.reason) return 'error';
    log('a reconcile failed and is tried again', { key, failures: queue.failures(key) + 1, error: messageOf(error) });
    queue.addRateLimited(key);
    return 'error';
  }
}

/** Why a reconcile's signal was given. */
export class ReconcileTimeout extends Error {
  override readonly name = 'ReconcileTimeout';
}
