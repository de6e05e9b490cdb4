/**
 * What stands for passwords that are not at hand, or must not be shown. References of one user must hold one password,
 * so they share one stand-in: otherwise the plan would find two passwords where there may be one.
 */
import type { PoolerSpec, SecretKeyRef } from '../api/types.ts';
import { passwordReferences } from '../plan/credentials.ts';
import type { SecretLookup } from '../plan/secret-references.ts';

/** The value behind a reference, as far as it is known. */
export type KnownSecrets = (ref: SecretKeyRef) => string | undefined;

export interface StandIns {
  /** `<secret/key>` for everything. */
  readonly masked: SecretLookup;
  /** What is known, and stand-ins for the rest. */
  readonly known: SecretLookup;
}

export function standInsFor(spec: PoolerSpec, known: KnownSecrets): StandIns {
  const groups = groupReferences(spec);
  const groupOf = (ref: SecretKeyRef): readonly SecretKeyRef[] => [...(groups.get(nameOf(ref))?.values() ?? [ref])];
  const mask = (ref: SecretKeyRef): string => `<${nameOf(groupOf(ref)[0] ?? ref)}>`;
  return {
    masked: (ref) => ({ found: true, value: mask(ref), standIn: true }),
    known: (ref) => {
      const value = [ref, ...groupOf(ref)].map(known).find(isThere);
      return value === undefined ? { found: true, value: mask(ref), standIn: true } : { found: true, value };
    },
  };
}

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
