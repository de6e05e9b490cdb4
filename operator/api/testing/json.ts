/** JSON as tests take it apart: any value, and a guard for objects. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A pooler document around a spec. */
export const poolerOf = (
  spec: unknown,
  name = 'app',
): JsonObject & { readonly metadata: { readonly name: string } } => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name },
  spec: spec as Json,
});
