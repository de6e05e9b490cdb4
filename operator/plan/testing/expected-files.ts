/**
 * What the files of a spec may hold, said a second time and in another way than the plan does: field by field, with no
 * quoting in it. Whatever a file says beyond this has broken out of a field.
 */
import type { Backend, Database, PoolerSpec, SecretKeyRef, User } from '../../api/types.ts';
import { type HbaName, type HbaRule, parseHba } from '../../pgbouncer/hba.ts';
import { type IdentEntry, parseIdentLine } from '../../pgbouncer/ident.ts';
import type { IniFile } from '../../pgbouncer/ini.ts';
import { parseIni } from '../../pgbouncer/parse-ini.ts';
import { parseUserlist, type UserlistEntry } from '../../pgbouncer/userlist.ts';
import type { Version } from '../../pgbouncer/version.ts';
import type { Config } from '../config.ts';
import { ALWAYS, CONSERVATIVE, PROFILES } from '../profiles.ts';
import { tlsFilesNamedIn } from '../tls-files.ts';
import { askerOf } from './planned.ts';

export interface ReadFiles {
  readonly ini: IniFile;
  readonly users: readonly UserlistEntry[];
  readonly rules: readonly HbaRule[];
  readonly maps: readonly IdentEntry[];
}

/** Reads the files as PgBouncer would. @throws Error when one cannot be read, or there are more or fewer */
export function readFiles({ files, revision }: Config, version: Version): ReadFiles {
  const {
    [`${revision}.ini`]: ini,
    [`${revision}.userlist`]: userlist,
    [`${revision}.hba`]: hba,
    [`${revision}.ident`]: ident = '',
    ...others
  } = files;
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
  const maps = ident
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const map = parseIdentLine(line);
      if (!map.ok) throw new Error(`a map ${map.problem}\n${ident}`);
      return map.entry;
    });
  return { ini: parsed.ini, users: users.entries, rules: rules.rules, maps };
}

/** Keys of [pgbouncer] that the operator and the profiles may set, whatever the spec says. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  ...['listen_addr', 'listen_port', 'unix_socket_dir', 'auth_type', 'auth_hba_file', 'auth_file', 'admin_users'],
  ...['auth_ident_file', 'auth_query', 'auth_dbname', 'auth_user', 'auth_ldap_options'],
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
export function statedOfDatabase(
  spec: PoolerSpec,
  database: Database,
  version: Version,
): Readonly<Record<string, string>> {
  const backend = spec.backends.find(({ name }) => name === (database.backend ?? spec.backends[0]?.name));
  const fallback = spec.backends.find(({ name }) => name === database.fallbackBackend);
  const dbname = database.dbname ?? (database.name === '*' ? undefined : database.name);
  return texts({
    host: backend && [backend, ...(fallback ? [fallback] : [])].map(statedHost).join(','),
    port: backend?.port,
    dbname,
    user: database.serverUser?.name,
    pool_mode: database.poolMode,
    pool_size: database.poolSize,
    min_pool_size: database.minPoolSize,
    max_db_client_connections: database.maxClientConnections,
    server_lifetime: seconds(database.serverLifetime),
    connect_query: database.connectQuery,
    ...(fallback && { load_balance_hosts: 'disable' }),
    ...statedLookup(spec, database, version),
    ...database.parameters,
  });
}

function statedLookup(
  spec: PoolerSpec,
  { name, authQuery, backend }: Database,
  { minor }: Version,
): Record<string, string | undefined> {
  if (authQuery === undefined) return {};
  const { userSecretRef, database, sql = 'SELECT uname, phash FROM pooler.user_lookup($1)' } = authQuery;
  const itself = minor < 19 || name === '*' || name.trim() !== name ? undefined : name;
  return {
    auth_user: askerOf(spec, userSecretRef.name),
    auth_dbname: database === undefined ? itself : entryFor(spec, database, backend),
    auth_query: minor < 22 ? undefined : sql,
  };
}

/** Where the lookup of a single database runs, by the name of the database on the server. */
function entryFor(spec: PoolerSpec, database: string, backend: string | undefined): string {
  const first = spec.backends[0]?.name ?? '';
  const on = backend ?? first;
  const same = spec.databases?.find(({ name }) => name === database);
  if (same === undefined) return on === first ? database : `${database}.${on}`;
  return (same.backend ?? first) === on ? database : `${database}.${on}`;
}

