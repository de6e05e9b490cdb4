/**
 * The reconcile of one ConnectionPooler, top to bottom: what is there, what should be, write the difference, prove it,
 * report. Reading, deciding and writing live in other files; this one is the order in which they happen.
 */
import type { ConnectionPooler } from '../api/types.ts';
import { validatePooler } from '../api/validate.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { KubeObject } from '../kube/objects.ts';
import { remove } from '../kube/operations.ts';
import { POD_DISRUPTION_BUDGETS, PODS, SERVICE_ACCOUNTS, SERVICES } from '../kube/resources.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { holdersOf } from '../plan/budget.ts';
import { planFleet } from '../plan/fleet.ts';
import { chooseImage } from '../plan/image.ts';
import { disruptionBudget, service, serviceAccount } from '../plan/objects.ts';
import { planPodTemplate } from '../plan/pod-template.ts';
import { type PodView, refusesToStart, viewPod } from '../plan/pods.ts';
import { checkTemplate, type TemplateMode } from '../plan/template-merge.ts';
import type { Situation } from '../rules/situation.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AdminCredentialStore } from './admin-credentials.ts';
import { BY_POOLER, type Caches } from './caches.ts';
import { applyChild, type ChildWriter, type Collision } from './children.ts';
import { type ConfigOutcome, convergeConfig, pointerOf } from './converge-config.ts';
import { convergeDeployment, liveTemplateOf } from './converge-deployment.ts';
import { planDesired } from './desired.ts';
import { keepProofsOf, type Memory, type MemoryStore, provedRevision } from './memory.ts';
import type { Observer } from './observer.ts';
import { removeOldConfig } from './old-config.ts';
import type { StatusWriter } from './status-writer.ts';

export interface PoolerSettings {
  readonly defaultImage: string;
  readonly templateMode: TemplateMode;
}

export interface PoolerDependencies {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly credentials: AdminCredentialStore;
  readonly memories: MemoryStore;
  readonly observer: Observer;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly settings: PoolerSettings;
  /** Throws when this process may not write any more. */
  readonly fence: () => void;
  /** Runs a change when the fleet's pace allows. */
  readonly paced: <T>(change: () => Promise<T>) => Promise<T>;
}

export type Reconcile = (key: string) => Promise<{ readonly requeueAfterMs?: number }>;

const COLLISION_RETRY_MS = 10_000;

