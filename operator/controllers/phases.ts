/**
 * When each of many is looked at: a new one at once, then once an interval, each at a moment of its own. A thousand that
 * come together would stand in each other's way, and in everybody else's.
 */
export interface Phases {
  /** Which are due; each that is returned is next due an interval later. @param now monotonic milliseconds */
  due(keys: readonly string[], now: number): readonly string[];
  /** It could not be looked at yet: it is new again. */
  forget(key: string): void;
  /** It was looked at by somebody else: next due an interval later. */
  seen(key: string, now: number): void;
}

/** At the start all are new: so much time is taken for each of them. */
const START_MS = 10;

/** @param shortestMs between two of all; with many the interval grows, so that the looks at them do not fill all time */
export function createPhases(shortestIntervalMs: number, shortestMs: number): Phases {
  const next = new Map<string, number>();
  let intervalMs = shortestIntervalMs;
  let started = false;
  /** The first moment of the key's own after `from`. */
  const moment = (key: string, from: number): number => {
    const phase = hashOf(key) % intervalMs;
    return from + ((phase - (from % intervalMs) + intervalMs) % intervalMs);
  };
  const later = (key: string, now: number): void => void next.set(key, moment(key, now + intervalMs / 2));
  return {
    due: (keys, now) => {
      intervalMs = Math.max(shortestIntervalMs, keys.length * shortestMs);
      const known = new Set(keys);
      for (const key of next.keys()) if (!known.has(key)) next.delete(key);
      if (!started) {
        const spread = Math.min(intervalMs, keys.length * START_MS);
        for (const key of keys) next.set(key, now + (hashOf(key) % Math.max(spread, 1)));
        started = true;
      }
      return keys.filter((key) => {
        const at = next.get(key);
        if (at !== undefined && at > now) return false;
        later(key, now);
        return true;
      });
    },
    seen: later,
    forget: (key) => void next.delete(key),
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
