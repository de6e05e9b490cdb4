/**
 * Keeps the Secrets that applications connect with. They follow PgBouncer and never lead it: written only while every
 * pod that serves was proved on the revision whose userlist the password is taken from.
 */
import { ANNOTATION_INPUTS, LABEL_ROLE } from '../api/names.ts';
import type { ConnectionPooler, ConnectionSecret } from '../api/types.ts';
import { isConflict } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { getIfThere, removeIfThere } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { connectionInputs, connectionSecret } from '../plan/connection-secrets.ts';
import { findDrift, withAppliedHash } from '../plan/drift.ts';
import type { PodView } from '../plan/pods.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import { BY_POOLER } from './caches.ts';
import { applyChild, type ChildWriter, type Collision, isOwned } from './children.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { Desired } from './desired.ts';
import { type Memory, provedRevision } from './memory.ts';
import { fingerprintSecret } from './referenced-secrets.ts';
import type { SecretObject } from './secret-object.ts';

export interface ConnectionInput {
  readonly pooler: ConnectionPooler;
  readonly key: string;
  readonly credentials: AdminCredentials;
  readonly memory: Memory;
  readonly writer: ChildWriter;
  readonly revision: string;
  readonly desired: Desired;
  /** As they are now, after the change. */
  readonly pods: readonly PodView[];
}

/** @returns Secrets of somebody else in the way; what is not proved yet is written by the reconcile that proves it */
export async function convergeConnectionSecrets(
  deps: PoolerDependencies,
  input: ConnectionInput,
): Promise<readonly Collision[]> {
  const wanted = input.pooler.spec.connectionSecrets ?? [];
  await removeOthers(deps, input, new Set(wanted.map(({ name }) => name)));
  if (wanted.length === 0 || !isServed(input)) return [];
  const collisions: Collision[] = [];
  for (const secret of wanted) {
    const collision = await converge(deps, input, secret);
    if (collision !== undefined) collisions.push(collision);
  }
  return collisions;
}

/** Whoever reads the password may use it at once, with any pod that the Service leads to. */
function isServed({ pooler, pods, memory, revision }: ConnectionInput): boolean {
  const serving = pods.filter((pod) => pod.ready && !pod.terminating);
  if (serving.length === 0) return pooler.spec.replicas === 0;
  return serving.every((pod) => provedRevision(memory, pod) === revision);
}

async function converge(
  deps: PoolerDependencies,
  input: ConnectionInput,
  wanted: ConnectionSecret,
): Promise<Collision | undefined> {
  const { pooler, memory, desired, revision, credentials } = input;
  const namespace = pooler.metadata.namespace ?? 'default';
  const cached = (): KubeObject | undefined => deps.caches.secrets.get(`${namespace}/${wanted.name}`);
  const known = cached();
  if (known !== undefined && !isOwned(known, pooler)) return collisionWith(known);
  const ref = pooler.spec.users?.find(({ name }) => name === wanted.user)?.passwordSecretRef;
  const inputs = (): string => {
    const password = fingerprintSecret(pooler, deps.caches.secrets, ref?.name ?? '');
    return connectionInputs(pooler, desired.rendered(revision), wanted, password);
  };
  const seen = memory.connections.get(wanted.name);
  if (known !== undefined && seen !== undefined && seen.version === known.metadata.resourceVersion) {
    if (seen.desired === desired.inputs) return undefined;
    if (known.metadata.annotations?.[ANNOTATION_INPUTS] === inputs()) {
      memory.connections.set(wanted.name, { ...seen, desired: desired.inputs });
      return undefined;
    }
  }

  const config = await desired.load();
  // A Secret changed meanwhile: it is news of its own.
  if (config === undefined || config.revision !== revision) return undefined;
  const live = await getIfThere<SecretObject>(deps.client, SECRETS, namespace, wanted.name);
  const plan = (noted: string | undefined) =>
    connectionSecret({ pooler, wanted, config, revisionKey: credentials.revisionKey, inputs: noted });
  // Much of what it is made of changes nothing in it: that is not worth a write.
  const same = plan(live?.metadata.annotations?.[ANNOTATION_INPUTS]);
  const planned = plan(inputs());
  if (same === undefined || planned === undefined) return undefined;
  if (live === undefined || findDrift(withAppliedHash(same), live) !== undefined) {
    const written = await applyChild(input.writer, pooler, SECRETS, planned, live);
    if (written.kind === 'collision') return { ...written, remedy: REMEDY };
  }
  memory.connections.set(wanted.name, { version: cached()?.metadata.resourceVersion, desired: desired.inputs });
  return undefined;
}

const REMEDY = 'choose another name in spec.connectionSecrets, or remove that object';

function collisionWith({ metadata }: KubeObject): Collision {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return {
    kind: 'collision',
    object: `Secret ${metadata.name}`,
    // The cache keeps nothing of other people's Secrets.
    owner: owner === undefined ? 'somebody else' : `${owner.kind} ${owner.name}`,
    remedy: REMEDY,
  };
}

/** Connection Secrets of ours whose entry is gone. */
async function removeOthers(
  deps: PoolerDependencies,
  { pooler, key, memory }: ConnectionInput,
  wanted: ReadonlySet<string>,
): Promise<void> {
  const isLeftOver = (secret: KubeObject): boolean =>
    secret.metadata.labels?.[LABEL_ROLE] === 'connection' &&
    !wanted.has(secret.metadata.name) &&
    isOwned(secret, pooler);
  for (const { metadata } of deps.caches.secrets.byIndex(BY_POOLER, key).filter(isLeftOver)) {
    try {
      await removeIfThere(deps.client, SECRETS, metadata.namespace ?? 'default', metadata.name, {
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
      });
    } catch (error) {
      // Another one has its name.
      if (!isConflict(error)) throw error;
    }
    memory.connections.delete(metadata.name);
  }
}
