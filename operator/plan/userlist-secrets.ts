/**
 * The userlists that `auth.userlistSecretRefs` names. PgBouncer stops at the first line it cannot read and locks out
 * everybody behind it, so every line is read here first. A fault names Secret, key and line, never what stands there.
 */
import type { Fault } from '../api/fault.ts';
import { RESERVED_USERS } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import { byteLength, MAX_ROLE_BYTES, maxPasswordBytes } from '../pgbouncer/text.ts';
import { looksLikeMd5, parseUserlistLines, quotedBytes, type UserlistEntry } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { SecretLookup } from './secret-references.ts';

export interface ListedUser extends UserlistEntry {
  /** `spec.auth.userlistSecretRefs[0]`. */
  readonly path: string;
  /** `line 7 of legacy-users/userlist.txt`. */
  readonly place: string;
}

export interface UserlistSecrets {
  /** Each user once, in the order of the lists. */
  readonly users: ReadonlyMap<string, ListedUser>;
  readonly faults: readonly Fault[];
  /** Whether every list was really there: offline one may be known by its name only. */
  readonly complete: boolean;
}

export function readUserlistSecrets(spec: PoolerSpec, version: Version, lookup: SecretLookup): UserlistSecrets {
  const users = new Map<string, ListedUser>();
  const faults: Fault[] = [];
  let complete = true;
  for (const [index, ref] of (spec.auth?.userlistSecretRefs ?? []).entries()) {
    const path = `spec.auth.userlistSecretRefs[${index}]`;
    const value = `${ref.name}/${ref.key}`;
    const secret = lookup(ref);
    if (!secret.found) {
      faults.push({ path, value, problem: secret.problem, remedy: 'create it, or correct the reference' });
      continue;
    }
    if (secret.standIn) complete = false;
    for (const parsed of parseUserlistLines(secret.value)) {
      const place = `line ${parsed.line} of ${value}`;
      const fail = (problem: string, remedy: string): void => {
        faults.push({ path, value, problem: `line ${parsed.line} ${problem}`, remedy });
      };
      if (!parsed.ok) {
        fail(parsed.problem, 'write it as "user" "password", quotes inside doubled');
        continue;
      }
      const { entry } = parsed;
      const first = users.get(entry.name);
      if (RESERVED_USERS.includes(entry.name)) fail('is for a user that belongs to the operator', 'remove it');
      else if (byteLength(entry.name) > MAX_ROLE_BYTES)
        fail(`is for a user of ${byteLength(entry.name)} bytes`, `shorten the name to ${MAX_ROLE_BYTES}`);
      else if (quotedBytes(entry.password) > maxPasswordBytes(version))
        fail(`has a password of more than the ${maxPasswordBytes(version)} bytes that PgBouncer takes`, 'shorten it');
      else if (looksLikeMd5(entry.password))
        fail(
          'has a password that begins like an md5 hash and is none: md5 and 32 of 0-9 and a-f',
          'correct it; PgBouncer would take it for the password itself',
        );
      else if (first === undefined) users.set(entry.name, { ...entry, path, place });
      else if (first.password !== entry.password && !secret.standIn)
        fail(`has another password for the user of ${first.place}`, 'remove one of the two');
    }
  }
  return { users, faults, complete };
}
