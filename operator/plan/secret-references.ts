/** What a specification refers to in Secrets: which keys are read, and what is known of them. */
import type { PoolerSpec, SecretKeyRef } from '../api/types.ts';
import { passwordReferences } from './credentials.ts';
import { tlsReferences } from './tls.ts';

export interface SecretReference {
  readonly ref: SecretKeyRef;
  /** The field that refers to it. */
  readonly path: string;
}

/** What is known of one key of one Secret. */
export type SecretValue =
  | {
      readonly found: true;
      readonly value: string;
      /** It stands for what is not at hand, and is not judged. */
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
  ...tlsReferences(spec, pooler),
];

/** Names of the Secrets that a pooler needs, each once. */
export const referencedSecrets = (spec: PoolerSpec, pooler: string): readonly string[] => [
  ...new Set(secretReferences(spec, pooler).map(({ ref }) => ref.name)),
];
