/**
 * A bound on what happens at one time, in the order in which it came: requests, changes of running poolers, looks at
 * consoles. Who waits for a place gives it up when its signal is given.
 */
export interface Places {
  /** Resolves when there is a place, with what gives it back, once. @throws the signal's reason */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** The same, before all who wait: for who had a place, and gave it on. */
  enterAgain(signal?: AbortSignal): Promise<() => void>;
}

export function createPlaces(limit: number): Places {
  const [waitingAgain, waiting] = [new Set<() => void>(), new Set<() => void>()];
  let free = limit;
  // The place is handed on, not freed: whoever waited longest has it already.
  const giveBack = (): void => {
    for (const queue of [waitingAgain, waiting])
      for (const next of queue) {
        queue.delete(next);
        next();
        return;
      }
    free += 1;
  };
  const place = (): (() => void) => {
    let held = true;
    return () => {
      if (held) giveBack();
      held = false;
    };
  };
  const enter = async (queue: Set<() => void>, signal: AbortSignal | undefined): Promise<() => void> => {
    signal?.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return place();
    }
    await new Promise<void>((resolve, reject) => {
      const next = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        queue.delete(next);
        reject(signal?.reason);
      };
      queue.add(next);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
    return place();
  };
  return { enter: (signal) => enter(waiting, signal), enterAgain: (signal) => enter(waitingAgain, signal) };
}
