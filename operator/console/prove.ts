/**
 * What *proved* means. A process is proved on a revision when, in this order:
 *
 * 1. marker: SHOW CONFIG returns the revision, which stands in the file's last line: the file was read to its end
 * 2. config: every rendered key has the rendered value
 * 3. databases: every rendered entry shows in SHOW DATABASES with the rendered values
 * 4. users: every rendered entry shows in SHOW USERS with the rendered values
 * 5. login: the proof user, last line of the userlist, logs in with this revision's password: the userlist that is
 *    loaded is this one, to its last line
 * 6. certificate: that login met the TLS that clients are to meet, with the certificate that is to be served
 *
 * What PgBouncer keeps until it restarts (restart-only keys, removed users and databases, a removed forced user) is no
 * failure of the proof: it is listed. The console does not show timeouts of single users, nor connect_query and session
 * variables of a database; the marker vouches for those.
 *
 * A process that was not reloaded just now may have been changed by hand (SET): its marker says that it read the file
 * to its end, so what differs is an override, which is told and not fought.
 */

import { foreignStates, type HeldStates } from '../pgbouncer/database-states.ts';
import {
  type ExpectedDatabase,
  type ExpectedUser,
  expectedDatabases,
  expectedUser,
  expectedUsers,
} from '../pgbouncer/expected-rows.ts';
import type { IniFile } from '../pgbouncer/ini.ts';
import { atMost } from '../pgbouncer/listed.ts';
import { findSetting } from '../pgbouncer/settings.ts';
import { fingerprintSettings } from '../pgbouncer/settings-fingerprint.ts';
import {
  type ConfigRow,
  type DatabaseRow,
  readConfig,
  readDatabases,
  readUsers,
  type UserRow,
} from '../pgbouncer/show.ts';
import { quotable } from '../pgbouncer/text.ts';
import { isSameValue } from '../pgbouncer/value.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import { isConsoleProtocol, isLoginRefused } from './errors.ts';
import { MARKER_KEY } from './marker.ts';
import { proveCertificate, type ServedTls } from './prove-certificate.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

export interface ProofLogin {
  readonly user: string;
  readonly password: string;
}

export interface Expectation {
  readonly revision: string;
  /** Every rendered key of [pgbouncer], as rendered. */
  readonly config: ReadonlyMap<string, string>;
  readonly databases: readonly ExpectedDatabase[];
  /** With `*`, other databases come into being by themselves. */
  readonly anyDatabase: boolean;
  readonly users: readonly ExpectedUser[];
  /** What a user shows that has no line in [users]. */
  readonly plainUser: ExpectedUser;
  readonly proofLogin: ProofLogin;
  /** Absent when clients are to find no TLS. */
  readonly served?: ServedTls;
  readonly version: Version;
  /** Databases that shall be paused or disabled. */
  readonly states?: HeldStates;
}

export type ProofItem = 'marker' | 'config' | 'databases' | 'users' | 'login' | 'certificate';

/** `restartRequired` says in a word or two what each is: `listen_backlog`, `database old (removed)`. */
export type Proof =
  | {
      readonly proved: true;
      readonly restartRequired: readonly string[];
      /** Of everything that SHOW CONFIG said, to notice what a hand changes later. */
      readonly settings: string;
      /** What differs although the file was read to its end; only where the proof was asked to take it for a hand's. */
      readonly overrides: readonly string[];
    }
  | {
      readonly proved: false;
      readonly item: ProofItem;
      /** Which key or row, found and expected; never a secret. */
      readonly detail: string;
      readonly restartRequired: readonly string[];
    };

/** Derives what a proof must find from the rendered file itself. */
export function expectationOf(
  ini: IniFile,
  {
    revision,
    proofLogin,
    version,
    served,
  }: {
    readonly revision: string;
    readonly proofLogin: ProofLogin;
    readonly version: Version;
    readonly served?: ServedTls | undefined;
  },
): Expectation {
  return {
    revision,
    config: new Map(ini.pgbouncer),
    databases: expectedDatabases(ini, version),
    anyDatabase: ini.databases.some(({ name }) => name === '*'),
    users: expectedUsers(ini, version),
    plainUser: expectedUser({ name: '', params: {} }, ini, version),
    proofLogin,
    ...(served && { served }),
    version,
  };
}

export interface ProveOptions
  extends Pick<SessionOptions, 'connectTimeoutMs' | 'queryTimeoutMs' | 'signal' | 'applicationName'> {
  /** The process was proved on this revision before, and not reloaded since: what differs was done by a hand. */
  readonly tolerant?: boolean;
}

/**
 * @param address of the process that `session` talks to, for the fresh login
 * @throws ConsoleError when the process cannot be asked to the end
 */