function statedHost({ host, hosts, service, cnpgCluster }: Backend): string {
  if (host !== undefined) return host;
  if (hosts !== undefined) return hosts.reduce((list, name) => `${list},${name}`);
  const name = cnpgCluster === undefined ? service?.name : `${cnpgCluster.name}-${cnpgCluster.role}`;
  return `${name}.${(cnpgCluster ?? service)?.namespace ?? 'shop'}.svc`;
}

const DERIVED_SIZES: readonly string[] = [
  'pool_size',
  'min_pool_size',
  'reserve_pool',
  'reserve_pool_size',
  'max_db_connections',
];

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

/** The entries that the queries for passwords need come last. */
export function expectedDatabases(spec: PoolerSpec): readonly Database[] {
  const databases = spec.databases ?? [{ name: '*' }];
  const [first] = spec.backends;
  const all = new Map<string, Database>(databases.map((database) => [database.name, database]));
  const make = (name: string, dbname: string, backend: string | undefined): void => {
    if (all.has(name) || backend === undefined) return;
    all.set(name, { name, ...(name !== dbname && { dbname }), backend, poolMode: 'transaction', poolSize: 2 });
  };
  const common = spec.auth?.query?.database;
  if (common !== undefined) make(common, common, first?.name);
  for (const { authQuery, backend } of databases)
    if (authQuery?.database !== undefined)
      make(entryFor(spec, authQuery.database, backend), authQuery.database, backend ?? first?.name);
  return [...all.values()];
}

/** User → what stands in the userlist: what a client's field refers to, what a list says, what a database needs, nothing. */
export function expectedPasswords(
  spec: PoolerSpec,
  secret: (ref: SecretKeyRef) => string,
): ReadonlyMap<string, string> {
  const { query, userlistSecretRefs = [], adminUsers = [], statsUsers = [], hba, type } = spec.auth ?? {};
  const known = new Map<string, string>();
  for (const { serverUser } of spec.databases?.toReversed() ?? [])
    if (serverUser) known.set(serverUser.name, secret(serverUser.passwordSecretRef));
  if (userlistSecretRefs.length > 0) known.set('listed', 'password').set('a"b', 'SCRAM');
  if (query) known.set('asker', secret({ name: query.userSecretRef.name, key: 'password' }));
  for (const { authQuery } of spec.databases?.toReversed() ?? [])
    if (authQuery) {
      const { name } = authQuery.userSecretRef;
      known.set(askerOf(spec, name), secret({ name, key: 'password' }));
    }
  for (const user of spec.users ?? []) if (user.passwordSecretRef) known.set(user.name, secret(user.passwordSecretRef));
  const without = (spec.users ?? []).filter(({ name }) => !known.has(name)).map(({ name }) => name);
  const byName =
    hba === undefined ? type === 'trust' || type === 'cert' : hba.some((line) => / (trust|cert)\b/.test(line));
  if (byName && !query && !spec.databases?.some(({ authQuery }) => authQuery))
    for (const name of without) known.set(name, '');
  if (type === 'cert' && !query?.database)
    for (const name of [...adminUsers, ...statsUsers]) if (!known.has(name)) known.set(name, '');
  return known;
}

/** What a database has beside the userlist, because that has another password for its user. */
export function expectedServerPassword(
  { serverUser }: Database,
  known: ReadonlyMap<string, string>,
  secret: (ref: SecretKeyRef) => string,
): Readonly<Record<string, string>> {
  if (serverUser === undefined) return {};
  const password = secret(serverUser.passwordSecretRef);
  return known.get(serverUser.name) === password ? {} : { password };
}

