/**
 * What the console will say about a file once it is loaded: derived from the whole file, so that nothing rendered is
 * left unchecked. Sizes that an entry leaves open show as what [pgbouncer] says, or as the compiled default. Texts are in
 * the form that rows are read in: a name may hold what cannot be shown as it is.
 */
import { visible } from '../api/visible.ts';
import { entryValue, type InheritedKey, type Stated } from './inherited.ts';
import type { IniEntry, IniFile } from './ini.ts';
import type { DatabaseRow, UserRow } from './show.ts';
import { atLeast, type Version } from './version.ts';

export type ExpectedDatabase = Omit<
  DatabaseRow,
  'currentConnections' | 'currentClientConnections' | 'paused' | 'disabled'
>;
export type ExpectedUser = Omit<UserRow, 'currentConnections' | 'currentClientConnections'>;

/** Without `*`, which the console does not show. */
export const expectedDatabases = (ini: IniFile, version: Version): readonly ExpectedDatabase[] =>
  ini.databases.filter(({ name }) => name !== '*').map((entry) => expectedDatabase(entry, ini, version));

function expectedDatabase({ name, params }: IniEntry, ini: IniFile, version: Version): ExpectedDatabase {
  const entry: Stated = (key) => params[key];
  const size = (key: InheritedKey<'databases'>): number =>
    Number(entryValue('databases', key, { entry, main: mainOf(ini) }, version) ?? '0');
  return {
    name: visible(name),
    port: Number(params['port'] ?? '5432'),
    database: visible(params['dbname'] ?? name),
    poolSize: size('pool_size'),
    minPoolSize: size('min_pool_size'),
    reservePoolSize: size('reserve_pool_size'),
    maxConnections: size('max_db_connections'),
    ...(params['host'] !== undefined && { host: visible(params['host']) }),
    ...(params['user'] !== undefined && { forceUser: visible(params['user']) }),
    ...(params['pool_mode'] !== undefined && { poolMode: params['pool_mode'].toLowerCase() }),
    ...(atLeast(version, '1.23') && {
      // Printed in whole seconds.
      serverLifetime: Math.floor(size('server_lifetime')),
    }),
    // Means something, and shows, only for a list of hosts.
    ...(atLeast(version, '1.24') &&
      params['host']?.includes(',') && {
        loadBalanceHosts: params['load_balance_hosts']?.toLowerCase() ?? 'round-robin',
      }),
    ...(atLeast(version, '1.24') && {
      maxClientConnections: size('max_db_client_connections'),
    }),
  };
}

export const expectedUsers = (ini: IniFile, version: Version): readonly ExpectedUser[] =>
  ini.users.map((entry) => expectedUser(entry, ini, version));

/** @param entry with no parameters, what a user without a line in [users] shows */
export function expectedUser({ name, params }: IniEntry, ini: IniFile, version: Version): ExpectedUser {
  const limit = (key: InheritedKey<'users'>): number =>
    Number(entryValue('users', key, { entry: (own) => params[own], main: mainOf(ini) }, version) ?? '0');
  return {
    name: visible(name),
    ...(params['pool_mode'] !== undefined && { poolMode: params['pool_mode'].toLowerCase() }),
    ...(params['pool_size'] !== undefined && { poolSize: Number(params['pool_size']) }),
    ...(params['reserve_pool_size'] !== undefined && { reservePoolSize: Number(params['reserve_pool_size']) }),
    ...(atLeast(version, '1.23') && { maxUserConnections: limit('max_user_connections') }),
    ...(atLeast(version, '1.24') && { maxUserClientConnections: limit('max_user_client_connections') }),
  };
}

const mainOf =
  ({ pgbouncer }: IniFile): Stated =>
  (name) =>
    pgbouncer.find(([key]) => key === name)?.[1];