export async function prove(
  session: Session,
  address: Pick<SessionOptions, 'host' | 'port' | 'certificates'>,
  expectation: Expectation,
  { tolerant = false, ...options }: ProveOptions = {},
): Promise<Proof> {
  const rows = readConfig(await session.show('CONFIG'));
  const config = proveConfig(rows, expectation);
  // Whatever else it shows is of another revision.
  if (config.fault?.item === 'marker') return failed(config.fault, config.restartRequired);
  const databases = proveDatabases(readDatabases(await session.show('DATABASES')), expectation);
  const users = proveUsers(readUsers(await session.show('USERS')), expectation);
  const left = [...config.restartRequired, ...databases.restartRequired, ...users.restartRequired];
  const shown = [config.fault, databases.fault, users.fault].filter((fault) => fault !== undefined);
  // Sizes of databases and users follow what was SET: they are told where it is.
  const [first] = tolerant && config.fault?.item === 'config' ? [] : shown;
  const fault = first ?? (await proveLogin(address, expectation, options));
  return fault === undefined
    ? {
        proved: true,
        restartRequired: atMost(left, LEFT_NAMED),
        settings: fingerprintSettings(rows),
        overrides: shown.slice(0, 1).map(({ detail }) => quotable(detail)),
      }
    : failed(fault, left);
}

const failed = ({ item, detail }: NonNullable<Finding['fault']>, left: readonly string[]): Proof => ({
  proved: false,
  item,
  detail: quotable(detail),
  restartRequired: atMost(left, LEFT_NAMED),
});

/** How much of what waits for a restart is named: it stands in the status, and a process may make up thousands. */
const LEFT_NAMED = 50;

interface Finding {
  readonly fault: { readonly item: ProofItem; readonly detail: string } | undefined;
  readonly restartRequired: readonly string[];
}

function proveConfig(rows: readonly ConfigRow[], { revision, config }: Expectation): Finding {
  const found = new Map(rows.map((row) => [row.key, row]));
  const marker = found.get(MARKER_KEY)?.value ?? '';
  const restartRequired: string[] = [];
  const wrong: string[] = [];
  for (const [key, value] of config) {
    const row = found.get(key);
    if (row !== undefined && sameValue(key, row.value, value)) continue;
    if (row !== undefined && !row.changeable) restartRequired.push(key);
    else wrong.push(describeKey(key, row, value));
  }
  for (const row of rows) {
    const kept = isKept(row) && !config.has(row.key) && !sameValue(row.key, row.value, row.default);
    // Whom a lookup logs in as stands in a Secret, which a proof need not know.
    if (kept && !(row.key === 'auth_user' && config.has('auth_query'))) restartRequired.push(`${row.key} (removed)`);
  }
  if (marker !== revision)
    return { fault: { item: 'marker', detail: `the revision is ${marker}, expected ${revision}` }, restartRequired };
  return { fault: wrong.length > 0 ? { item: 'config', detail: wrong.join('; ') } : undefined, restartRequired };
}

/**
 * A RELOAD puts what the file lacks back to its default, but for what has none: passwords are looked up, and names of
 * certificates mapped, as before (1.18 to 1.26).
 */
const KEPT: ReadonlySet<string> = new Set(['auth_user', 'auth_dbname', 'auth_ident_file', 'auth_ldap_options']);
const isKept = (row: ConfigRow): boolean => !row.changeable || KEPT.has(row.key);

/** How a database is named that keeps its forced user until a restart. */
export const keptServerUser = (database: string): string => `database ${database} (its server user was removed)`;

/** What a hand has SET since the file was read, in words; secrets are not among them. */
export function changedByHand(rows: readonly ConfigRow[], { config }: Pick<Expectation, 'config'>): readonly string[] {
  return rows.flatMap((row): readonly string[] => {
    if (!row.changeable) return [];
    const expected = config.get(row.key);
    if (expected !== undefined)
      return sameValue(row.key, row.value, expected) ? [] : [describeKey(row.key, row, expected)];
    // What has no default is not to be SET, but for this one.
    const standard = row.key === 'verbose' ? '0' : row.default;
    if (standard === null || sameValue(row.key, row.value, standard)) return [];
    return [describeKey(row.key, row, standard)];
  });
}

function proveDatabases(rows: readonly DatabaseRow[], { databases, anyDatabase, states = {} }: Expectation): Finding {
  const found = new Map(rows.map((row) => [row.name, row]));
  const restartRequired: string[] = [];
  const wrong: string[] = [];
  for (const expected of databases) {
    const row = found.get(expected.name);
    // PgBouncer does not let go of a forced user: "losing forced user not supported, keeping old setting".
    const keepsUser = row?.forceUser !== undefined && expected.forceUser === undefined;
    if (keepsUser) restartRequired.push(keptServerUser(expected.name));
    const wanted = keepsUser ? { ...expected, forceUser: row.forceUser } : expected;
    wrong.push(...differences(`database ${expected.name}`, DATABASE_FIELDS, row, wanted));
    if (row !== undefined && Object.hasOwn(states, expected.name)) wrong.push(...foreignStates([row], states));
  }
  const rendered = new Set(databases.map(({ name }) => name));
  const left = anyDatabase ? [] : rows.filter(({ name }) => !rendered.has(name));
  restartRequired.push(...left.map(({ name }) => `database ${name} (removed)`));
  return { fault: wrong.length > 0 ? { item: 'databases', detail: wrong.join('; ') } : undefined, restartRequired };
}