export function createPoolerReconcile(deps: PoolerDependencies): Reconcile {
  return async (key) => {
    const stored = deps.caches.poolers.get(key);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) {
      deps.memories.forget(key);
      deps.credentials.forget(key);
      return {};
    }
    if (stored.status?.conditions === undefined) await deps.status.writeFirst(stored);

    const memory = deps.memories.of(key, stored.metadata.uid ?? '');
    const pods = deps.caches.pods.byIndex(BY_POOLER, key).map(viewPod);
    keepProofsOf(memory, pods);
    const before = blankSituation(stored, pods);

    const validated = validatePooler(stored, 'ignore');
    if (!validated.ok)
      return report(stored, memory, { ...before, faults: { ...before.faults, spec: validated.faults } });
    const pooler = validated.pooler;

    const deployment = deps.caches.deployments.get(key);
    const image = chooseImage(pooler.spec, deployment, deps.settings.defaultImage);
    const faults = [
      ...checkTemplate(pooler.spec.template, deps.settings.templateMode),
      ...(image.ok ? [] : [image.fault]),
    ];
    if (!image.ok || faults.length > 0)
      return report(pooler, memory, { ...before, faults: { ...before.faults, spec: faults } });

    const writer: ChildWriter = {
      client: deps.client,
      fence: deps.fence,
      observed: (object) => observe(deps.caches, object),
    };
    const suspended = pooler.spec.suspend;
    const credentials = suspended ? await deps.credentials.peek(pooler) : await deps.credentials.ensure(pooler, writer);
    if (credentials === undefined) return report(pooler, memory, before);
    if ('kind' in credentials) return report(pooler, memory, { ...before, collisions: [credentials] });

    const holders = holdersOf(Math.max(pooler.spec.replicas, replicasOf(deployment)), pods.length);
    const desired = await planDesired({
      client: deps.client,
      pooler,
      version: image.version,
      holders,
      credentials,
      secrets: deps.caches.secrets,
      memory,
    });
    const planned = planPodTemplate({
      name: pooler.metadata.name,
      spec: pooler.spec,
      image: image.image,
      version: formatVersion(image.version),
      restartOnly: desired.digest.restartOnly,
      credentials: credentials.fingerprint,
    });
    const refused =
      memory.failure !== undefined &&
      memory.failure.revision === desired.digest.revision &&
      memory.failure.template === planned.revision;
    const live = liveTemplateOf(deployment);
    const situation = (more: Partial<Situation>): Situation => ({
      ...before,
      faults: desired.digest.faults,
      budget: desired.digest.budget,
      template: planned.revision,
      proved: provedByName(memory, pods),
      ...more,
    });

    const { spec: specFaults, budget, credentials: credentialFaults } = desired.digest.faults;
    if (suspended || specFaults.length > 0) {
      return report(
        pooler,
        memory,
        situation({
          template: live ?? planned.revision,
          config: configView(deps, memory, pooler, live ?? planned.revision, desired.digest.revision),
        }),
      );
    }

    const collisions = await applyAround(writer, deps, pooler, key);
    if (collisions.length > 0) return report(pooler, memory, situation({ collisions }), COLLISION_RETRY_MS);
    if (desired.digest.revision === undefined || budget.length + credentialFaults.length > 0) {
      return report(
        pooler,
        memory,
        situation({
          template: live ?? planned.revision,
          config: configView(deps, memory, pooler, live ?? planned.revision, undefined),
        }),
      );
    }

    const template = refused && live !== undefined ? live : planned.revision;
    const generation = stored.metadata.generation;
    const outcome: ConfigOutcome = refused
      ? { kind: 'idle' }
      : await convergeConfig(deps, {
          pooler,
          template,
          version: image.version,
          credentials,
          writer,
          memory,
          revision: desired.digest.revision,
          load: desired.load,
          pods,
          superseded: () => deps.caches.poolers.get(key)?.metadata.generation !== generation,
        });

    const rollout = await convergeDeployment(deps, {
      pooler,
      writer,
      memory,
      deployment: deps.caches.deployments.get(key),
      planned,
      version: formatVersion(image.version),
      revision: desired.digest.revision,
      pods,
      refused: refused || outcome.kind === 'refused',
    });
    if (rollout.collision)
      return report(pooler, memory, situation({ collisions: [rollout.collision] }), COLLISION_RETRY_MS);
    await replaceHopeless(pooler, memory, outcome, pods);
    await removeOldConfig(deps, pooler, template, pods, key);

    const current =
      memory.failure !== undefined ? (liveTemplateOf(deps.caches.deployments.get(key)) ?? template) : template;
    const after = deps.caches.pods.byIndex(BY_POOLER, key).map(viewPod);
    return report(
      pooler,
      memory,
      situation({
        pods: after,
        proved: provedByName(memory, after),
        template: current,
        waitsForShares: rollout.waitsForShares,
        config: configView(deps, memory, pooler, current, desired.digest.revision),
        versionMismatch: mismatch(
          formatVersion(image.version),
          deps.observer.latest(key)?.readings.map((reading) => reading.version) ?? [],
        ),
      }),
      outcome.kind === 'waiting' ? outcome.retryMs : rollout.retryMs,
    );
  };

  async function report(pooler: ConnectionPooler, memory: Memory, situation: Situation, requeueAfterMs?: number) {
    const observation = deps.observer.latest(`${pooler.metadata.namespace}/${pooler.metadata.name}`);
    const fleet =
      observation === undefined || !Array.isArray(pooler.spec?.backends)
        ? undefined
        : planFleet(pooler.spec, observation.readings);
    await deps.status.write(pooler, { ...situation, fleet }, memory);
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  /** A pod that nobody can log in to, or that crashes on a file nobody proved, is replaced: nothing else helps it. */
  async function replaceHopeless(
    pooler: ConnectionPooler,
    memory: Memory,
    outcome: ConfigOutcome,
    pods: readonly PodView[],
  ): Promise<void> {
    const hopeless = outcome.kind === 'waiting' || outcome.kind === 'idle' ? (outcome.replace ?? []) : [];
    const [first] = hopeless;
    if (first === undefined || pods.some((pod) => pod.terminating)) return;
    deps.fence();
    await remove(deps.client, PODS, pooler.metadata.namespace ?? 'default', first.name, { uid: first.uid });
    memory.proofs.delete(first.process);
    deps.events.record({
      regarding: pooler,
      type: 'Warning',
      reason: 'PodReplaced',
      action: 'ReplacePod',
      note: refusesToStart(first)
        ? `${first.name} did not start on a file that has changed since`
        : `${first.name} refuses the operator's login`,
    });
  }
}

