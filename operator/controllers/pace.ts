/** Lets at most N changes of running poolers happen at once: a Secret shared by hundreds must not reload the whole fleet. */
import { createPlaces } from '../runtime/places.ts';

/** Of one change, among those that may happen at one time. */
export interface Turn {
  /** It is the next one's, unless it is kept. */
  giveOn(): void;
  /**
   * Resolves when it is there, once more and before all others if it was given on; from then on it is kept until the
   * change has ended.
   * @throws the signal's reason
   */
  keep(): Promise<void>;
}

/**
 * Given the signal while it waits for its turn, a change does not happen.
 * @throws the signal's reason, or what `change` throws
 */
export type Pace = <T>(change: (turn: Turn) => Promise<T>, signal?: AbortSignal) => Promise<T>;

export function createPace(limit: number): Pace {
  const places = createPlaces(limit);
  return async (change, signal) => {
    let leave = await places.enter(signal);
    let [isThere, isKept] = [true, false];
    const turn: Turn = {
      giveOn: () => {
        if (isKept) return;
        isThere = false;
        leave();
      },
      keep: async () => {
        isKept = true;
        if (!isThere) leave = await places.enterAgain(signal);
        isThere = true;
      },
    };
    try {
      return await change(turn);
    } finally {
      leave();
    }
  };
}
