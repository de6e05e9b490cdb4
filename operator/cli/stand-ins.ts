/**
 * What stands for the contents of Secrets that are not at hand, or must not be shown. References of one user must hold
 * one password, so they share one stand-in: otherwise the plan would find two passwords where there may be one.
 */
import type { PoolerSpec, SecretKeyRef } from '../api/types.ts';
import { parseUserlist, printUserlist } from '../pgbouncer/userlist.ts';
import { passwordReferences } from '../plan/credentials.ts';
import {
  lookupNameReferences,
  type SecretLookup,
  type SecretReference,
  type SecretValue,
  userlistReferences,
} from '../plan/secret-references.ts';
import { servedAuthorityReferences } from '../plan/tls-references.ts';

/** The value behind a reference, as far as it is known. */
export type KnownSecrets = (ref: SecretKeyRef) => string | undefined;

export interface StandIns {
  /** `<secret/key>` for everything. */
  readonly masked: SecretLookup;
  /** What is known, and stand-ins for the rest. */
  readonly known: SecretLookup;
}

/** @param pooler its name */
export function standInsFor(spec: PoolerSpec, pooler: string, known: KnownSecrets): StandIns {
  const groups = groupReferences(spec);
  // But for what is known to be another password.
  const mayBeSame = (a: string | undefined, b: string | undefined): boolean =>
    a === undefined || b === undefined || a === b;
  const groupOf = (ref: SecretKeyRef): readonly SecretKeyRef[] =>
    [...(groups.get(nameOf(ref))?.values() ?? [ref])].filter((other) => mayBeSame(known(ref), known(other)));
  const lists = pathsOf(userlistReferences(spec));
  // May not be there at all: nothing is made up for it.
  const optional = new Set(servedAuthorityReferences(spec, pooler).map(({ ref }) => nameOf(ref)));
  const isAbsent = (ref: SecretKeyRef): boolean => optional.has(nameOf(ref)) && known(ref) === undefined;
  const askers = pathsOf(lookupNameReferences(spec));
  const mask = (ref: SecretKeyRef): string => {
    const name = nameOf(ref);
    // Names are shorter than what a reference may be.
    const asker = askers.get(name);
    const list = lists.get(name);
    if (list !== undefined) return maskedList(list, known(ref), `<${name}>`);
    return asker === undefined ? `<${nameOf(groupOf(ref)[0] ?? ref)}>` : `<${asker}>`;
  };
  return {
    masked: (ref) => (isAbsent(ref) ? ABSENT : { found: true, value: mask(ref), standIn: true }),
    known: (ref) => {
      const value = [ref, ...groupOf(ref)].map(known).find(isThere);
      if (value !== undefined) return { found: true, value };
      if (isAbsent(ref)) return ABSENT;
      return { found: true, value: lists.has(nameOf(ref)) ? '' : mask(ref), standIn: true };
    },
  };
}

const ABSENT: SecretValue = { found: false, problem: 'does not exist' };

/** The users of a list with their passwords masked; of one that is not known, one line that says where it comes from. */
function maskedList(path: string, text: string | undefined, mask: string): string {
  const parsed = text === undefined ? undefined : parseUserlist(text);
  const names = parsed?.ok ? parsed.entries.map(({ name }) => name) : [`<${path}>`];
  return printUserlist([...new Set(names)].map((name) => ({ name, password: mask })));
}

const pathsOf = (references: readonly SecretReference[]): ReadonlyMap<string, string> =>
  new Map(references.map(({ ref, path }) => [nameOf(ref), path.replace('spec.', '')]));

/** Reference → all that must hold the same, also by way of another user's. */
function groupReferences(spec: PoolerSpec): ReadonlyMap<string, ReadonlyMap<string, SecretKeyRef>> {
  const groups = new Map<string, ReadonlyMap<string, SecretKeyRef>>();
  for (const references of Map.groupBy(passwordReferences(spec), ({ user }) => user).values()) {
    const merged = new Map(references.flatMap(({ ref }) => [...(groups.get(nameOf(ref)) ?? [[nameOf(ref), ref]])]));
    for (const name of merged.keys()) groups.set(name, merged);
  }
  return groups;
}

const nameOf = (ref: SecretKeyRef): string => `${ref.name}/${ref.key}`;
const isThere = (value: string | undefined): value is string => value !== undefined;
