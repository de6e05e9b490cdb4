/**
 * What a process shows beside what it was given: each row of SHOW CONFIG, SHOW DATABASES and SHOW USERS against the
 * rendered file. Pure: what is asked of a console, and in which order, stands in prove.ts.
 */
import { foreignStates } from '../pgbouncer/database-states.ts';
import type { ExpectedDatabase, ExpectedUser } from '../pgbouncer/expected-rows.ts';
import { findSetting } from '../pgbouncer/settings.ts';
import type { ConfigRow, DatabaseRow, UserRow } from '../pgbouncer/show.ts';
import { isSameValue } from '../pgbouncer/value.ts';
import { atLeast } from '../pgbouncer/version.ts';
import { MARKER_KEY } from './marker.ts';
import type { Expectation, ProofItem } from './prove.ts';

export interface Finding {
  readonly fault: { readonly item: ProofItem; readonly detail: string } | undefined;
  readonly restartRequired: readonly string[];
}

export function proveConfig(rows: readonly ConfigRow[], { revision, config }: Expectation): Finding {
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

export function proveDatabases(
  rows: readonly DatabaseRow[],
  { databases, anyDatabase, states = {} }: Expectation,
): Finding {
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

export function proveUsers(rows: readonly UserRow[], { users, plainUser, version }: Expectation): Finding {
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
