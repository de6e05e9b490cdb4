/**
 * Turns the Secrets that a spec refers to into the lines of the userlist. A Secret that is missing or malformed is a
 * fault that names reference, Secret and key, never the content; one that serves, but less than its author may think, is
 * a warning.
 */
import type { Fault } from '../api/fault.ts';
import { ADMIN_USER, RESERVED_USERS, STATS_USER } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import type { Warning } from '../api/warning.ts';
import { byteLength, hasControlCharacter, MAX_ROLE_BYTES, maxPasswordBytes } from '../pgbouncer/text.ts';
import { classifySecret, quotedBytes, type UserlistEntry } from '../pgbouncer/userlist.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import type { KnownFromSecrets } from './access-rules.ts';
import { clientMethods } from './client-methods.ts';
import { lookupsOf } from './lookups.ts';
import { type StoredPassword, shadowedLine, storedPasswordWarnings } from './password-warnings.ts';
import { directoryReferences, lookupReferences, type SecretLookup, type SecretReference } from './secret-references.ts';
import { readUserlistSecrets, type UserlistSecrets } from './userlist-secrets.ts';

/** As they stand in the userlist: verifiers, so that PgBouncer need not derive them at each login. */
export interface OperatorPasswords {
  readonly admin: string;
  readonly stats: string;
}

interface PasswordReference extends SecretReference {
  readonly user: string;
  /** PgBouncer itself must log in with it, so a hash does not serve. */
  readonly plainOnly: boolean;
  /** The entry that it is for alone, whatever the user has elsewhere. */
  readonly database?: string;
}

export interface Credentials {
  /** The userlist without its last line, the proof user: that one depends on the revision, which depends on these. */
  readonly entries: readonly UserlistEntry[];
  readonly known: KnownFromSecrets;
  /** Database → password of its serverUser, where that user has another one elsewhere: the userlist holds one of each. */
  readonly serverPasswords: ReadonlyMap<string, string>;
  readonly faults: readonly Fault[];
  readonly warnings: readonly Warning[];
}

/** Every Secret key that holds a password of a user whom the spec names, in the order of the userlist. */
export function passwordReferences(spec: PoolerSpec): readonly PasswordReference[] {
  return [
    ...(spec.users ?? []).flatMap(({ name, passwordSecretRef: ref }, index) =>
      ref === undefined ? [] : [{ user: name, ref, path: `spec.users[${index}].passwordSecretRef`, plainOnly: false }],
    ),
    ...(spec.databases ?? []).flatMap((database, index) =>
      database.serverUser === undefined
        ? []
        : [
            {
              user: database.serverUser.name,
              ref: database.serverUser.passwordSecretRef,
              path: `spec.databases[${index}].serverUser.passwordSecretRef`,
              plainOnly: true,
              database: database.name,
            },
          ],
    ),
  ];
}