async function applyAround(
  writer: ChildWriter,
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  key: string,
): Promise<readonly Collision[]> {
  const { serviceAccounts, services, disruptionBudgets } = deps.caches;
  const written = await Promise.all([
    applyChild(writer, pooler, SERVICE_ACCOUNTS, serviceAccount(pooler), serviceAccounts.get(key)),
    applyChild(writer, pooler, SERVICES, service(pooler), services.get(key)),
    applyChild(writer, pooler, POD_DISRUPTION_BUDGETS, disruptionBudget(pooler), disruptionBudgets.get(key)),
  ]);
  return written.filter((result) => result.kind === 'collision');
}

/** Own writes are seen at once, not when the watch brings them. */
function observe(caches: Caches, object: KubeObject): void {
  const byKind: Readonly<Record<string, (object: KubeObject) => void>> = {
    Deployment: (o) => caches.deployments.observed(o),
    Service: (o) => caches.services.observed(o),
    PodDisruptionBudget: (o) => caches.disruptionBudgets.observed(o),
    ServiceAccount: (o) => caches.serviceAccounts.observed(o),
    Secret: (o) => caches.secrets.observed(o),
    Pod: (o) => caches.pods.observed(o),
  };
  byKind[object.kind]?.(object);
}

function blankSituation(pooler: ConnectionPooler, pods: readonly PodView[]): Situation {
  return {
    generation: pooler.metadata.generation ?? 0,
    suspended: pooler.spec?.suspend === true,
    wantedReplicas: pooler.spec?.replicas ?? 0,
    faults: { spec: [], budget: [], credentials: [] },
    collisions: [],
    config: { desired: undefined, pointer: undefined, failed: undefined, restartRequired: [], retrying: undefined },
    template: undefined,
    pods,
    proved: new Map(),
    waitsForShares: false,
    budget: [],
    versionMismatch: undefined,
    fleet: undefined,
  };
}

function configView(
  deps: PoolerDependencies,
  memory: Memory,
  pooler: ConnectionPooler,
  template: string,
  desired: string | undefined,
): Situation['config'] {
  const restartRequired = new Set([...memory.proofs.values()].flatMap((proof) => proof.restartRequired));
  return {
    desired,
    pointer: pointerOf(deps.caches, pooler, template),
    failed: memory.failure,
    restartRequired: [...restartRequired].sort(),
    retrying: memory.retrying,
  };
}

function provedByName(memory: Memory, pods: readonly PodView[]): ReadonlyMap<string, string> {
  return new Map(
    pods.flatMap((pod): readonly [string, string][] => {
      const revision = provedRevision(memory, pod);
      return revision === undefined ? [] : [[pod.name, revision]];
    }),
  );
}

function mismatch(stated: string, found: readonly string[]): Situation['versionMismatch'] {
  const other = found.find(
    (version) => version !== stated && !version.startsWith(`${stated}.`) && !stated.startsWith(`${version}.`),
  );
  return other === undefined ? undefined : { stated, found: other };
}

function replicasOf(deployment: { readonly spec?: Readonly<Record<string, unknown>> } | undefined): number {
  const replicas = deployment?.spec?.['replicas'];
  return typeof replicas === 'number' ? replicas : 0;
}
