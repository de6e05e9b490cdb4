/** What a specification refers to in Secrets: which keys are read, and what is known of them. */
import type { PoolerSpec, SecretKeyRef } from '../api/types.ts';
import { passwordReferences } from './credentials.ts';
import { type Lookup, lookupsOf } from './lookups.ts';
import { tlsReferences } from './tls-references.ts';

export interface SecretReference {
  readonly ref: SecretKeyRef;
  /** The field that refers to it. */
  readonly path: string;
  /** Nothing is wrong when it is not there. */
  readonly optional?: true;
}

/** What is known of one key of one Secret. */
export type SecretValue =
  | {
      readonly found: true;
      readonly value: string;
      /** Made up, because the Secret is not at hand: nothing may be concluded from it. */
      readonly standIn?: true;
    }
  | { readonly found: false; readonly problem: string };

/** Looks a reference up; pure, because everything referenced was read before. */
export type SecretLookup = (ref: SecretKeyRef) => SecretValue;

/**
 * Every key of a Secret that a pooler needs; the one list from which Secrets are watched and read.
 * @param pooler its name, after which the Secret of an issued certificate is called
 */
export const secretReferences = (spec: PoolerSpec, pooler: string): readonly SecretReference[] => [
  ...passwordReferences(spec),
  ...lookupsOf(spec).flatMap((lookup) => Object.values(lookupReferences(lookup))),
  ...directoryReferences(spec),
  ...userlistReferences(spec),
  ...tlsReferences(spec, pooler),
];

/** Keys that hold whole userlists. */
export const userlistReferences = (spec: PoolerSpec): readonly SecretReference[] =>
  (spec.auth?.userlistSecretRefs ?? []).map((ref, index) => ({ ref, path: `spec.auth.userlistSecretRefs[${index}]` }));

/** The login that asks for passwords. */
export function lookupReferences({ path, query }: Lookup): {
  readonly name: SecretReference;
  readonly password: SecretReference;
} {
  const of = (key: string): SecretReference => ({
    ref: { name: query.userSecretRef.name, key },
    path: `${path}.userSecretRef`,
  });
  return { name: of('username'), password: of('password') };
}

/** Keys that hold names of logins and not their passwords. */
export const lookupNameReferences = (spec: PoolerSpec): readonly SecretReference[] =>
  lookupsOf(spec).map((lookup) => lookupReferences(lookup).name);

export const directoryReferences = ({ auth }: PoolerSpec): readonly SecretReference[] =>
  auth?.ldap?.bindPasswordSecretRef === undefined
    ? []
    : [{ ref: auth.ldap.bindPasswordSecretRef, path: 'spec.auth.ldap.bindPasswordSecretRef' }];

/** Names of the Secrets that a pooler needs, each once. */
export const referencedSecrets = (spec: PoolerSpec, pooler: string): readonly string[] => [
  ...new Set(secretReferences(spec, pooler).map(({ ref }) => ref.name)),
];
