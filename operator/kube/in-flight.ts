/**
 * A bound on requests at one time. It takes the place of a limit per second: the API server's own priority and fairness
 * says how fast it can be asked, and this keeps a start with thousands of objects from asking for all at once.
 */
export interface InFlight {
  /** Resolves when it is this request's turn, with what ends it. @throws the signal's reason */
  enter(signal?: AbortSignal): Promise<() => void>;
}

export function createInFlight(limit: number): InFlight {
  const waiting = new Set<() => void>();
  let free = limit;
  const leave = (): void => {
    for (const next of waiting) {
      waiting.delete(next);
      next();
      return;
    }
    free += 1;
  };
  return {
    enter: async (signal) => {
      signal?.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return leave;
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
      return leave;
    },
  };
}
