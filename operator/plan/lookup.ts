/**
 * The query for passwords (auth_query): in which database it runs, and that this database has an entry. PgBouncer runs
 * it over a pool of its own, which counts against the budget like any other.
 */
import type { Fault } from '../api/fault.ts';
import type { Database, PoolerSpec } from '../api/types.ts';
import { backendsOf } from './budget.ts';
import { databasesOf, type EffectiveEntry } from './database-section.ts';
import { LOOKUP_SCHEMA, lookupQuery } from './lookup-sql.ts';

/** A function that returns no row for who may not log in, see `pooler sql`: no grant on pg_authid, no superuser. */
export const DEFAULT_LOOKUP = lookupQuery(LOOKUP_SCHEMA);

/** Server connections of one replica that the query may hold. */
export const LOOKUP_POOL = 2;

/** The entry that has to be made, because none of the spec has the name. */
export function madeLookupDatabase({ auth, databases, backends }: PoolerSpec): Database | undefined {
  const name = auth?.query?.database;
  const [backend] = backends;
  if (name === undefined || backend === undefined) return undefined;
  if (databases?.some((database) => database.name === name)) return undefined;
  return {
    name,
    backend: backend.name,
    poolMode: 'transaction',
    poolSize: LOOKUP_POOL,
    // Not the defaults of the spec: nothing is to be kept warm here.
    minPoolSize: 0,
    reservePoolSize: 0,
    maxServerConnections: LOOKUP_POOL,
  };
}

/**
 * The spec with the entry that the query needs, behind those of the user, so that it is rendered and counted like them.
 * @param holders pods that can hold server connections at once
 */
export function withLookupDatabase(spec: PoolerSpec, holders: number): PoolerSpec {
  const made = madeLookupDatabase(spec);
  if (made === undefined) return spec;
  const [backend] = spec.backends;
  const others = databasesOf(spec);
  const counted =
    backend?.connectionBudget !== undefined ||
    others.some(
      (one) => one.connectionBudget !== undefined && backendsOf(spec, one).some(({ name }) => name === backend?.name),
    );
  return {
    ...spec,
    databases: [...others, counted ? { ...made, connectionBudget: LOOKUP_POOL * holders } : made],
  };
}

const FIELD = 'spec.auth.query.database';

/** What is wrong with the entry that was made is wrong with the field that asks for it. */
export function atLookupField(spec: PoolerSpec, faults: readonly Fault[]): readonly Fault[] {
  const isMade = madeField(spec);
  return faults.map((fault) => (isMade(fault.path) ? { ...fault, path: FIELD } : fault));
}

/** And what it says comes from there. */
export function fromLookupField(spec: PoolerSpec, entries: readonly EffectiveEntry[]): readonly EffectiveEntry[] {
  const isMade = madeField(spec);
  return entries.map((entry) => ({
    ...entry,
    settings: entry.settings.map((one) => (isMade(one.source) ? { ...one, source: FIELD } : one)),
  }));
}

/** Whether a path leads into the entry that was made: it stands behind those of the user. */
function madeField(spec: PoolerSpec): (path: string) => boolean {
  const made = `spec.databases[${databasesOf(spec).length}].`;
  return (path) => madeLookupDatabase(spec) !== undefined && path.startsWith(made);
}
