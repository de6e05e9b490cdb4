/**
 * The status as it may be believed. It is the operator's own, but anybody with the right to write it can have put
 * anything there, and a definition edited by hand lets it in. What has not the shape it should have is as if it were not
 * there: the operator then writes it anew.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import { isObject } from './schema-node.ts';
import { statusSchema } from './status-schema.ts';
import type { PoolerStatus } from './types.ts';

// What a schema does not name is removed: nobody would ever write it again.
const ajv = new Ajv({ removeAdditional: 'all', strict: true, strictTypes: false, validateFormats: false });
for (const keyword of ['list-type', 'list-map-keys']) ajv.addKeyword(`x-kubernetes-${keyword}`);
const FIELDS: ReadonlyMap<string, ValidateFunction> = new Map(
  Object.entries(statusSchema.properties).map(([name, schema]) => [name, ajv.compile(schema)]),
);

/** @param status anything; it is not changed. @returns those of its fields that are well-formed */
export function soundStatus(status: unknown): PoolerStatus | undefined {
  if (!isObject(status)) return undefined;
  const sound: Record<string, unknown> = {};
  for (const [name, isValid] of FIELDS) {
    if (!Object.hasOwn(status, name)) continue;
    try {
      const value: unknown = structuredClone(status[name]);
      if (isValid(value)) sound[name] = value;
    } catch {
      // Nested so deep that it cannot be copied: nothing of ours.
    }
  }
  return sound as PoolerStatus;
}
