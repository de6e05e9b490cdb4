/**
 * Keeps poolers whose consoles are silent from holding what the others need: each costs a worker, and perhaps one of the
 * few changes that happen at once, until its time is up. The first time nobody can know; from then on such poolers share
 * a few places, and who finds none comes back later instead of waiting.
 */
export interface Patience {
  /**
   * Runs what talks to a pooler's consoles.
   * @param suspect the pooler is known to be silent from elsewhere
   * @returns undefined when the pooler was silent the last time and has to come back later
   */
  attempt<T>(
    key: string,
    suspect: boolean,
    work: () => Promise<{ readonly silent: boolean; readonly result: T }>,
  ): Promise<T | undefined>;
  forget(key: string): void;
}

/** @param places for poolers that were silent; a part of the workers, and of the changes that may happen at once */
export function createPatience(places: number): Patience {
  const silent = new Set<string>();
  let taken = 0;
  return {
    attempt: async (key, suspect, work) => {
      const isKnown = suspect || silent.has(key);
      if (isKnown && taken >= places) return undefined;
      taken += isKnown ? 1 : 0;
      try {
        const attempt = await work();
        if (attempt.silent) silent.add(key);
        else silent.delete(key);
        return attempt.result;
      } finally {
        taken -= isKnown ? 1 : 0;
      }
    },
    forget: (key) => {
      silent.delete(key);
    },
  };
}
