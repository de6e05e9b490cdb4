/**
 * Which number counts: what an entry of [databases] or [users] says itself, else what [pgbouncer] says, else what
 * PgBouncer of that version has by itself.
 */
import { defaultIn, existsIn, findSetting } from './settings.ts';
import { atLeast, type Version } from './version.ts';

/** What an entry takes over: its key → the one of [pgbouncer]. */
const INHERITED = {
  databases: {
    pool_mode: 'pool_mode',
    pool_size: 'default_pool_size',
    min_pool_size: 'min_pool_size',
    reserve_pool_size: 'reserve_pool_size',
    max_db_connections: 'max_db_connections',
    max_db_client_connections: 'max_db_client_connections',
    server_lifetime: 'server_lifetime',
    query_wait_timeout: 'query_wait_timeout',
  },
  // Not what a user's line takes from the database: the wait for a connection, the size of a pool.
  users: {
    max_user_connections: 'max_user_connections',
    max_user_client_connections: 'max_user_client_connections',
    query_timeout: 'query_timeout',
    transaction_timeout: 'transaction_timeout',
    idle_transaction_timeout: 'idle_transaction_timeout',
    client_idle_timeout: 'client_idle_timeout',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

export type InheritedKey<Of extends keyof typeof INHERITED> = keyof (typeof INHERITED)[Of] & string;

/** Looks a key up where it may be stated. */
export type Stated = (key: string) => string | undefined;

/** [pgbouncer] as it is in force; null when unset. */
export function mainValue(main: Stated, key: string, version: Version): string | null {
  const setting = findSetting('pgbouncer', key);
  return main(key) ?? (setting === undefined ? null : defaultIn(setting, version));
}

/** @param key by its newest name; an older spelling in the entry counts as well */
export function entryValue<Of extends keyof typeof INHERITED>(
  section: Of,
  key: InheritedKey<Of>,
  { entry, main }: { readonly entry: Stated; readonly main: Stated },
  version: Version,
): string | null {
  const from: Readonly<Record<string, string>> = INHERITED[section];
  return entry(key) ?? olderSpelling(key, entry) ?? mainValue(main, from[key] ?? key, version);
}

/** PgBouncer 1.24 renamed it, and still reads the old name. */
const olderSpelling = (key: string, entry: Stated): string | undefined =>
  key === 'reserve_pool_size' ? entry('reserve_pool') : undefined;

/** What entries of a section take over in this version, by the names that it knows. */
export const inheritedKeys = (
  section: keyof typeof INHERITED,
  version: Version,
): readonly { readonly key: string; readonly from: string }[] =>
  Object.entries(INHERITED[section]).flatMap(([newest, from]) => {
    const key = newest === 'reserve_pool_size' && !atLeast(version, '1.24') ? 'reserve_pool' : newest;
    const setting = findSetting(section, key);
    return setting !== undefined && existsIn(setting, version) ? [{ key, from }] : [];
  });
