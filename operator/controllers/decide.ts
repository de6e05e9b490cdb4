/**
 * Decides what a pooler shall be: validated spec, image, the operator's logins, configuration and pod template. Either
 * all of it is known, or something stands in the way, which is then a finding and not an error.
 */

import { ANNOTATION_RESTART_WISH, adminSecretName } from '../api/names.ts';
import { isObject } from '../api/schema-node.ts';
import type { ConnectionPooler, PoolerSpec } from '../api/types.ts';
import { validatePooler } from '../api/validate.ts';
import type { Denial } from '../kube/denial.ts';
import { formatVersion, type Version } from '../pgbouncer/version.ts';
import { holdersOf } from '../plan/budget.ts';
import { chooseImage } from '../plan/image.ts';
import { type PlannedTemplate, planPodTemplate } from '../plan/pod-template.ts';
import type { PodView } from '../plan/pods.ts';
import { planRestart, type RestartMode, type RestartToken, tokenOf } from '../plan/restart.ts';
import { checkTemplate } from '../plan/template-merge.ts';
import type { Situation } from '../rules/situation.ts';
import { allEnded } from '../runtime/all-ended.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import { BY_POOLER } from './caches.ts';
import type { ChildWriter } from './children.ts';
import { liveTemplateOf } from './converge-deployment.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { type Desired, planDesired } from './desired.ts';
import { liveRestartOf, liveRestartOnlyOf } from './live-restart.ts';
import type { Memory } from './memory.ts';
import { readAhead } from './referenced-secrets.ts';

export interface Target {
  readonly kind: 'target';
  readonly pooler: ConnectionPooler;
  readonly image: string;
  readonly version: Version;
  readonly credentials: AdminCredentials;
  readonly revision: string;
  readonly desired: Desired;
  readonly planned: PlannedTemplate;
  readonly restart: {
    readonly mode: RestartMode;
    readonly restartedFor: readonly string[];
    readonly incurable: boolean;
  };
}

/** What runs keeps running. */
export interface Blocked {
  readonly kind: 'blocked';
  readonly pooler: ConnectionPooler;
  readonly findings: Partial<Situation>;
  /** Service and the like do not depend on what is wrong, and are still repaired. */
  readonly around: boolean;
}

