/**
 * The entries of [databases] that lookups of passwords need: rendered and counted like those of the user. PgBouncer runs
 * a lookup over a pool of its own, which counts against the budget like any other.
 */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { backendsOf } from './budget.ts';
import { databasesOf, type EffectiveEntry } from './database-section.ts';
import { LOOKUP_POOL, madeLookupDatabases } from './lookups.ts';

/**
 * The spec with the entries that lookups need, behind those of the user.
 * @param holders pods that can hold server connections at once
 */
export function withLookupDatabases(spec: PoolerSpec, holders: number): PoolerSpec {
  const made = madeLookupDatabases(spec);
  if (made.length === 0) return spec;
  const others = databasesOf(spec);
  const isCounted = (name: string | undefined): boolean =>
    spec.backends.some((backend) => backend.name === name && backend.connectionBudget !== undefined) ||
    others.some(
      (one) => one.connectionBudget !== undefined && backendsOf(spec, one).some((backend) => backend.name === name),
    );
  return {
    ...spec,
    databases: [
      ...others,
      ...made.map(({ database }) =>
        isCounted(database.backend) ? { ...database, connectionBudget: LOOKUP_POOL * holders } : database,
      ),
    ],
  };
}

/** What is wrong with an entry that was made is wrong with the field that asks for it. */
export function atLookupField(spec: PoolerSpec, faults: readonly Fault[]): readonly Fault[] {
  const field = madeField(spec);
  return faults.map((fault) => ({ ...fault, path: field(fault.path) ?? fault.path }));
}

/** And what it says comes from there. */
export function fromLookupField(spec: PoolerSpec, entries: readonly EffectiveEntry[]): readonly EffectiveEntry[] {
  const field = madeField(spec);
  return entries.map((entry) => ({
    ...entry,
    settings: entry.settings.map((one) => ({ ...one, source: field(one.source) ?? one.source })),
  }));
}

/** Which field has asked for the entry that a path leads into: those that were made stand behind those of the user. */
function madeField(spec: PoolerSpec): (path: string) => string | undefined {
  const own = databasesOf(spec).length;
  const made = madeLookupDatabases(spec);
  return (path) => made.find((_, index) => path.startsWith(`spec.databases[${own + index}].`))?.field;
}
