/**
 * Brings the Deployment to the planned template and size, and takes a template back whose first pod cannot start: the
 * one that was proved last is applied again, from the ReplicaSet that still holds it.
 */
import {
  ANNOTATION_PROVED,
  ANNOTATION_VERSION,
  configSecretName,
  LABEL_INSTANCE,
  LABEL_MANAGED_BY,
  LABEL_TEMPLATE,
  MANAGED_BY,
} from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { list, podLogs } from '../kube/operations.ts';
import { DEPLOYMENTS, REPLICA_SETS } from '../kube/resources.ts';
import { imageIn, rememberImage } from '../plan/image.ts';
import { deployment as buildDeployment, type DeploymentInput } from '../plan/objects.ts';
import { CONTAINER, type PlannedTemplate } from '../plan/pod-template.ts';
import { type PodView, refusesToStart } from '../plan/pods.ts';
import { planRollout } from '../plan/rollout.ts';
import type { PodTemplate } from '../plan/template-merge.ts';
import type { ChildObject } from './caches.ts';
import { applyChild, type ChildWriter, type Collision } from './children.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { liveRestartOf, liveRestartOnlyOf } from './live-restart.ts';
import { type Memory, provedRevision } from './memory.ts';
import { explainLog } from './pod-log.ts';

export interface DeploymentStep {
  readonly pooler: ConnectionPooler;
  readonly writer: ChildWriter;
  readonly memory: Memory;
  readonly deployment: ChildObject | undefined;
  readonly planned: PlannedTemplate;
  readonly version: string;
  readonly revision: string;
  readonly pods: readonly PodView[];
  readonly refused: boolean;
  /** Values of settings that only a restart changes, as the planned template has them. */
  readonly restartOnly: Readonly<Record<string, string>>;
  /** What the planned template is made for, see plan/restart.ts. */
  readonly restartedFor: readonly string[];
}

export interface DeploymentOutcome {
  readonly collision?: Collision;
  readonly waitsForShares: boolean;
  readonly retryMs?: number;
}

interface ReplicaSetObject extends KubeObject {
  readonly spec: { readonly template: PodTemplate };
}

const POLL_MS = 1_000;

/** The template revision that the Deployment has now. */
export function liveTemplateOf(deployment: ChildObject | undefined): string | undefined {
  const template = deployment?.spec?.['template'] as PodTemplate | undefined;
  return template?.metadata?.labels?.[LABEL_TEMPLATE];
}

export async function convergeDeployment(deps: PoolerDependencies, step: DeploymentStep): Promise<DeploymentOutcome> {
  const { pooler, deployment, planned, memory, pods } = step;
  const live = liveTemplateOf(deployment);
  const isProved = (pod: PodView) => provedRevision(memory, pod) === step.revision;
  const alive = pods.filter((pod) => !pod.terminating && pod.template === planned.revision);
  const rollout = planRollout({
    wantedReplicas: pooler.spec.replicas,
    current:
      deployment === undefined
        ? undefined
        : { replicas: numberOf(deployment.spec?.['replicas']), template: live ?? '' },
    template: planned.revision,
    proved: alive.length > 0 && alive.every(isProved),
    budgeted: (memory.digest?.budget.length ?? 0) > 0,
    refused: step.refused,
    pods,
    isProved,
  });

  const provedOn = (template: string | undefined): boolean =>
    pods.some((pod) => pod.template === template && provedRevision(memory, pod) !== undefined);
  const remembered = (template: PodTemplate): { readonly imageBefore: string | undefined } => ({
    imageBefore: rememberImage(deployment, imageIn(template), {
      live: provedOn(live),
      next: provedOn(template.metadata.labels[LABEL_TEMPLATE]),
    }),
  });

  const stuck = pods.find((pod) => pod.template === planned.revision && refusesToStart(pod));
  const older = pods.some((pod) => pod.template !== planned.revision && !pod.terminating);
  if (stuck !== undefined && older && live === planned.revision) {
    const previous = await lastProvedTemplate(deps, pooler, planned.revision);
    if (previous !== undefined) {
      memory.failure = {
        revision: step.revision,
        template: planned.revision,
        reason: `${stuck.name}: ${await whyNoStart(deps, pooler, stuck)}`,
      };
      const { restartedFor } = step;
      const wanted = buildDeployment(pooler, {
        ...previous,
        ...remembered(previous.template),
        restartedFor,
        replicas: rollout.replicas,
        paused: false,
      });
      return outcome(await applyChild(step.writer, pooler, DEPLOYMENTS, wanted, deployment), rollout.waitsForShares);
    }
  }
  if (!rollout.applyTemplate && deployment !== undefined) {
    const template = (deployment.spec?.['template'] ?? {}) as PodTemplate;
    const version = deployment.metadata.annotations?.[ANNOTATION_VERSION] ?? step.version;
    const restartOnly = liveRestartOnlyOf(deployment);
    const wanted = buildDeployment(pooler, {
      template,
      version,
      ...remembered(template),
      replicas: rollout.replicas,
      paused: false,
      restartedFor: liveRestartOf(deployment)?.restartedFor ?? [],
      ...(restartOnly && { restartOnly }),
    });
    return outcome(await applyChild(step.writer, pooler, DEPLOYMENTS, wanted, deployment), rollout.waitsForShares);
  }
  const wanted = buildDeployment(pooler, {
    template: planned.template,
    version: step.version,
    ...remembered(planned.template),
    replicas: rollout.replicas,
    paused: rollout.paused,
    restartOnly: step.restartOnly,
    restartedFor: step.restartedFor,
  });
  return outcome(
    await applyChild(step.writer, pooler, DEPLOYMENTS, wanted, deployment),
    rollout.waitsForShares,
    rollout.paused,
  );
}

