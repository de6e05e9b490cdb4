/**
 * Decides what a pooler shall be: validated spec, image, the operator's logins, configuration and pod template. Either
 * all of it is known, or something stands in the way, which is then a finding and not an error.
 */

import { isObject } from '../api/schema-node.ts';
import type { ConnectionPooler, PoolerSpec } from '../api/types.ts';
import { validatePooler } from '../api/validate.ts';
import type { Denial } from '../kube/denial.ts';
import { formatVersion, type Version } from '../pgbouncer/version.ts';
import { holdersOf } from '../plan/budget.ts';
import { chooseImage } from '../plan/image.ts';
import { type PlannedTemplate, planPodTemplate } from '../plan/pod-template.ts';
import type { PodView } from '../plan/pods.ts';
import { checkTemplate } from '../plan/template-merge.ts';
import type { Situation } from '../rules/situation.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import type { ChildWriter } from './children.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { type Desired, planDesired } from './desired.ts';
import type { Memory } from './memory.ts';

export interface Target {
  readonly kind: 'target';
  readonly pooler: ConnectionPooler;
  readonly version: Version;
  readonly credentials: AdminCredentials;
  readonly revision: string;
  readonly desired: Desired;
  readonly planned: PlannedTemplate;
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

  const credentials = pooler.spec.suspend
    ? await deps.credentials.peek(pooler)
    : await deps.credentials.ensure(pooler, writer);
  if (credentials === undefined) return { kind: 'blocked', pooler, findings: {}, around: false };
  if ('kind' in credentials) return { kind: 'blocked', pooler, findings: { collisions: [credentials] }, around: false };

  const replicas = deployment?.spec?.['replicas'];
  const desired = await planDesired({
    client: deps.client,
    pooler,
    version: image.version,
    holders: holdersOf(Math.max(pooler.spec.replicas, typeof replicas === 'number' ? replicas : 0), pods.length),
    credentials,
    secrets: deps.caches.secrets,
    memory,
    now: deps.clock.now(),
  });
  const { revision, faults, budget, restartOnly } = desired.digest;
  if (revision === undefined)
    return { kind: 'blocked', pooler, findings: { faults, budget }, around: faults.spec.length === 0 };
  return {
    kind: 'target',
    pooler,
    version: image.version,
    credentials,
    revision,
    desired,
    planned: planPodTemplate({
      name: pooler.metadata.name,
      spec: pooler.spec,
      image: image.image,
      version: formatVersion(image.version),
      restartOnly,
      credentials: credentials.fingerprint,
    }),
  };
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
