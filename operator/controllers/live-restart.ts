/** What a Deployment says of the restarts that its pods were made by, and of the settings that only a restart changes. */
import { objectIn } from '../api/annotation.ts';
import {
  ANNOTATION_RESTART_ONLY,
  ANNOTATION_RESTART_WISHED,
  ANNOTATION_RESTARTED,
  ANNOTATION_RESTARTED_FOR,
} from '../api/names.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { LiveRestart } from '../plan/restart.ts';
import type { PodTemplate } from '../plan/template-merge.ts';
import type { ChildObject } from './caches.ts';

export function liveRestartOf(deployment: ChildObject | undefined): LiveRestart | undefined {
  if (deployment === undefined) return undefined;
  const template = deployment.spec?.['template'] as PodTemplate | undefined;
  const annotations = template?.metadata?.annotations;
  return {
    wished: annotations?.[ANNOTATION_RESTART_WISHED],
    restarted: annotations?.[ANNOTATION_RESTARTED],
    restartedFor: Object.values(textsIn(deployment, ANNOTATION_RESTARTED_FOR) ?? {}),
  };
}

/** Undefined where nobody noted them: a Deployment from before they were. */
export const liveRestartOnlyOf = (object: KubeObject | undefined): Readonly<Record<string, string>> | undefined =>
  textsIn(object, ANNOTATION_RESTART_ONLY);

function textsIn(object: KubeObject | undefined, annotation: string): Readonly<Record<string, string>> | undefined {
  const noted = objectIn(object?.metadata.annotations?.[annotation]);
  return (
    noted &&
    Object.fromEntries(Object.entries(noted).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  );
}
