/**
 * Checks a ConnectionPooler against the schema and the rules between fields, and fills in the defaults, exactly as the
 * API server does: for files that never saw one, and for objects that got into the cluster past an older CRD.
 */
import { Ajv } from 'ajv';
import { CROSS_RULES, checkName, checkSecretNames } from './cross-rules.ts';
import type { Fault } from './fault.ts';
import { API_GROUP, API_GROUP_VERSION, KIND } from './names.ts';
import { NESTING_LIMIT, tooDeep } from './nesting.ts';
import { schemaFault } from './schema-fault.ts';
import { isObject, type SchemaNode } from './schema-node.ts';
import { specSchema } from './spec-schema.ts';
import { storedForm } from './stored-form.ts';
import type { ConnectionPooler, PoolerSpec } from './types.ts';
import { unknownFields as findUnknown } from './unknown-fields.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: true, strictTypes: false, verbose: true });
for (const keyword of ['int-or-string', 'list-map-keys', 'preserve-unknown-fields']) {
  ajv.addKeyword(`x-kubernetes-${keyword}`);
}
// What the API server refuses twice in a list of type set; of lists of type map see below.
ajv.addKeyword({
  keyword: 'x-kubernetes-list-type',
  type: 'array',
  validate: (type: string, list: readonly unknown[]) => type !== 'set' || new Set(list).size === list.length,
});
const validateSpec = ajv.compile<PoolerSpec>(specSchema);

/** The document around the spec; what is in its metadata and status is for the API server to judge. */
const anything: SchemaNode = { 'x-kubernetes-preserve-unknown-fields': true };
const documentSchema: SchemaNode = {
  properties: { apiVersion: anything, kind: anything, metadata: anything, spec: specSchema, status: anything },
};

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
  if (!isObject(input) || !isObject(input['metadata']) || typeof input['metadata']['name'] !== 'string') {
    return refuse('metadata.name', undefined, 'is missing', 'give the object a name');
  }
  if (input['apiVersion'] !== API_GROUP_VERSION || input['kind'] !== KIND) {
    const found = `${String(input['apiVersion'])} ${String(input['kind'])}`;
    return refuse('apiVersion', found, `is not a ${KIND} of ${API_GROUP}`, `use ${API_GROUP_VERSION} ${KIND}`);
  }
  if (input['spec'] === undefined || input['spec'] === null)
    return refuse('spec', undefined, 'is missing', 'give at least spec.backends');
  const deep = isObject(input['spec']) ? tooDeep(input['spec']) : undefined;
  if (deep !== undefined)
    return refuse(`spec.${deep}`, undefined, `is nested deeper than ${NESTING_LIMIT} levels`, 'flatten it');
  const spec = storedForm(input['spec'], specSchema);
  const unknown = unknownFields === 'refuse' ? findUnknown(input, documentSchema, '') : [];
  if (!validateSpec(spec))
    return { ok: false, faults: [...unknown, ...(validateSpec.errors ?? []).flatMap(schemaFault)] };
  const faults = [
    ...checkName(input['metadata']['name']),
    ...unknown,
    ...checkSecretNames(input['metadata']['name'], spec),
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
  const lists = {
    backends: spec.backends,
    databases: spec.databases ?? [],
    users: spec.users ?? [],
    connectionSecrets: spec.connectionSecrets ?? [],
  };
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
