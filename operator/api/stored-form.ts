/**
 * What the API server makes of an object before it looks at it: a null where the schema allows none is as if it were
 * not there (`users:` with nothing behind it), and half a surrogate pair becomes the replacement character.
 */
import { isObject, type SchemaNode } from './schema-node.ts';

/** @returns a copy; nulls in lists, and where the schema leaves everything open, stay */
export function storedForm(value: unknown, schema: SchemaNode | undefined): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map((item) => storedForm(item, schema?.items));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) => {
      const known = childOf(schema, key);
      return child === null && known !== undefined ? [] : [[key.toWellFormed(), storedForm(child, known)]];
    }),
  );
}

/** The schema of a field, own names only: `constructor` is no field. */
export function childOf(schema: SchemaNode | undefined, key: string): SchemaNode | undefined {
  const { properties = {}, additionalProperties } = schema ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
}
