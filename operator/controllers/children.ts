/**
 * The only place that writes child objects: nothing when nothing changed, server-side apply when something did, and
 * never onto an object that belongs to somebody else.
 */
import { FIELD_MANAGER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { denialOf } from '../kube/denial.ts';
import { isConflict, isNotFound, isUnacceptable } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { apply, get } from '../kube/operations.ts';
import type { Resource } from '../kube/resources.ts';
import { findDrift, withAppliedHash } from '../plan/drift.ts';
import type { PlannedObject } from '../plan/objects.ts';

/** An object of the wanted name exists and is not ours. */
export interface Collision {
  readonly kind: 'collision';
  readonly object: string;
  readonly owner: string;
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
 * @param live as cached; undefined when the cache has none, which is then verified by a read; `absent` when a read has
 *   just said so
 * @throws ChildRefused
 */
export async function applyChild(
  writer: ChildWriter,
  pooler: ConnectionPooler,
  resource: Resource,
  wanted: PlannedObject,
  live: KubeObject | 'absent' | undefined,
): Promise<Written> {
  const planned = withAppliedHash(wanted);
  const present = live === 'absent' ? undefined : (live ?? (await lookUp(writer, resource, planned)));
  const collision = present === undefined ? undefined : collisionOf(present, planned.kind, pooler);
  if (collision !== undefined) return collision;
  const drift = present === undefined ? 'missing' : findDrift(planned, present);
  if (drift === undefined) return { kind: 'unchanged' };
  try {
    // Without force on creation: if somebody else was faster, their fields conflict instead of being taken over.
    const stored = await apply<KubeObject>(writer.client, resource, planned, {
      fieldManager: FIELD_MANAGER,
      force: present !== undefined,
    });
    writer.observed(stored);
    return { kind: 'written', created: present === undefined, drift, stored };
  } catch (error) {
    if (isUnacceptable(error) && denialOf(error) === undefined) throw new ChildRefused(planned.kind, error);
    if (present !== undefined || !isConflict(error)) throw error;
    return { kind: 'collision', object: `${planned.kind} ${planned.metadata.name}`, owner: 'somebody else, just now' };
  }
}

async function lookUp(
  writer: ChildWriter,
  resource: Resource,
  planned: PlannedObject,
): Promise<KubeObject | undefined> {
  try {
    return await get<KubeObject>(writer.client, resource, planned.metadata.namespace, planned.metadata.name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Undefined when it is this pooler's. */
export const collisionOf = (present: KubeObject, kind: string, pooler: ConnectionPooler): Collision | undefined =>
  isOwned(present, pooler)
    ? undefined
    : { kind: 'collision', object: `${kind} ${present.metadata.name}`, owner: ownerOf(present) };

const isOwned = (object: KubeObject, pooler: ConnectionPooler): boolean =>
  object.metadata.ownerReferences?.some((owner) => owner.uid === pooler.metadata.uid && owner.controller === true) ??
  false;

function ownerOf(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller);
  return owner === undefined ? 'nobody' : `${owner.kind} ${owner.name}`;
}