/** The operator's own users come first, so that they survive a line that PgBouncer refuses. */
export function planUserlist(
  spec: PoolerSpec,
  version: Version,
  own: OperatorPasswords,
  lookup: SecretLookup,
): Credentials {
  const faults: Fault[] = [];
  const read = (
    { ref, path }: SecretReference,
    objection: (value: string) => Objection | undefined,
  ): { readonly value: string; readonly standIn: boolean } | undefined => {
    const value = `${ref.name}/${ref.key}`;
    const secret = lookup(ref);
    if (!secret.found) {
      faults.push({ path, value, problem: secret.problem, remedy: 'create it, or correct the reference' });
      return undefined;
    }
    const fault = objection(secret.value);
    if (fault !== undefined) faults.push({ path, value, ...fault });
    return fault === undefined ? { value: secret.value, standIn: secret.standIn === true } : undefined;
  };

  const lookups = lookupsOf(spec).flatMap((asks) => {
    const { name, password } = lookupReferences(asks);
    const user = read(name, nameObjection)?.value;
    return user === undefined ? [] : [{ ...password, user, plainOnly: true, lookup: asks.path }];
  });
  const [directoryRef] = directoryReferences(spec);
  const bindPassword = directoryRef && read(directoryRef, (value) => bindObjection(value, version))?.value;

  const references: readonly PasswordReference[] = [...passwordReferences(spec), ...lookups];
  const passwords = new Map<string, StoredPassword & { readonly standIn: boolean }>();
  const serverPasswords = new Map<string, string>();
  for (const reference of references) {
    const { user, ref, path, plainOnly, database } = reference;
    const found = read(reference, (value) => passwordObjection(value, version, plainOnly));
    if (found === undefined) continue;
    const other = passwords.get(user);
    if (other === undefined) passwords.set(user, { user, password: found.value, path, standIn: found.standIn });
    // What is made up differs only where what it stands for does, and tells nothing beside what is real.
    else if (other.password !== found.value && other.standIn === found.standIn) {
      if (database !== undefined) serverPasswords.set(database, found.value);
      else
        faults.push({
          path,
          value: `${ref.name}/${ref.key}`,
          problem: `holds another password for ${user} than ${other.path}`,
          remedy:
            'PgBouncer has one password for a user: let both refer to one Secret, or give one of the logins another name',
        });
    }
  }

  const lists = readUserlistSecrets(spec, version, lookup);
  const shadowed: Warning[] = [];
  for (const [name, { password, path, place }] of lists.users) {
    const stated = passwords.get(name);
    const servers = references.filter(({ user }) => user === name);
    if (stated === undefined) passwords.set(name, { user: name, password, path, standIn: false });
    else if (stated.password === password || stated.standIn) continue;
    else if (servers.every(({ database }) => database !== undefined)) {
      // The line is for clients; databases keep their own.
      for (const { database = '' } of servers)
        serverPasswords.set(database, serverPasswords.get(database) ?? stated.password);
      passwords.set(name, { user: name, password, path, standIn: false });
    } else shadowed.push(shadowedLine(path, place, stated.path));
  }
  const methods = clientMethods(spec, version);
  const without = planWithoutPassword(spec, version, methods, passwords, lists);
  for (const user of without.empty) passwords.set(user, { user, password: '', path: '', standIn: false });

  const users = [...passwords.values()]
    .map(({ user, password }) => ({ name: user, password }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    entries: [{ name: ADMIN_USER, password: own.admin }, { name: STATS_USER, password: own.stats }, ...users],
    serverPasswords,
    known: {
      listed: new Set(lists.users.keys()),
      everybody: users.map(({ name }) => name),
      lookupUsers: new Map(lookups.map(({ lookup: path, user }) => [path, user])),
      ...(bindPassword !== undefined && { ldapBindPassword: bindPassword }),
    },
    faults: [...faults, ...lists.faults, ...without.faults],
    warnings: [
      ...storedPasswordWarnings(
        spec,
        methods,
        [...passwords.values()].filter(({ standIn }) => !standIn),
      ),
      ...shadowed,
    ],
  };
}

/**
 * Users without a password anywhere: whom PgBouncer asks the server for, whom it lets in by other means and therefore
 * must know by name, and those who could never log in.
 */
function planWithoutPassword(
  spec: PoolerSpec,
  version: Version,
  methods: ReadonlySet<string>,
  passwords: ReadonlyMap<string, unknown>,
  lists: UserlistSecrets,
): { readonly empty: readonly string[]; readonly faults: readonly Fault[] } {
  const { query, adminUsers = [], statsUsers = [] } = spec.auth ?? {};
  const asksServers = lookupsOf(spec).length > 0;
  // It lets in only whom it has heard of; a directory's users it hears of at their login.
  const byName = methods.has('trust') || methods.has('cert');
  const empty = new Set<string>();
  const faults: Fault[] = [];
  for (const [index, user] of (spec.users ?? []).entries()) {
    if (user.passwordSecretRef !== undefined || passwords.has(user.name)) continue;
    const path = `spec.users[${index}].passwordSecretRef`;
    const { name: _name, passwordSecretRef: _ref, ...limits } = user;
    if (asksServers) {
      // Before, a user with a line in [users] is taken for known.
      if (!atLeast(version, '1.24') && Object.keys(limits).length > 0)
        faults.push({
          path,
          value: user.name,
          problem: 'is missing, and a PgBouncer before 1.24 asks the server for no user that has limits of its own',
          remedy: 'give the password, remove the limits, or use a newer image',
        });
    } else if (byName) empty.add(user.name);
    else if (!methods.has('ldap') && lists.complete)
      faults.push({
        path,
        value: user.name,
        problem: 'is missing, and the password stands in no userlist and is asked of no server: nobody could log in',
        remedy: 'give it, or set auth.userlistSecretRefs or auth.query',
      });
  }
  const asked = query?.database !== undefined;
  for (const [field, names] of Object.entries({ adminUsers, statsUsers })) {
    for (const [index, name] of names.entries()) {
      if (passwords.has(name) || asked || !lists.complete) continue;
      if (spec.auth?.type === 'cert') empty.add(name);
      else if (spec.auth?.type !== 'ldap')
        faults.push({
          path: `spec.auth.${field}[${index}]`,
          value: name,
          problem: 'has no password to log in to the console with',
          remedy: `add it to spec.users with a passwordSecretRef, or to a userlist${query === undefined ? '' : ', or set auth.query.database'}`,
        });
    }
  }
  return { empty: [...empty], faults };
}

type Objection = Pick<Fault, 'problem' | 'remedy'>;

function textObjection(value: string, what: string): Objection | undefined {
  if (value === '') return { problem: 'is empty', remedy: `put the ${what} into that key` };
  if (/[\r\n]$/.test(value))
    return { problem: 'ends with a line break', remedy: 'write it without one (printf, not echo)' };
  return hasControlCharacter(value)
    ? { problem: 'holds a line break or another control character', remedy: `choose a ${what} without` }
    : undefined;
}

function passwordObjection(value: string, version: Version, plainOnly: boolean): Objection | undefined {
  const objection = textObjection(value, 'password');
  if (objection !== undefined) return objection;
  const limit = maxPasswordBytes(version);
  // PgBouncer measures the password as it is written, with every quote doubled.
  if (quotedBytes(value) > limit)
    return { problem: `is longer than the ${limit} bytes that PgBouncer takes`, remedy: 'choose a shorter one' };
  if (plainOnly && classifySecret(value) !== 'plain') {
    return { problem: 'is a hash, and PgBouncer itself must log in with it', remedy: 'put the plain password there' };
  }
  return undefined;
}

function nameObjection(value: string): Objection | undefined {
  const objection = textObjection(value, 'name');
  if (objection !== undefined) return objection;
  if (RESERVED_USERS.includes(value))
    return { problem: 'is the name of a user that belongs to the operator', remedy: 'choose another' };
  if (value !== value.trim()) return { problem: 'begins or ends with a space', remedy: 'remove the space' };
  return byteLength(value) > MAX_ROLE_BYTES
    ? { problem: `has ${byteLength(value)} bytes`, remedy: `shorten it to ${MAX_ROLE_BYTES}` }
    : undefined;
}

const bindObjection = (value: string, version: Version): Objection | undefined =>
  passwordObjection(value, version, false) ??
  (/["\\]/.test(value)
    ? { problem: 'holds a quote or a backslash, which PgBouncer cannot read there', remedy: 'choose one without' }
    : undefined);
