/**
 * Turns the Secrets that a spec refers to into the lines of the userlist. A Secret that is missing or malformed is a
 * fault that names reference, Secret and key, never the content.
 */
import type { Fault } from '../api/fault.ts';
import { ADMIN_USER, STATS_USER } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import { byteLength, hasControlCharacter, maxPasswordBytes } from '../pgbouncer/text.ts';
import { classifySecret, type UserlistEntry } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { SecretLookup, SecretReference } from './secret-references.ts';

/** As they stand in the userlist: verifiers, so that PgBouncer need not derive them at each login. */
export interface OperatorPasswords {
  readonly admin: string;
  readonly stats: string;
}

interface PasswordReference extends SecretReference {
  readonly user: string;
  /** PgBouncer itself must log in with it, so a hash does not serve. */
  readonly plainOnly: boolean;
}

/** Every Secret key that holds a password, in the order of the userlist. */
export function passwordReferences(spec: PoolerSpec): readonly PasswordReference[] {
  return [
    ...(spec.users ?? []).map((user, index) => ({
      user: user.name,
      ref: user.passwordSecretRef,
      path: `spec.users[${index}].passwordSecretRef`,
      plainOnly: false,
    })),
    ...(spec.databases ?? []).flatMap((database, index) =>
      database.serverUser === undefined
        ? []
        : [
            {
              user: database.serverUser.name,
              ref: database.serverUser.passwordSecretRef,
              path: `spec.databases[${index}].serverUser.passwordSecretRef`,
              plainOnly: true,
            },
          ],
    ),
  ];
}

/**
 * The userlist without its last line, the proof user: that one depends on the revision, which depends on these.
 * The operator's own come first, so that they survive a line that PgBouncer refuses.
 */
export function planUserlist(
  spec: PoolerSpec,
  version: Version,
  own: OperatorPasswords,
  lookup: SecretLookup,
): { readonly entries: readonly UserlistEntry[]; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const passwords = new Map<string, { readonly password: string; readonly path: string }>();
  for (const { user, ref, path, plainOnly } of passwordReferences(spec)) {
    const secret = lookup(ref);
    if (!secret.found) {
      faults.push({
        path,
        value: `${ref.name}/${ref.key}`,
        problem: secret.problem,
        remedy: 'create it, or correct the reference',
      });
      continue;
    }
    const fault = passwordFault(secret.value, version, plainOnly);
    if (fault) {
      faults.push({ path, value: `${ref.name}/${ref.key}`, ...fault });
      continue;
    }
    const other = passwords.get(user);
    if (other !== undefined && other.password !== secret.value) {
      faults.push({
        path,
        value: `${ref.name}/${ref.key}`,
        problem: `holds another password for ${user} than ${other.path}`,
        remedy: 'PgBouncer has one password for a user: let both refer to one Secret',
      });
    }
    if (other === undefined) passwords.set(user, { password: secret.value, path });
  }
  const users = [...passwords]
    .map(([name, { password }]) => ({ name, password }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    entries: [{ name: ADMIN_USER, password: own.admin }, { name: STATS_USER, password: own.stats }, ...users],
    faults,
  };
}

function passwordFault(
  value: string,
  version: Version,
  plainOnly: boolean,
): Pick<Fault, 'problem' | 'remedy'> | undefined {
  if (value === '') return { problem: 'is empty', remedy: 'put the password into that key' };
  if (/[\r\n]$/.test(value))
    return { problem: 'ends with a line break', remedy: 'write it without one (printf, not echo)' };
  if (hasControlCharacter(value))
    return { problem: 'holds a line break or another control character', remedy: 'choose a password without' };
  const limit = maxPasswordBytes(version);
  // PgBouncer measures the password as it is written, with every quote doubled.
  if (byteLength(value.replaceAll('"', '""')) > limit)
    return { problem: `is longer than the ${limit} bytes that PgBouncer takes`, remedy: 'choose a shorter one' };
  if (plainOnly && classifySecret(value) !== 'plain') {
    return { problem: 'is a hash, and PgBouncer itself must log in with it', remedy: 'put the plain password there' };
  }
  return undefined;
}
