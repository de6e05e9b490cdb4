/**
 * The hba file. Its first lines are the operator's: the console is for the operator and those whom `auth` names, whatever
 * else it says, and the users that only PgBouncer logs in as are no clients. Everybody else is let in by name, as far as
 * names are known beforehand: PgBouncer 1.25 and newer go on to let in a user who is gone from the userlist, for as long
 * as the process lives, if he had logged in before.
 */
import { RESERVED_USERS } from '../api/names.ts';
import type { Auth, AuthType, PoolerSpec } from '../api/types.ts';
import { ALL, type HbaName, type HbaRule } from '../pgbouncer/hba.ts';
import type { Version } from '../pgbouncer/version.ts';
import { isReplication, readAccessLines } from './hba-lines.ts';
import { madeLookupDatabases } from './lookups.ts';

/** What of Secrets the rules need to know. */
export interface KnownFromSecrets {
  /** Users of the userlists: clients, also when PgBouncer itself logs in as one of them. */
  readonly listed: ReadonlySet<string>;
  /** Everybody in the userlist but the operator; left out: any name may log in. */
  readonly everybody?: readonly string[];
  /** Who asks for passwords: the field of the lookup → its user. */
  readonly lookupUsers?: ReadonlyMap<string, string>;
  readonly ldapBindPassword?: string;
}

const EVERYWHERE = ['0.0.0.0/0', '::/0'] as const;
/** Of one line, so that no line becomes as long as the list. */
const NAMES_IN_A_LINE = 32;
const REPLICATION: HbaName = { keyword: 'replication' };

export function planAccessRules(spec: PoolerSpec, version: Version, known: KnownFromSecrets): readonly HbaRule[] {
  const { auth } = spec;
  const directory = directoryOf(auth, known.ldapBindPassword);
  const lines = readAccessLines(spec, version).rules.map((rule) =>
    rule.method === 'ldap' && directory !== undefined ? { ...rule, options: directory } : rule,
  );
  const admitted = consoleUsers(auth);
  const serverOnly = serverOnlyUsers(spec, known);
  const anyDatabase = spec.databases === undefined || spec.databases.some(({ name }) => name === '*');
  // With `*` clients reached it before, too, unless it is called otherwise than on its server.
  const closed = madeLookupDatabases(spec)
    .filter(({ database }) => !anyDatabase || database.dbname !== undefined)
    .map(({ database }) => database.name);
  return [
    ...everywhere({ databases: ['pgbouncer'], users: RESERVED_USERS, method: 'scram-sha-256' }),
    ...(admitted.length === 0
      ? []
      : everywhere({ databases: ['pgbouncer'], users: admitted, ...consoleMethod(auth?.type, directory) })),
    ...everywhere({ databases: ['pgbouncer'], users: [ALL], method: 'reject' }),
    // A client that asks for replication matches lines about replication and no others, also on its way to the console.
    ...(lines.some(isReplication)
      ? everywhere({
          databases: [REPLICATION],
          users: [...RESERVED_USERS, ...admitted, ...serverOnly],
          method: 'reject',
        })
      : []),
    ...everywhere({ databases: [ALL], users: [...RESERVED_USERS, ...serverOnly], method: 'reject' }),
    ...closed.flatMap((name) => everywhere({ databases: [name], users: [ALL], method: 'reject' })),
    ...(auth?.hba === undefined
      ? clientLists(spec, known.everybody, serverOnly).flatMap((clients) =>
          everywhere({ ...clients, ...methodOf(auth?.type, directory) }),
        )
      : lines),
  ];
}

/** Who may log in to what, in as many lines as it takes; who is looked up, here or in a directory, is not known beforehand. */
function clientLists(
  { auth, databases = [] }: PoolerSpec,
  everybody: readonly string[] | undefined,
  serverOnly: readonly string[],
): readonly Pick<HbaRule, 'databases' | 'users'>[] {
  const own = databases.filter(({ authQuery }) => authQuery !== undefined).map(({ name }) => name);
  if (everybody === undefined || auth?.query !== undefined || auth?.type === 'ldap' || own.includes('*'))
    return [{ databases: [ALL], users: [ALL] }];
  const names = everybody.filter((name) => !serverOnly.includes(name));
  return [
    ...own.map((name) => ({ databases: [name], users: [ALL] })),
    ...inLines(names).map((users) => ({ databases: [ALL], users })),
  ];
}

const inLines = (names: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: Math.ceil(names.length / NAMES_IN_A_LINE) }, (_, index) =>
    names.slice(index * NAMES_IN_A_LINE, (index + 1) * NAMES_IN_A_LINE),
  );

/** Users of the console besides the operator's, each once. */
const consoleUsers = (auth: Auth | undefined): readonly string[] => [
  ...new Set([...(auth?.adminUsers ?? []), ...(auth?.statsUsers ?? [])]),
];

/** Users as whom PgBouncer itself logs in, and nobody else. */
function serverOnlyUsers(spec: PoolerSpec, { listed, lookupUsers }: KnownFromSecrets): readonly string[] {
  const clients = new Set([...(spec.users ?? []).map((user) => user.name), ...listed]);
  const own = (spec.databases ?? []).flatMap(({ serverUser }) => (serverUser === undefined ? [] : [serverUser.name]));
  return [...new Set([...own, ...(lookupUsers?.values() ?? [])])].filter((name) => !clients.has(name)).sort();
}

type Method = Pick<HbaRule, 'type' | 'method' | 'options'>;

/** What `auth.type` means for whoever comes. */
function methodOf(type: AuthType | undefined, directory: HbaRule['options']): Method {
  switch (type) {
    case 'cert':
      return { type: 'hostssl', method: 'cert' };
    case 'plain':
      return { type: 'host', method: 'password' };
    case 'ldap':
      return { type: 'host', method: 'ldap', ...(directory && { options: directory }) };
    case 'md5':
    case 'trust':
      return { type: 'host', method: type };
    case undefined:
    case 'scram-sha-256':
    case 'hba':
    case 'pam':
      return { type: 'host', method: 'scram-sha-256' };
  }
}

/** Nobody is trusted on the console. */
const consoleMethod = (type: AuthType | undefined, directory: HbaRule['options']): Method =>
  type === 'trust' ? { type: 'host', method: 'scram-sha-256' } : methodOf(type, directory);

const directoryOf = (auth: Auth | undefined, bindPassword: string | undefined): HbaRule['options'] =>
  auth?.ldap && {
    ...auth.ldap.options,
    ...(bindPassword !== undefined && { ldapbindpasswd: bindPassword }),
  };

const everywhere = (rule: Partial<Method> & Omit<HbaRule, 'type' | 'address'>): readonly HbaRule[] =>
  EVERYWHERE.map((address) => ({ type: 'host', ...rule, address }));
