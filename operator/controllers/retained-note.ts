/** The note on a configuration Secret of what each process retains, so that an operator that was just started knows it, too. */
import { createHash } from 'node:crypto';
import { ANNOTATION_RETAINED } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { PodView } from '../plan/pods.ts';
import { parseRetained, printRetained } from '../plan/retained.ts';
import { annotateConfig } from './annotate-config.ts';
import type { ProvedPod } from './change.ts';
import type { ChildWriter } from './children.ts';

/** Processes are named by a hash: they stand in an annotation, up to a hundred of them. */
const processKey = (pod: PodView): string => createHash('sha256').update(pod.process).digest('hex').slice(0, 8);

export const retainedIn = (secret: KubeObject | undefined, pod: PodView): readonly string[] =>
  parseRetained(secret?.metadata.annotations?.[ANNOTATION_RETAINED])[processKey(pod)] ?? [];

export interface RetainedNote {
  readonly pooler: ConnectionPooler;
  readonly template: string;
  /** As cached. */
  readonly secret: KubeObject | undefined;
  readonly pods: readonly PodView[];
  readonly writer: ChildWriter;
}

/** Written when it changes, which is when something is retained that was not, or no longer. */
export async function noteRetained(
  { pooler, template, secret, pods, writer }: RetainedNote,
  proved: readonly ProvedPod[],
): Promise<void> {
  const before = secret?.metadata.annotations?.[ANNOTATION_RETAINED];
  const known = parseRetained(before);
  const alive = pods.map((pod) => {
    const now = proved.find((other) => other.pod.process === pod.process)?.retained;
    return [processKey(pod), now ?? known[processKey(pod)] ?? []] as const;
  });
  const after = printRetained(Object.fromEntries(alive));
  if (after === before) return;
  await annotateConfig({ pooler, template, writer }, { [ANNOTATION_RETAINED]: after ?? null });
}
