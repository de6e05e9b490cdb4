/**
 * How deep a value is nested. What walks along a spec calls itself for each level, and the API server lets through ten
 * thousand: far more than a call stack holds.
 */

/** Affinity rules, the deepest thing a pod template has, need about fifteen. */
export const NESTING_LIMIT = 64;

/** @returns the first key of a field that is nested deeper than the limit; the walk itself calls nothing */
export function tooDeep(spec: object): string | undefined {
  for (const [key, field] of Object.entries(spec)) {
    let level: unknown[] = [field];
    for (let depth = 0; level.length > 0; depth += 1) {
      if (depth > NESTING_LIMIT) return key;
      level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
    }
  }
  return undefined;
}
