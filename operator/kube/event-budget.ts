/** How many events one object may cause: 25 at once, then one in 5 minutes, as in client-go. */
import type { Clock } from '../runtime/clock.ts';

export interface EventBudget {
  /** @returns whether one more is allowed, which then counts */
  spend(object: string): boolean;
}

const BURST = 25;
const REFILL_MS = 5 * 60_000;
/** Whoever has not been heard of for longest has a full purse again, or soon. */
const OBJECT_LIMIT = 4_096;

export function createEventBudget(clock: Clock): EventBudget {
  const purses = new Map<string, { readonly left: number; readonly at: number }>();
  return {
    spend: (object) => {
      const now = clock.monotonic();
      const purse = purses.get(object) ?? { left: BURST, at: now };
      const left = Math.min(BURST, purse.left + (now - purse.at) / REFILL_MS);
      purses.delete(object);
      if (purses.size >= OBJECT_LIMIT) purses.delete(purses.keys().next().value ?? '');
      purses.set(object, { left: left >= 1 ? left - 1 : left, at: now });
      return left >= 1;
    },
  };
}
