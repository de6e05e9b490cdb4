/** What a specification refers to in Secrets: which keys are read, and what is known of them. */
import type { PoolerSpec, SecretKeyRef } from '../api/types.ts';
import { passwordReferences } from './credentials.ts';

export interface SecretReference {
  readonly ref: SecretKeyRef;
  /** The field that refers to it. */
  readonly path: string;
}

/** What is known of one key of one Secret. */
export type SecretValue =
  | { readonly found: true; readonly value: string }
  | { readonly found: false; readonly problem: string };

/** Looks a reference up; pure, because everything referenced was read before. */
export type SecretLookup = (ref: SecretKeyRef) => SecretValue;

/** Every key of a Secret that the spec refers to; the one list from which Secrets are watched and read. */
export const secretReferences = (spec: PoolerSpec): readonly SecretReference[] => passwordReferences(spec);

/** Names of the Secrets that the spec refers to, each once. */
export const referencedSecrets = (spec: PoolerSpec): readonly string[] => [
  ...new Set(secretReferences(spec).map(({ ref }) => ref.name)),
];
