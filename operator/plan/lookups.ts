/**
 * Who asks the servers for passwords, and in which entry of [databases]: `auth.query` for every database, or a
 * database's `authQuery` for its own clients instead. PgBouncer asks as the user of the client's database, whatever the
 * entry says in which the query runs.
 */
import type { Auth, Database, PoolerSpec } from '../api/types.ts';
import { backendOf } from './budget.ts';
import { LOOKUP_SCHEMA, lookupQuery } from './lookup-sql.ts';

export interface Lookup {
  /** The field that asks for it. */
  readonly path: string;
  readonly query: NonNullable<Auth['query']>;
  /** The only database whose clients it serves; absent: all that have none of their own. */
  readonly owner?: Database;
}

/** Of every database without one of its own. */
export const COMMON_LOOKUP = 'spec.auth.query';

export const lookupsOf = ({ auth, databases = [] }: PoolerSpec): readonly Lookup[] => [
  ...(auth?.query === undefined ? [] : [{ path: COMMON_LOOKUP, query: auth.query }]),
  ...databases.flatMap((owner, index) =>
    owner.authQuery === undefined ? [] : [{ path: ownLookupPath(index), query: owner.authQuery, owner }],
  ),
];

/** @param index of the database */
export const ownLookupPath = (index: number): string => `spec.databases[${index}].authQuery`;

/** A function that returns no row for who may not log in, see `pooler sql`: no grant on pg_authid, no superuser. */
const DEFAULT_LOOKUP = lookupQuery(LOOKUP_SCHEMA);

export const lookupSql = ({ query }: Pick<Lookup, 'query'>): string => query.sql ?? DEFAULT_LOOKUP;

/** The one query of a PgBouncer that has none for a single database (before 1.22). */
export const commonLookupSql = (spec: PoolerSpec): string | undefined => {
  const [first] = lookupsOf(spec);
  return first && lookupSql(first);
};

/** Server connections of one replica that the queries in an entry of their own may hold. */
export const LOOKUP_POOL = 2;

/** The entry in which a lookup runs: one of the spec, or one that has to be made. */
interface LookupEntry {
  readonly name: string;
  readonly made?: Database;
}

/**
 * An entry of the spec, by its name; for the lookup of one database only on the server of that database, for another
 * server knows neither its user nor its passwords. What has to be made is called like the database on the server, and on
 * servers behind the first, which may have one of the same name, `<database>.<backend>`.
 * @returns undefined when the query runs in whatever the client asked for
 */
export function lookupEntry(spec: PoolerSpec, { query, owner }: Lookup): LookupEntry | undefined {
  const { database: dbname } = query;
  const [first] = spec.backends;
  const backend = owner === undefined ? first : backendOf(spec, owner);
  if (dbname === undefined || backend === undefined || first === undefined) return undefined;
  const find = (name: string): Database | undefined => spec.databases?.find((database) => database.name === name);
  const stated = find(dbname);
  if (stated !== undefined && (owner === undefined || backendOf(spec, stated)?.name === backend.name))
    return { name: dbname };
  const name = stated === undefined && backend.name === first.name ? dbname : `${dbname}.${backend.name}`;
  if (find(name) !== undefined) return { name };
  const made: Database = {
    name,
    backend: backend.name,
    ...(name !== dbname && { dbname }),
    poolMode: 'transaction',
    poolSize: LOOKUP_POOL,
    // Not the defaults of the spec: nothing is to be kept warm here.
    minPoolSize: 0,
    reservePoolSize: 0,
    maxServerConnections: LOOKUP_POOL,
  };
  return { name, made };
}

/** What has to be made, each entry once, with the field that asks for it. */
export function madeLookupDatabases(
  spec: PoolerSpec,
): readonly { readonly database: Database; readonly field: string }[] {
  const made = new Map<string, { readonly database: Database; readonly field: string }>();
  for (const lookup of lookupsOf(spec)) {
    const database = lookupEntry(spec, lookup)?.made;
    if (database !== undefined && !made.has(database.name))
      made.set(database.name, { database, field: `${lookup.path}.database` });
  }
  return [...made.values()];
}

/** Whether a database can be told to run its lookup in itself: `*` has no name, and PgBouncer cuts spaces off values. */
export const canNameItself = (name: string): boolean => name !== '*' && name === name.trim();

/** How many logins ask in an entry: each has a pool of its own there. */
export const lookupsIn = (spec: PoolerSpec, database: Database): number =>
  lookupsOf(spec).filter((lookup) => {
    const entry = lookupEntry(spec, lookup);
    if (entry !== undefined) return entry.name === database.name;
    return lookup.owner === undefined ? database.authQuery === undefined : lookup.owner.name === database.name;
  }).length;