function outcome(
  written: Awaited<ReturnType<typeof applyChild>>,
  waitsForShares: boolean,
  poll = false,
): DeploymentOutcome {
  return {
    waitsForShares,
    ...(written.kind === 'collision' ? { collision: written } : {}),
    ...(poll || waitsForShares ? { retryMs: POLL_MS } : {}),
  };
}

/** The pod template of the newest other ReplicaSet whose configuration was proved. */
async function lastProvedTemplate(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  failed: string,
): Promise<Pick<DeploymentInput, 'template' | 'version' | 'restartOnly'> | undefined> {
  const { namespace = 'default', name } = pooler.metadata;
  const sets = await list<ReplicaSetObject>(deps.client, REPLICA_SETS, namespace, {
    labelSelector: `${LABEL_INSTANCE}=${name},${LABEL_MANAGED_BY}=${MANAGED_BY}`,
  });
  const candidates = sets.items
    .filter((set) => {
      const template = set.spec.template.metadata.labels[LABEL_TEMPLATE];
      if (template === undefined || template === failed) return false;
      const secret = deps.caches.secrets.get(`${namespace}/${configSecretName(name, template)}`);
      return secret?.metadata.annotations?.[ANNOTATION_PROVED] !== undefined;
    })
    .sort(
      (a, b) => Number(b.metadata.annotations?.[RS_REVISION] ?? 0) - Number(a.metadata.annotations?.[RS_REVISION] ?? 0),
    );
  const newest = candidates[0];
  if (newest === undefined) return undefined;
  const restartOnly = liveRestartOnlyOf(newest);
  const { 'pod-template-hash': _hash, ...labels } = newest.spec.template.metadata.labels;
  return {
    template: { ...newest.spec.template, metadata: { labels, annotations: newest.spec.template.metadata.annotations } },
    version: newest.metadata.annotations?.[ANNOTATION_VERSION] ?? '',
    ...(restartOnly && { restartOnly }),
  };
}

const RS_REVISION = 'deployment.kubernetes.io/revision';

async function whyNoStart(deps: PoolerDependencies, pooler: ConnectionPooler, pod: PodView): Promise<string> {
  try {
    const log = await podLogs(deps.client, pooler.metadata.namespace ?? 'default', pod.name, {
      container: CONTAINER,
      tailLines: 50,
      previous: pod.restarts > 0,
    });
    return explainLog(log) ?? `the container does not start (${pod.waiting})`;
  } catch {
    return `the container does not start (${pod.waiting})`;
  }
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
