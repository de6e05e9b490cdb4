/**
 * Checks a ConnectionPooler against the schema and the rules between fields, and fills in the defaults, exactly as the
 * API server does: for files that never saw one, and for objects that got into the cluster past an older CRD.
 */
import { Ajv, type ErrorObject } from 'ajv';
import { CROSS_RULES, checkName } from './cross-rules.ts';
import type { Fault } from './fault.ts';
import { API_GROUP, API_GROUP_VERSION, KIND } from './names.ts';
import { specSchema } from './spec-schema.ts';
import type { ConnectionPooler, PoolerSpec } from './types.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: true, strictTypes: false, verbose: true });
for (const keyword of ['int-or-string', 'list-type', 'list-map-keys', 'preserve-unknown-fields']) {
  ajv.addKeyword(`x-kubernetes-${keyword}`);
}
const validateSpec = ajv.compile<PoolerSpec>(specSchema);

export type Validated =
  | { readonly ok: true; readonly pooler: ConnectionPooler }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * @param input anything: one document of a file, or an object of the API
 * @param unknownFields `refuse` in files (a typing error must not pass in silence); `ignore` for stored objects,
 *   where a newer CRD may know more
 * @returns the object with defaults filled in, or every fault found; the input is not changed
 */
export function validatePooler(input: unknown, unknownFields: 'refuse' | 'ignore'): Validated {
  if (!isRecord(input) || !isRecord(input['metadata']) || typeof input['metadata']['name'] !== 'string') {
    return refuse('metadata.name', undefined, 'is missing', 'give the object a name');
  }
  if (input['apiVersion'] !== API_GROUP_VERSION || input['kind'] !== KIND) {
    const found = `${String(input['apiVersion'])} ${String(input['kind'])}`;
    return refuse('apiVersion', found, `is not a ${KIND} of ${API_GROUP}`, `use ${API_GROUP_VERSION} ${KIND}`);
  }
  if (input['spec'] === undefined) return refuse('spec', undefined, 'is missing', 'give at least spec.backends');
  const spec: unknown = structuredClone(input['spec']);
  if (!validateSpec(spec)) return { ok: false, faults: (validateSpec.errors ?? []).flatMap(schemaFault) };
  const faults = [
    ...checkName(input['metadata']['name']),
    ...(unknownFields === 'refuse' ? unknownFaults(spec, specSchema, 'spec') : []),
    ...duplicates(spec),
    ...CROSS_RULES.flatMap((rule) => rule.check(spec)),
  ];
  if (faults.length > 0) return { ok: false, faults };
  // The API edge: metadata and status are what the API server or the file says they are.
  return { ok: true, pooler: { ...(input as unknown as ConnectionPooler), spec } };
}

function refuse(path: string, value: unknown, problem: string, remedy: string): Validated {
  return { ok: false, faults: [{ path, ...(value === undefined ? {} : { value }), problem, remedy }] };
}

/** The API server refuses two items of one key in a list of type map; ajv has no word for that. */
function duplicates(spec: PoolerSpec): readonly Fault[] {
  const lists = { backends: spec.backends, databases: spec.databases ?? [], users: spec.users ?? [] };
  return Object.entries(lists).flatMap(([list, items]) =>
    items.flatMap((item, index) => {
      const first = items.findIndex((other) => other.name === item.name);
      return first === index
        ? []
        : [
            {
              path: `spec.${list}[${index}].name`,
              value: item.name,
              problem: `is the name of ${list}[${first}] too`,
              remedy: 'give each its own name',
            },
          ];
    }),
  );
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly [keyword: string]: unknown;
}

function unknownFaults(value: unknown, schema: SchemaNode, path: string): readonly Fault[] {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? [] : value.flatMap((item, index) => unknownFaults(item, items, `${path}[${index}]`));
  }
  const properties = schema.properties;
  if (!isRecord(value) || properties === undefined || schema['x-kubernetes-preserve-unknown-fields']) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const known = properties[key];
    if (known !== undefined) return unknownFaults(child, known, `${path}.${key}`);
    return [
      {
        path: `${path}.${key}`,
        problem: 'is not a field',
        remedy: `known here: ${Object.keys(properties).join(', ')}`,
      },
    ];
  });
}

function schemaFault(error: ErrorObject): readonly Fault[] {
  const path = `spec${error.instancePath.replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')}`;
  const value = isRecord(error.data) || Array.isArray(error.data) ? undefined : error.data;
  const at = { path, ...(value === undefined ? {} : { value }) };
  switch (error.keyword) {
    case 'anyOf':
      return [{ ...at, problem: 'is neither an integer nor a string', remedy: 'give an integer or a string' }];
    case 'type':
      // The branches of anyOf report for themselves; the anyOf above says it once.
      return error.schemaPath.includes('/anyOf/')
        ? []
        : [
            {
              ...at,
              problem: `is not of type ${String(error.params['type'])}`,
              remedy: `give ${article(String(error.params['type']))}`,
            },
          ];
    case 'enum':
      return [
        {
          ...at,
          problem: 'is not a known value',
          remedy: `use one of: ${(error.params['allowedValues'] as string[]).join(', ')}`,
        },
      ];
    case 'required':
      return [{ path: `${path}.${String(error.params['missingProperty'])}`, problem: 'is missing', remedy: 'set it' }];
    case 'minimum':
      return [{ ...at, problem: 'is too small', remedy: `give at least ${String(error.params['limit'])}` }];
    case 'maximum':
      return [{ ...at, problem: 'is too large', remedy: `give at most ${String(error.params['limit'])}` }];
    case 'pattern':
      return [{ ...at, problem: 'is not well formed', remedy: patternRemedy(String(error.params['pattern'])) }];
    default:
      return [{ ...at, problem: error.message ?? 'is not valid', remedy: 'see `kubectl explain cpool.spec`' }];
  }
}

function patternRemedy(pattern: string): string {
  if (pattern.includes('\\x00')) return 'remove line breaks and other control characters';
  if (pattern.includes('[0-9]+h')) return 'write a duration in whole seconds and up: "90s", "30m", "1h30m"';
  if (pattern.includes('%')) return 'give an integer, or a share from "1%" to "100%"';
  if (pattern.startsWith('^1')) return 'write a PgBouncer version: "1.26.1"';
  return `it must match ${pattern}`;
}

const article = (type: string): string => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
