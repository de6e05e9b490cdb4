/** Time, as something that can be passed in: leases, queues and watches are tested without waiting. */

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that only ever grow. */
  readonly monotonic: () => number;
  /** Resolves early, without an error, when the signal is given. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** Longer ones fire at once in Node. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    for (let left = ms; left > 0 && !signal?.aborted; left -= MAX_TIMER_MS)
      await pause(Math.min(left, MAX_TIMER_MS), signal);
  },
};

/** As the timers of Node do it, without the error that they make of a signal: every reconcile gives one. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
