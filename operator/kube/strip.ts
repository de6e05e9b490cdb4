/**
 * What no cache keeps: managedFields, which are half of an object, and kubectl's copy of what it last applied, which for
 * a Secret is its contents. Of kinds that are watched as metadata nothing else than metadata is kept either.
 */
import type { KubeObject } from './objects.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** A copy without them; the object itself is left as it is. */
export function stripped<T extends KubeObject>(object: T, metadataOnly: boolean): T {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  const { [LAST_APPLIED]: applied, ...annotations } = metadata.annotations ?? {};
  const kept = { ...object, metadata: applied === undefined ? metadata : { ...metadata, annotations } };
  // What is left is what the server would have sent, had it been asked for metadata.
  return metadataOnly ? ({ apiVersion: kept.apiVersion, kind: kept.kind, metadata: kept.metadata } as T) : kept;
}