export async function decide(
  deps: PoolerDependencies,
  stored: ConnectionPooler,
  key: string,
  memory: Memory,
  pods: readonly PodView[],
  writer: ChildWriter,
): Promise<Target | Blocked> {
  const wrong = (spec: Situation['faults']['spec'], pooler: ConnectionPooler): Blocked => ({
    kind: 'blocked',
    pooler,
    findings: { faults: { spec, budget: [], credentials: [] } },
    around: false,
  });
  const validated = validatePooler(stored, 'ignore');
  if (!validated.ok) return wrong(validated.faults, { ...stored, spec: legible(stored.spec) });
  const pooler = validated.pooler;

  const deployment = deps.caches.deployments.get(key);
  const image = chooseImage(pooler.spec, deployment, deps.settings.defaultImage);
  const template = checkTemplate(pooler.spec.template, deps.settings.templateMode);
  if (!image.ok) return wrong([...template, image.fault], pooler);
  if (template.length > 0) return wrong(template, pooler);

  const { suspend } = pooler.spec;
  const isNew = deployment === undefined && memory.digest === undefined && !hasSecrets(deps, pooler, key);
  const [credentials, read] = await allEnded([
    suspend ? deps.credentials.peek(pooler) : deps.credentials.ensure(pooler, writer),
    // Of a pooler that is new all must be read anyhow: at the same time as its logins are made.
    isNew && !suspend ? readAhead(deps.client, pooler, deps.caches.secrets) : undefined,
  ]);
  if (credentials === undefined) return { kind: 'blocked', pooler, findings: {}, around: false };
  if ('kind' in credentials) return { kind: 'blocked', pooler, findings: { collisions: [credentials] }, around: false };

  const mode: RestartMode = pooler.spec.rollout?.restart ?? 'Automatic';
  const wish = pooler.metadata.annotations?.[ANNOTATION_RESTART_WISH];
  const live = liveRestartOf(deployment);
  const liveTemplate = liveTemplateOf(deployment);
  const templateOf = (restartOnly: Readonly<Record<string, string>>, restart: RestartToken): PlannedTemplate =>
    planPodTemplate({
      name: pooler.metadata.name,
      spec: pooler.spec,
      image: image.image,
      version: formatVersion(image.version),
      restartOnly,
      credentials: credentials.epoch,
      restart,
    });
  // What only a restart changes waits for one that somebody wants, or that comes anyway.
  const known = liveRestartOnlyOf(deployment);
  const waits = mode === 'Manual' && known !== undefined && (wish === undefined || wish === live?.wished);
  const pinned = waits && templateOf(known, tokenOf(live?.wished, live?.restarted)).revision === liveTemplate;

  const replicas = deployment?.spec?.['replicas'];
  const desired = await planDesired({
    client: deps.client,
    pooler,
    version: image.version,
    holders: holdersOf(Math.max(pooler.spec.replicas, typeof replicas === 'number' ? replicas : 0), pods.length),
    credentials,
    secrets: deps.caches.secrets,
    read,
    memory,
    ...(pinned && { pinned: known }),
    now: deps.clock.now(),
  });
  const { revision, faults, budget, restartOnly } = desired.digest;
  if (revision === undefined)
    return { kind: 'blocked', pooler, findings: { faults, budget }, around: faults.spec.length === 0 };
  const restart = planRestart({
    mode,
    wish,
    live,
    found: foundIn(memory, pods, liveTemplate, revision),
    now: new Date(deps.clock.now()).toISOString(),
  });
  return {
    kind: 'target',
    pooler,
    image: image.image,
    version: image.version,
    credentials,
    revision,
    desired,
    planned: templateOf(restartOnly, restart.token),
    restart: { mode, restartedFor: restart.restartedFor, incurable: restart.incurable },
  };
}

/** Whether there is one already that it would make, its own or not. */
const hasSecrets = ({ caches }: PoolerDependencies, { metadata }: ConnectionPooler, key: string): boolean =>
  caches.secrets.get(`${metadata.namespace}/${adminSecretName(metadata.name)}`) !== undefined ||
  caches.secrets.byIndex(BY_POOLER, key).length > 0;

/** What the processes go on with; undefined while not all of them were seen to run the desired revision. */
function foundIn(
  memory: Memory,
  pods: readonly PodView[],
  template: string | undefined,
  revision: string,
): readonly string[] | undefined {
  const must = memory.mustRestart;
  if (must !== undefined && must.template === template && must.revision === revision) return must.keeps;
  const living = pods.filter((pod) => !pod.terminating);
  const proofs = living.map((pod) => (pod.template === template ? memory.proofs.get(pod.process) : undefined));
  return proofs.every((proof) => proof?.revision === revision)
    ? [...new Set(proofs.flatMap((proof) => proof?.restartRequired ?? []))].sort()
    : undefined;
}

/** A rule of the cluster keeps us from the logins or Secrets that all else is made of. */
export const deniedOutright = (stored: ConnectionPooler, denied: Denial): Blocked => ({
  kind: 'blocked',
  pooler: { ...stored, spec: legible(stored.spec) },
  findings: { denied },
  around: false,
});

/** Of a spec that is not valid: what a report on it needs, so that nobody else has to doubt its shape. */
function legible(spec: unknown): PoolerSpec {
  const { replicas, suspend, service }: Readonly<Record<string, unknown>> = isObject(spec) ? spec : {};
  const port = isObject(service) ? service['port'] : undefined;
  return {
    replicas: typeof replicas === 'number' && Number.isInteger(replicas) ? replicas : 0,
    suspend: suspend === true,
    profile: 'balanced',
    backends: [],
    ...(typeof port === 'number' && Number.isInteger(port) ? { service: { type: 'ClusterIP', port } } : {}),
  };
}