function proveUsers(rows: readonly UserRow[], { users, plainUser, version }: Expectation): Finding {
  const rendered = new Map(users.map((user) => [user.name, user]));
  const found = new Set(rows.map(({ name }) => name));
  const wrong = users.filter(({ name }) => !found.has(name)).map(({ name }) => `user ${name} is not there`);
  const restartRequired: string[] = [];
  for (const [index, row] of rows.entries()) {
    const expected = rendered.get(row.name);
    const own = atLeast(version, '1.26') ? row : withoutEcho(row, rows[index - 1], expected ?? plainUser);
    const differing = differences(`user ${row.name}`, USER_FIELDS, own, expected ?? plainUser);
    if (expected !== undefined) wrong.push(...differing);
    // A line that was removed from [users] keeps its values until a restart.
    else if (differing.length > 0) restartRequired.push(`user ${row.name} (its settings were removed)`);
  }
  return { fault: wrong.length > 0 ? { item: 'users', detail: wrong.join('; ') } : undefined, restartRequired };
}

/** Older versions print the sizes of the row before for a user that has none: such a size says nothing. */
function withoutEcho(row: UserRow, before: UserRow | undefined, expected: ExpectedUser): UserRow {
  const { poolSize, reservePoolSize, ...rest } = row;
  const size = expected.poolSize === undefined && poolSize === before?.poolSize ? undefined : poolSize;
  const reserve =
    expected.reservePoolSize === undefined && reservePoolSize === before?.reservePoolSize ? undefined : reservePoolSize;
  return {
    ...rest,
    ...(size !== undefined && { poolSize: size }),
    ...(reserve !== undefined && { reservePoolSize: reserve }),
  };
}

async function proveLogin(
  address: Pick<SessionOptions, 'host' | 'port' | 'certificates'>,
  { proofLogin, served }: Expectation,
  options: Pick<SessionOptions, 'connectTimeoutMs' | 'queryTimeoutMs' | 'signal' | 'applicationName'>,
): Promise<Finding['fault']> {
  const how: SessionOptions = { ...options, ...address, ...proofLogin, tls: 'ask' };
  try {
    const session = await openSession(how);
    try {
      const detail = await proveCertificate(session, served, how);
      return detail === undefined ? undefined : { item: 'certificate', detail };
    } finally {
      await session.close();
    }
  } catch (error) {
    if (isLoginRefused(error) || isConsoleProtocol(error)) {
      return {
        item: 'login',
        detail: `${proofLogin.user} cannot log in with the password of this revision: ${error.message}`,
      };
    }
    throw error;
  }
}

const DATABASE_FIELDS = [
  'host',
  'port',
  'database',
  'forceUser',
  'poolSize',
  'minPoolSize',
  'reservePoolSize',
  'serverLifetime',
  'poolMode',
  'loadBalanceHosts',
  'maxConnections',
  'maxClientConnections',
] as const satisfies readonly (keyof ExpectedDatabase)[];

const USER_FIELDS = [
  'poolMode',
  'poolSize',
  'reservePoolSize',
  'maxUserConnections',
  'maxUserClientConnections',
] as const satisfies readonly (keyof ExpectedUser)[];

function differences<Field extends string>(
  what: string,
  fields: readonly Field[],
  found: Readonly<Partial<Record<Field, unknown>>> | undefined,
  expected: Readonly<Partial<Record<Field, unknown>>>,
): readonly string[] {
  if (found === undefined) return [`${what} is not there`];
  return fields
    .filter((field) => found[field] !== expected[field])
    .map((field) => `${what} has ${field} ${found[field] ?? 'unset'}, expected ${expected[field] ?? 'unset'}`);
}

function sameValue(key: string, found: string | null, expected: string | null): boolean {
  const setting = findSetting('pgbouncer', key);
  if (setting === undefined) return (found ?? '') === (expected ?? '');
  return isSameValue(setting, found, expected);
}

function describeKey(key: string, row: ConfigRow | undefined, expected: string): string {
  if (row === undefined) return `${key} is not there`;
  if (findSetting('pgbouncer', key)?.secret !== false) return `${key} is not as rendered`;
  return `${key} is ${row.value || 'unset'}, expected ${expected || 'unset'}`;
}
