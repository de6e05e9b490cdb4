/**
 * What the files of a spec may hold, said a second time and in another way than the plan does: field by field, with no
 * quoting in it. Whatever a file says beyond this has broken out of a field.
 */
import type { Backend, Database, PoolerSpec, User } from '../../api/types.ts';
import { type HbaName, type HbaRule, parseHba } from '../../pgbouncer/hba.ts';
import type { IniFile } from '../../pgbouncer/ini.ts';
import { parseIni } from '../../pgbouncer/parse-ini.ts';
import { parseUserlist, type UserlistEntry } from '../../pgbouncer/userlist.ts';
import type { Version } from '../../pgbouncer/version.ts';
import type { Config } from '../config.ts';
import { ALWAYS, CONSERVATIVE, PROFILES } from '../profiles.ts';
import { tlsFilesNamedIn } from '../tls.ts';

export interface ReadFiles {
  readonly ini: IniFile;
  readonly users: readonly UserlistEntry[];
  readonly rules: readonly HbaRule[];
}

/** Reads the three files as PgBouncer would. @throws Error when one cannot be read, or there are more or fewer */
export function readFiles({ files, revision }: Config, version: Version): ReadFiles {
  const { [`${revision}.ini`]: ini, [`${revision}.userlist`]: userlist, [`${revision}.hba`]: hba, ...others } = files;
  if (
    ini === undefined ||
    userlist === undefined ||
    hba === undefined ||
    Object.keys(others).some((name) => !tlsFilesNamedIn(ini ?? '').includes(name))
  )
    throw new Error(`other files: ${Object.keys(files).join(', ')}`);
  const parsed = parseIni(ini, version);
  if (!parsed.ok) throw new Error(`the ini: line ${parsed.line} ${parsed.problem}\n${ini}`);
  const users = parseUserlist(userlist);
  if (!users.ok) throw new Error(`the userlist: line ${users.line} ${users.problem}\n${userlist}`);
  const rules = parseHba(hba);
  if (!rules.ok) throw new Error(`the access rules: line ${rules.line} ${rules.problem}\n${hba}`);
  return { ini: parsed.ini, users: users.entries, rules: rules.rules };
}

/** Keys of [pgbouncer] that the operator and the profiles may set, whatever the spec says. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  ...['listen_addr', 'listen_port', 'unix_socket_dir', 'auth_type', 'auth_hba_file', 'auth_file', 'admin_users'],
  ...['stats_users', 'ignore_startup_parameters', 'syslog_ident', 'pool_mode', 'default_pool_size', 'min_pool_size'],
  ...['reserve_pool_size', 'max_client_conn'],
  ...[...ALWAYS, ...CONSERVATIVE].map(({ key }) => key),
  ...Object.values(PROFILES).flatMap(({ settings }) => Object.keys(settings)),
]);

/** Keys of [pgbouncer] that neither the operator nor `spec.parameters` asked for. */
export const strayKeys = ({ pgbouncer }: IniFile, spec: PoolerSpec): readonly string[] =>
  pgbouncer
    .map(([key]) => key)
    .filter((key) => !OWN_KEYS.has(key) && !isTlsKey(key, spec) && !Object.hasOwn(spec.parameters ?? {}, key));

const isTlsKey = (key: string, { tls }: PoolerSpec): boolean =>
  (tls?.client !== undefined && key.startsWith('client_tls')) ||
  (tls?.server !== undefined && key.startsWith('server_tls'));

/** What the spec states of one entry of [databases]: other keys may only be sizes. */
export function statedOfDatabase(spec: PoolerSpec, database: Database): Readonly<Record<string, string>> {
  const backend = spec.backends.find(({ name }) => name === (database.backend ?? spec.backends[0]?.name));
  const dbname = database.dbname ?? (database.name === '*' ? undefined : database.name);
  return texts({
    host: backend && statedHost(backend),
    port: backend?.port,
    dbname,
    user: database.serverUser?.name,
    pool_mode: database.poolMode,
    pool_size: database.poolSize,
    min_pool_size: database.minPoolSize,
    max_db_client_connections: database.maxClientConnections,
    server_lifetime: seconds(database.serverLifetime),
    connect_query: database.connectQuery,
    ...database.parameters,
  });
}

function statedHost({ host, hosts, service, cnpgCluster }: Backend): string {
  if (host !== undefined) return host;
  if (hosts !== undefined) return hosts.reduce((list, name) => `${list},${name}`);
  const name = cnpgCluster === undefined ? service?.name : `${cnpgCluster.name}-${cnpgCluster.role}`;
  return `${name}.${(cnpgCluster ?? service)?.namespace ?? 'shop'}.svc`;
}

const DERIVED_SIZES: readonly string[] = ['pool_size', 'reserve_pool', 'reserve_pool_size', 'max_db_connections'];

/** What the plan works out by itself: sizes, and the default of a list of hosts written out. */
export const isDerived = (key: string, value: string): boolean =>
  key === 'load_balance_hosts' ? value === 'round-robin' : DERIVED_SIZES.includes(key) && /^\d+$/.test(value);

export const statedOfUser = (user: User): Readonly<Record<string, string>> =>
  texts({
    pool_mode: user.poolMode,
    pool_size: user.poolSize,
    reserve_pool_size: user.reservePoolSize,
    max_user_connections: user.maxServerConnections,
    max_user_client_connections: user.maxClientConnections,
    query_timeout: seconds(user.queryTimeout),
    idle_transaction_timeout: seconds(user.idleTransactionTimeout),
    transaction_timeout: seconds(user.transactionTimeout),
    client_idle_timeout: seconds(user.clientIdleTimeout),
    ...user.parameters,
  });

/** The operator's lines, then those nobody may log in as, then the users by one method, 32 of them in a line. */
export function expectedRules(spec: PoolerSpec): readonly HbaRule[] {
  const operator = ['poolkeeper', 'poolkeeper_stats', 'poolkeeper_proof'];
  const users = (spec.users ?? []).map(({ name }) => name);
  const forced = (spec.databases ?? []).flatMap(({ serverUser }) =>
    serverUser === undefined ? [] : [serverUser.name],
  );
  const serverOnly = [...new Set(forced)].filter((name) => !users.includes(name)).sort();
  const all: HbaName = { keyword: 'all' };
  const both = (databases: readonly HbaName[], names: readonly HbaName[], method: string): readonly HbaRule[] =>
    ['0.0.0.0/0', '::/0'].map((address) => ({ type: 'host', databases, users: names, address, method }));
  return [
    ...both(['pgbouncer'], operator, 'scram-sha-256'),
    ...both(['pgbouncer'], [all], 'reject'),
    ...both([all], [...operator, ...serverOnly], 'reject'),
    ...[0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 480].flatMap((first) => {
      const names = users.toSorted((a, b) => (a < b ? -1 : 1)).slice(first, first + 32);
      return names.length === 0 ? [] : both([all], names, spec.auth?.type ?? 'scram-sha-256');
    }),
  ];
}

function texts(values: Readonly<Record<string, string | number | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}

function seconds(duration: string | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const unit = { h: 3600, m: 60, s: 1 };
  return [...duration.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, count, name]) => sum + Number(count) * (name === 'h' ? unit.h : name === 'm' ? unit.m : unit.s),
    0,
  );
}
