/**
 * Every field of the specification that holds text, from the schema literal and in documents: a field that is added
 * there is found here without a further word.
 */
import { specSchema } from '../spec-schema.ts';
import { isRecord, type Json, type JsonObject } from './json.ts';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

/** `databases[].parameters.*`: with `[]` for items, and `*` for keys that the user chooses. */
export function textFieldsOfSchema(schema: Schema = specSchema, path = ''): readonly string[] {
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, child]) =>
      textFieldsOfSchema(child, path === '' ? name : `${path}.${name}`),
    );
  }
  if (schema.items !== undefined) return textFieldsOfSchema(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) return textFieldsOfSchema(schema.additionalProperties, `${path}.*`);
  const text = schema.type === 'string' || schema.anyOf?.some((one) => one.type === 'string') === true;
  return text ? [path] : [];
}

export interface TextPlace {
  /** As the schema has it. */
  readonly field: string;
  readonly keys: readonly string[];
}

/** Where a document holds text, and in which field that is. */
export function textPlaces(value: Json, schema: Schema | undefined = specSchema, field = ''): readonly TextPlace[] {
  if (typeof value === 'string') return [{ field, keys: [] }];
  const below = (key: string, child: Json, childSchema: Schema | undefined, at: string): readonly TextPlace[] =>
    textPlaces(child, childSchema, at).map((place) => ({ ...place, keys: [key, ...place.keys] }));
  if (Array.isArray(value))
    return value.flatMap((child: Json, index) => below(String(index), child, schema?.items, `${field}[]`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const named = schema?.properties?.[key];
    const name = named === undefined ? '*' : key;
    return below(key, child, named ?? schema?.additionalProperties, field === '' ? name : `${field}.${name}`);
  });
}

/** The document with the text at that place made another. */
export function withText(document: JsonObject, { keys }: TextPlace, change: (text: string) => string): JsonObject {
  const copy = structuredClone(document) as Record<string, unknown>;
  let parent: object = copy;
  for (const key of keys.slice(0, -1)) parent = Reflect.get(parent, key) as object;
  const last = keys.at(-1) ?? '';
  Reflect.set(parent, last, change(String(Reflect.get(parent, last))));
  return copy as JsonObject;
}
