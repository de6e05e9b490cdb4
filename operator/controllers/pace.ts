/** Lets at most N changes of running poolers happen at once: a Secret shared by hundreds must not reload the whole fleet. */
export function createPace(limit: number): <T>(change: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (change) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await change();
    } finally {
      // The slot is handed on, not freed: whoever waited longest has it already.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