/** The operator's lines, then those nobody may log in as, then the user's lines or the users by one method, 32 of them in a line. */
export function expectedRules(spec: PoolerSpec, secret: (ref: SecretKeyRef) => string): readonly HbaRule[] {
  const {
    type = 'scram-sha-256',
    hba,
    ldap,
    query,
    userlistSecretRefs,
    adminUsers = [],
    statsUsers = [],
  } = spec.auth ?? {};
  const operator = ['poolkeeper', 'poolkeeper_stats', 'poolkeeper_proof'];
  const clients = [...(spec.users ?? []).map(({ name }) => name), ...(userlistSecretRefs ? ['listed', 'a"b'] : [])];
  const forced = (spec.databases ?? []).flatMap(({ serverUser }) =>
    serverUser === undefined ? [] : [serverUser.name],
  );
  const own = (spec.databases ?? []).filter(({ authQuery }) => authQuery);
  const askers = own.map(({ authQuery }) => askerOf(spec, authQuery?.userSecretRef.name ?? ''));
  const serverOnly = [...new Set([...forced, ...(query ? ['asker'] : []), ...askers])]
    .filter((name) => !clients.includes(name))
    .sort();
  const all: HbaName = { keyword: 'all' };
  const both = (
    databases: readonly HbaName[],
    names: readonly HbaName[],
    method: string,
    more: Partial<HbaRule> = {},
  ): readonly HbaRule[] =>
    ['0.0.0.0/0', '::/0'].map((address) => ({ type: 'host', databases, users: names, address, method, ...more }));
  const options = ldap && {
    ...ldap.options,
    ...(ldap.bindPasswordSecretRef && { ldapbindpasswd: secret(ldap.bindPasswordSecretRef) }),
  };
  const said = type === 'plain' ? 'password' : type === 'hba' ? 'scram-sha-256' : type;
  const more: Partial<HbaRule> = {
    ...(type === 'cert' && { type: 'hostssl' }),
    ...(type === 'ldap' && options && { options }),
  };
  const admitted = [...new Set([...adminUsers, ...statsUsers])];
  const lines = (hba ?? []).map((line): HbaRule => {
    const parsed = parseHba(line);
    const rule = parsed.ok ? parsed.rules[0] : undefined;
    if (rule === undefined) throw new Error(line);
    return rule.method === 'ldap' && options ? { ...rule, options } : rule;
  });
  const anybody = query || type === 'ldap' || own.some(({ name }) => name === '*');
  const clientNames = [...expectedPasswords(spec, secret).keys()].filter((name) => !serverOnly.includes(name));
  const named = [
    ...own.flatMap(({ name }) => both([name], [all], said, more)),
    ...inLines(clientNames.sort((a, b) => (a < b ? -1 : 1))).flatMap((names) => both([all], names, said, more)),
  ];
  return [
    ...both(['pgbouncer'], operator, 'scram-sha-256'),
    ...(admitted.length > 0 ? both(['pgbouncer'], admitted, said === 'trust' ? 'scram-sha-256' : said, more) : []),
    ...both(['pgbouncer'], [all], 'reject'),
    ...(hba?.some((line) => /^host\w* [^ ]*replication/.test(line))
      ? both([{ keyword: 'replication' }], [...operator, ...admitted, ...serverOnly], 'reject')
      : []),
    ...both([all], [...operator, ...serverOnly], 'reject'),
    ...expectedDatabases(spec)
      .slice(spec.databases?.length ?? 1)
      .filter(({ dbname }) => dbname !== undefined || spec.databases?.every(({ name }) => name !== '*'))
      .flatMap(({ name }) => both([name], [all], 'reject')),
    ...(hba ? lines : anybody ? both([all], [all], said, more) : named),
  ];
}

const inLines = (names: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: 32 }, (_, index) => names.slice(index * 32, index * 32 + 32)).filter(({ length }) => length > 0);

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
