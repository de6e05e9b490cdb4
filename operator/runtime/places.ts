/**
 * A bound on what happens at one time, in the order in which it came: requests, changes of running poolers, looks at
 * consoles. Who waits for a place gives it up when its signal is given.
 */
export interface Places {
  /** Resolves when there is a place, with what gives it back, once. @throws the signal's reason */
  enter(signal?: AbortSignal): Promise<() => void>;
}

export function createPlaces(limit: number): Places {
  const waiting = new Set<() => void>();
  let free = limit;
  // The place is handed on, not freed: whoever waited longest has it already.
  const giveBack = (): void => {
    for (const next of waiting) {
      waiting.delete(next);
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
  return {
    enter: async (signal) => {
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
          waiting.delete(next);
          reject(signal?.reason);
        };
        waiting.add(next);
        signal?.addEventListener('abort', giveUp, { once: true });
      });
      return place();
    },
  };
}
