/** Notes on the configuration Secret of one template, which every operator reads from its cache. */
import { configSecretName, FIELD_MANAGER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { mergePatch } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import type { ChildWriter } from './children.ts';

export interface ConfigNotes {
  readonly pooler: ConnectionPooler;
  readonly template: string;
  readonly writer: ChildWriter;
  /** Given, a Secret that changed since is left alone, with a conflict. */
  readonly resourceVersion?: string | undefined;
}

/** @param annotations null takes one away */
export async function annotateConfig(
  { pooler, template, writer, resourceVersion }: ConfigNotes,
  annotations: Readonly<Record<string, string | null>>,
): Promise<KubeObject> {
  const { namespace = 'default', name } = pooler.metadata;
  const patched = await mergePatch<KubeObject>(
    writer.client,
    SECRETS,
    namespace,
    configSecretName(name, template),
    { metadata: { ...(resourceVersion !== undefined && { resourceVersion }), annotations } },
    { fieldManager: FIELD_MANAGER },
  );
  writer.observed(patched);
  return patched;
}
