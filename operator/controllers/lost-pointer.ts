/**
 * Puts a configuration Secret's annotations back from what it holds and what the pods say, when somebody took them away.
 * They only repeat it for those who do not read Secrets; without them the Secret would look like one that was never
 * proved, which is written outright, and processes would start on a file that none of them has seen before.
 */
import { ANNOTATION_POINTER, ANNOTATION_PROVED, ANNOTATION_PROVED_TIME } from '../api/names.ts';
import type { KubeObject } from '../kube/objects.ts';
import { get } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import type { PodView } from '../plan/pods.ts';
import { isIntact, PROVED_FILE, pointerIn } from '../plan/revision-files.ts';
import { provableIn } from '../plan/stored-revision.ts';
import { annotateConfig } from './annotate-config.ts';
import type { ChangeSteps } from './change-acts.ts';
import type { ConfigInput } from './config-input.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { provePatiently } from './patiently.ts';
import { provePods } from './prove-pods.ts';
import { filesIn, type SecretObject } from './secret-object.ts';

export interface LostPointer
  extends Pick<ConfigInput, 'pooler' | 'template' | 'version' | 'credentials' | 'writer' | 'memory'> {
  readonly steps: ChangeSteps;
  /** The Secret as cached. */
  readonly secret: KubeObject;
  /** Its pods that run. */
  readonly live: readonly PodView[];
}

/**
 * `restored`: the annotations say again which revision was proved. `unproved`: no pod that runs has it, so that nothing is
 * lost by another one. `silent`: a pod may have it, and does not say so now.
 */
export type Restored = 'restored' | 'unproved' | 'silent';

export async function restorePointer(deps: PoolerDependencies, lost: LostPointer): Promise<Restored> {
  const { pooler, version, credentials, memory, secret, live } = lost;
  if (live.length === 0) return 'unproved';
  const { namespace = 'default', name } = secret.metadata;
  const stored = await get<SecretObject>(deps.client, SECRETS, namespace, name);
  const files = filesIn(stored);
  const pointer = pointerIn(files[PROVED_FILE] ?? '');
  // Files that nobody of ours has written are nothing to hold on to.
  if (pointer === undefined || !isIntact(files, pointer, credentials.revisionKey)) return 'unproved';
  const config = provableIn(files, pointer, version, credentials.revisionKey);
  if (config === undefined) return 'unproved';

  const attempts = await provePatiently(deps, pooler, () => provePods(lost.steps, config, version, live));
  for (const attempt of attempts ?? []) {
    if (attempt.kind !== 'proved') continue;
    const { restartRequired, settings } = attempt;
    memory.proofs.set(attempt.pod.process, { revision: pointer, restartRequired, settings });
  }
  if (attempts?.some(({ kind }) => kind === 'proved')) {
    const annotations = {
      [ANNOTATION_POINTER]: pointer,
      [ANNOTATION_PROVED]: pointer,
      [ANNOTATION_PROVED_TIME]: new Date(deps.clock.now()).toISOString(),
    };
    await annotateConfig({ ...lost, resourceVersion: stored.metadata.resourceVersion }, annotations);
    deps.log('the annotations of a configuration were put back', { secret: `${namespace}/${name}`, revision: pointer });
    return 'restored';
  }
  return attempts === undefined || attempts.some(({ kind }) => kind === 'silent') ? 'silent' : 'unproved';
}
