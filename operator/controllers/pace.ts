/** Lets at most N changes of running poolers happen at once: a Secret shared by hundreds must not reload the whole fleet. */
import { createPlaces } from '../runtime/places.ts';

/**
 * Given the signal while it waits for its turn, a change does not happen.
 * @param change called with what gives its turn to the next one before it has ended @throws the signal's reason, or what it throws
 */
export type Pace = <T>(change: (giveOn: () => void) => Promise<T>, signal?: AbortSignal) => Promise<T>;

export function createPace(limit: number): Pace {
  const places = createPlaces(limit);
  return async (change, signal) => {
    const leave = await places.enter(signal);
    try {
      return await change(leave);
    } finally {
      leave();
    }
  };
}
