/**
 * Merges the user's `template` into ours the way a strategic merge patch would: maps by key, containers and the like
 * by name. The pgbouncer container cannot be removed, and in restricted mode only labels, resources, scheduling and
 * sidecars may be given, because whoever may create a pooler must not thereby be able to run anything anywhere.
 */
import { describeValue, type Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { metadataFaults } from './metadata-faults.ts';
import { RESTRICTED } from './restricted.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** The parts of a PodTemplateSpec that the operator itself touches; the rest passes through. */
export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly unknown[];
    readonly volumes?: readonly unknown[];
    readonly [key: string]: unknown;
  };
}

type UserTemplate = PoolerSpec['template'];
export type TemplateMode = 'restricted' | 'full';

const SCHEDULING: ReadonlySet<string> = new Set([
  'affinity',
  'containers',
  'imagePullSecrets',
  'nodeSelector',
  'priorityClassName',
  'runtimeClassName',
  'schedulerName',
  'tolerations',
  'topologySpreadConstraints',
]);
const OWN_CONTAINER: ReadonlySet<string> = new Set(['name', 'resources']);
const SIDECAR: ReadonlySet<string> = new Set([
  'name',
  'image',
  'imagePullPolicy',
  'command',
  'args',
  'env',
  'ports',
  'resources',
]);

/** What the template asks for that it may not. */
export function checkTemplate(template: UserTemplate, mode: TemplateMode): readonly Fault[] {
  if (template === undefined) return [];
  const faults: Fault[] = [...metadataFaults('spec.template.metadata', template.metadata ?? {})];
  const spec: Readonly<Record<string, unknown>> = { ...template.spec };
  const directive = findDirective(spec, 'spec.template.spec');
  if (directive !== undefined) {
    faults.push({
      path: directive,
      problem: 'is a patch directive',
      remedy: 'the template only adds; the pgbouncer container cannot be removed',
    });
  }
  const { containers, volumes } = spec;
  if (containers !== undefined && !isNamedList(containers)) {
    faults.push({
      path: 'spec.template.spec.containers',
      problem: 'is not a list of objects with a name',
      remedy: 'give each container a name',
    });
    return faults;
  }
  if (volumes !== undefined && !isNamedList(volumes) && !(Array.isArray(volumes) && volumes.length === 0)) {
    faults.push({
      path: 'spec.template.spec.volumes',
      problem: 'is not a list of objects with a name',
      remedy: 'give each volume a name',
    });
  }
  if (mode === 'full') return faults;
  const full = 'remove it, or start the operator with --pod-template=full';
  for (const key of Object.keys(spec)) {
    if (!SCHEDULING.has(key))
      faults.push({ path: `spec.template.spec.${key}`, problem: 'is not allowed', remedy: full });
  }
  (containers ?? []).forEach((container, index) => {
    const own = container['name'] === 'pgbouncer';
    for (const key of Object.keys(container)) {
      if (!(own ? OWN_CONTAINER : SIDECAR).has(key)) {
        faults.push({
          path: `spec.template.spec.containers[${index}].${key}`,
          problem: `is not allowed on ${own ? 'the pgbouncer container' : 'a sidecar'}`,
          remedy: own && key === 'image' ? 'set spec.image' : full,
        });
      }
    }
    if (!own && typeof container['image'] !== 'string') {
      faults.push({
        path: `spec.template.spec.containers[${index}].image`,
        value: container['name'],
        problem: 'is missing on a sidecar',
        remedy: 'set it',
      });
    }
  });
  return faults;
}

export function mergeTemplate(base: PodTemplate, template: UserTemplate): PodTemplate {
  const user = (template?.spec ?? {}) as { readonly [key: string]: Json };
  const merged = merge(base.spec as JsonObject, user) as JsonObject;
  const containers = (merged['containers'] as readonly JsonObject[]).map((container) =>
    container['name'] === 'pgbouncer'
      ? container
      : { ...container, securityContext: merge(RESTRICTED, container['securityContext'] ?? {}) },
  );
  return {
    metadata: {
      labels: { ...template?.metadata?.labels, ...base.metadata.labels },
      annotations: { ...template?.metadata?.annotations, ...base.metadata.annotations },
    },
    spec: { ...merged, containers },
  };
}

function merge(ours: Json, theirs: Json): Json {
  if (isNamedList(ours) && isNamedList(theirs)) {
    const byName = new Map(ours.map((item) => [item['name'], item]));
    for (const item of theirs) byName.set(item['name'], merge(byName.get(item['name']) ?? {}, item) as JsonObject);
    return [...byName.values()] as readonly JsonObject[];
  }
  if (isObject(ours) && isObject(theirs)) {
    // Entries, not assignments: a key may be called `__proto__`.
    const merged = Object.entries(theirs).map(([key, value]): [string, Json] => [
      key,
      Object.hasOwn(ours, key) ? merge(ours[key] ?? null, value) : value,
    ]);
    return Object.fromEntries([...Object.entries(ours), ...merged]);
  }
  return theirs;
}

function findDirective(value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    if (key.startsWith('$')) return `${path}.${key} ${describeValue(child)}`;
    const below = findDirective(child, at);
    if (below !== undefined) return below;
  }
  return undefined;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNamedList = (value: unknown): value is readonly JsonObject[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => isObject(item) && typeof item['name'] === 'string');
