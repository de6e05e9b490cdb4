/**
 * The only place that writes child objects: nothing when nothing changed, server-side apply when something did, and
 * never onto an object that belongs to somebody else.
 */
import { FIELD_MANAGER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { denialOf } from '../kube/denial.ts';
import { isConflict, isUnacceptable } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { apply, getIfThere } from '../kube/operations.ts';
import type { Resource } from '../kube/resources.ts';
import { findDrift, withAppliedHash } from '../plan/drift.ts';
import type { PlannedObject } from '../plan/objects.ts';

/** An object of the wanted name exists and is not ours. */
export interface Collision {
  readonly kind: 'collision';
  readonly object: string;
  readonly owner: string;
  /** Where it is not the pooler that must be renamed. */
  readonly remedy?: string;
}

export type Written =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'written'; readonly created: boolean; readonly drift: string; readonly stored: KubeObject }
  | Collision;

/** The API server does not take a child as it was planned: what a user wrote, and no schema checked, is in it. */
export class ChildRefused extends Error {
  override readonly name = 'ChildRefused';
  readonly kind: string;

  constructor(kind: string, cause: Error) {
    super(cause.message, { cause });
    this.kind = kind;
  }
}

export interface ChildWriter {
  /** One that writes only with the leadership, see kube/lease-fence.ts. */
  readonly client: KubeClient;
  /** Called with what the API server answered, so that caches see own writes at once. */
  readonly observed: (object: KubeObject) => void;
}

/**
 * No object has it: etcd counts from 1, and its first key is of version 2. An apply that names it creates, or conflicts
 * with whatever is there: so nothing needs to be read first, and nobody can come in between.
 */
const VERSION_OF_NOTHING = '1';

/**
 * @param live as cached; undefined when the cache has none, which the API server then confirms or refutes
 * @throws ChildRefused
 */
export async function applyChild(
  writer: ChildWriter,
  pooler: ConnectionPooler,
  resource: Resource,
  wanted: PlannedObject,
  live: KubeObject | undefined,
): Promise<Written> {
  if (live === undefined) {
    const stored = await createChild(writer, resource, wanted);
    if (stored !== 'conflict') return { kind: 'written', created: true, drift: 'missing', stored };
  }
  const planned = withAppliedHash(wanted);
  const present =
    live ?? (await getIfThere<KubeObject>(writer.client, resource, planned.metadata.namespace, planned.metadata.name));
  const collision = present === undefined ? undefined : collisionOf(present, planned.kind, pooler);
  if (collision !== undefined) return collision;
  const drift = present === undefined ? 'missing' : findDrift(planned, present);
  if (drift === undefined) return { kind: 'unchanged' };
  // Without force where there was nothing a moment ago: if somebody else is faster, their fields are not taken over.
  const stored = await write(writer, resource, planned, { force: present !== undefined });
  return stored === 'conflict'
    ? { kind: 'collision', object: `${planned.kind} ${planned.metadata.name}`, owner: 'somebody else, just now' }
    : { kind: 'written', created: present === undefined, drift, stored };
}

/** What is there already, whoever's it is, is not touched: `conflict`. @throws ChildRefused */
export function createChild(
  writer: ChildWriter,
  resource: Resource,
  wanted: PlannedObject,
): Promise<KubeObject | 'conflict'> {
  const planned = withAppliedHash(wanted);
  const metadata = { ...planned.metadata, resourceVersion: VERSION_OF_NOTHING };
  return write(writer, resource, { ...planned, metadata }, { force: false });
}

/** Only what is not forced can conflict. */
async function write(
  writer: ChildWriter,
  resource: Resource,
  planned: PlannedObject,
  { force }: { readonly force: boolean },
): Promise<KubeObject | 'conflict'> {
  try {
    const stored = await apply<KubeObject>(writer.client, resource, planned, { fieldManager: FIELD_MANAGER, force });
    writer.observed(stored);
    return stored;
  } catch (error) {
    if (isUnacceptable(error) && denialOf(error) === undefined) throw new ChildRefused(planned.kind, error);
    if (!force && isConflict(error)) return 'conflict';
    throw error;
  }
}

/** Undefined when it is this pooler's. */
export const collisionOf = (present: KubeObject, kind: string, pooler: ConnectionPooler): Collision | undefined =>
  isOwned(present, pooler)
    ? undefined
    : { kind: 'collision', object: `${kind} ${present.metadata.name}`, owner: ownerOf(present) };

/** Whether it is this pooler's, and nobody else's. */
export const isOwned = (object: KubeObject, pooler: ConnectionPooler): boolean =>
  object.metadata.ownerReferences?.some((owner) => owner.uid === pooler.metadata.uid && owner.controller === true) ??
  false;

function ownerOf(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller);
  return owner === undefined ? 'nobody' : `${owner.kind} ${owner.name}`;
}
