/** Finds fields that the schema does not know: a typing error in a file must not pass in silence. */
import type { Fault } from './fault.ts';
import { isObject, type SchemaNode } from './schema-node.ts';
import { childOf } from './stored-form.ts';

/** @param path of `value`, as it stands in faults; empty for the whole document */
export function unknownFields(value: unknown, schema: SchemaNode, path: string): readonly Fault[] {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? [] : value.flatMap((item, index) => unknownFields(item, items, `${path}[${index}]`));
  }
  const { properties } = schema;
  if (!isObject(value) || properties === undefined || schema['x-kubernetes-preserve-unknown-fields']) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const at = path === '' ? key : `${path}.${key}`;
    const known = childOf(schema, key);
    if (known !== undefined) return unknownFields(child, known, at);
    return [{ path: at, problem: 'is not a field', remedy: `known here: ${Object.keys(properties).join(', ')}` }];
  });
}
