/**
 * The operator's view of the cluster: one watch for each kind it needs, objects stripped to what is read, Secrets as
 * metadata only. Every change becomes the key of the pooler it concerns.
 */
import {
  ANNOTATION_CONTENT,
  ANNOTATION_POINTER,
  ANNOTATION_RESTART_WISH,
  KIND,
  LABEL_INSTANCE,
  LABEL_MANAGED_BY,
  LABEL_ROLE,
  MANAGED_BY,
  POOLERS,
} from '../api/names.ts';
import { soundStatus } from '../api/stored-status.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer, type Informer } from '../kube/informer.ts';
import { type KubeObject, keyOf } from '../kube/objects.ts';
import {
  CERTIFICATES,
  DEPLOYMENTS,
  POD_DISRUPTION_BUDGETS,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../kube/resources.ts';
import { type PodObject, stripPod } from '../plan/pods.ts';
import { referencedSecrets } from '../plan/secret-references.ts';
import type { CertificateObject } from './certificate-object.ts';

/** A child as drift detection needs it: everything but status and managedFields. */
export interface ChildObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Of a Deployment: why Kubernetes makes no more pods for it, in the API server's words. */
  readonly podsDenied?: string;
}

export interface Caches {
  readonly poolers: Informer<ConnectionPooler & KubeObject>;
  readonly pods: Informer<PodObject & KubeObject>;
  readonly deployments: Informer<ChildObject>;
  readonly services: Informer<ChildObject>;
  readonly disruptionBudgets: Informer<ChildObject>;
  readonly serviceAccounts: Informer<ChildObject>;
  /** Metadata only; contents are read by get, when they changed, and not kept. */
  readonly secrets: Informer<KubeObject>;
  /** Of cert-manager, which need not be there: followed from the first pooler on that asks for one. */
  readonly certificates: Informer<CertificateObject>;
}

/** Index of pods and own Secrets: `namespace/pooler`. */
export const BY_POOLER = 'pooler';
/** Index of poolers: `namespace/secret`, for every Secret they refer to. */
const BY_SECRET = 'secret';

export interface CacheOptions {
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly log: (message: string, details: object) => void;
}

export function createCaches(client: KubeClient, options: CacheOptions): Caches {
  const common = { log: options.log, ...(options.namespaces.length === 0 ? {} : { namespaces: options.namespaces }) };
  const owned = { ...common, labelSelector: `${LABEL_MANAGED_BY}=${MANAGED_BY}` };
  const children = { ...owned, transform: withoutStatus };
  const ownIndex = { [BY_POOLER]: poolerKeysOf };
  return {
    poolers: createInformer<ConnectionPooler & KubeObject>(client, POOLERS, {
      ...common,
      transform: withSoundStatus,
      indexes: { [BY_SECRET]: secretKeysOf },
    }),
    pods: createInformer<PodObject & KubeObject>(client, PODS, { ...owned, transform: stripPod, indexes: ownIndex }),
    deployments: createInformer<ChildObject>(client, DEPLOYMENTS, { ...children, transform: withPodsDenied }),
    services: createInformer<ChildObject>(client, SERVICES, children),
    disruptionBudgets: createInformer<ChildObject>(client, POD_DISRUPTION_BUDGETS, children),
    serviceAccounts: createInformer<ChildObject>(client, SERVICE_ACCOUNTS, children),
    secrets: createInformer<KubeObject>(client, SECRETS, {
      ...common,
      metadataOnly: true,
      transform: stripSecret,
      indexes: ownIndex,
    }),
    certificates: createInformer<CertificateObject>(client, CERTIFICATES, { ...owned, transform: withReadiness }),
  };
}

/** Those that the operator cannot do without. */
export const everyCache = ({ certificates: _, ...caches }: Caches): readonly Informer<KubeObject>[] =>
  Object.values(caches);

/** Follows cert-manager's kinds only where a pooler needs them: elsewhere they are asked for in vain for ever. */
export function followCertificates(caches: Caches, signal: AbortSignal): void {
  let following = false;
  caches.poolers.onChange(({ new: pooler }) => {
    if (following || !wantsIssued(pooler)) return;
    following = true;
    caches.certificates.start(signal);
  });
}

/** Whatever the shape of its specification. */
const wantsIssued = (pooler: ConnectionPooler | undefined): boolean =>
  pooler?.spec?.tls?.client?.certificate !== undefined;

/**
 * Why a pooler is to be looked at: somebody wishes something, it is among what was there at the start, or something
 * that exists because of it has moved. The last come in swarms (a start is twenty of them) and can wait for one another.
 */
export type Occasion = 'wish' | 'start' | 'consequence';

/** Calls `enqueue` with the key of each pooler that a change concerns. */
export function connect(caches: Caches, enqueue: (key: string, occasion: Occasion) => void): void {
  caches.poolers.onChange(({ old, new: current, initial }) => {
    const pooler = current ?? old;
    // Our own status writes change nothing that a reconcile would look at.
    if (
      old &&
      current &&
      old.metadata.generation === current.metadata.generation &&
      old.metadata.uid === current.metadata.uid &&
      old.metadata.annotations?.[ANNOTATION_RESTART_WISH] === current.metadata.annotations?.[ANNOTATION_RESTART_WISH] &&
      old.metadata.deletionTimestamp === current.metadata.deletionTimestamp
    )
      return;
    if (pooler) enqueue(keyOf(pooler), initial ? 'start' : 'wish');
  });
  const children: readonly Informer<KubeObject>[] = [
    caches.pods,
    caches.deployments,
    caches.services,
    caches.disruptionBudgets,
    caches.serviceAccounts,
    caches.certificates,
  ];
  for (const cache of children) {
    cache.onChange(({ old, new: current, initial }) => {
      if (!isNews(old, current)) return;
      for (const key of new Set([...poolerKeysOf(old), ...poolerKeysOf(current)]))
        enqueue(key, initial ? 'start' : 'consequence');
    });
  }
  caches.secrets.onChange(({ old, new: current, initial }) => {
    const secret = current ?? old;
    if (!secret) return;
    for (const key of new Set([...poolerKeysOf(old), ...poolerKeysOf(current)]))
      enqueue(key, initial ? 'start' : 'consequence');
    for (const pooler of caches.poolers.byIndex(BY_SECRET, `${secret.metadata.namespace}/${secret.metadata.name}`))
      enqueue(keyOf(pooler), initial ? 'start' : 'wish');
  });
}

/** Whether anything changed that a reconcile looks at: the controllers of Kubernetes write status many times over. */
export function isNews(old: KubeObject | undefined, current: KubeObject | undefined): boolean {
  if (old === undefined || current === undefined || old.metadata.uid !== current.metadata.uid) return true;
  return gistOf(old) !== gistOf(current);
}

function gistOf(
  object: KubeObject & { readonly spec?: unknown; readonly status?: unknown; readonly podsDenied?: unknown },
): string {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return JSON.stringify([
    metadata,
    // Where there is a generation it stands for the whole spec.
    metadata.generation === undefined ? object.spec : undefined,
    object.kind === PODS.kind || object.kind === CERTIFICATES.kind ? object.status : object.podsDenied,
  ]);
}

function poolerKeysOf(object: KubeObject | undefined): readonly string[] {
  const labels = object?.metadata.labels;
  const instance = labels?.[LABEL_INSTANCE];
  return instance === undefined || labels?.[LABEL_MANAGED_BY] !== MANAGED_BY
    ? []
    : [`${object?.metadata.namespace}/${instance}`];
}

/** Of the status only what can be believed; the spec is judged by the reconcile, which can say what is wrong with it. */
function withSoundStatus({ status, ...pooler }: ConnectionPooler & KubeObject): ConnectionPooler & KubeObject {
  const sound = soundStatus(status);
  return sound === undefined ? pooler : { ...pooler, status: sound };
}

function secretKeysOf(pooler: ConnectionPooler): readonly string[] {
  try {
    return referencedSecrets(pooler.spec, pooler.metadata.name).map((name) => `${pooler.metadata.namespace}/${name}`);
  } catch {
    // A spec of unexpected shape refers to nothing; the reconcile reports what is wrong with it.
    return [];
  }
}

/** Whether it is there, and nothing of when: that moves with each renewal. */
function withReadiness({ status, ...certificate }: CertificateObject): CertificateObject {
  const conditions = (status?.conditions ?? [])
    .filter(({ type }) => type === 'Ready')
    .map(({ type, status: state, message = '' }) => ({ type, status: state, message }));
  return { ...certificate, status: { conditions } };
}

function withoutStatus(object: ChildObject & { readonly status?: unknown }): ChildObject {
  const { status: _, ...rest } = object;
  return rest;
}

interface DeploymentStatus {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

/** Of a Deployment's status only that its ReplicaSet is kept from making pods: by a quota, a policy, a webhook. */
function withPodsDenied({ status, ...rest }: ChildObject & { readonly status?: DeploymentStatus }): ChildObject {
  const failure = status?.conditions?.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True');
  // Each attempt has a name of its own.
  return failure?.message === undefined
    ? rest
    : { ...rest, podsDenied: failure.message.replace(/^pods "[^"]*"/, 'pods') };
}

/** Other people's Secrets: only that they exist and when they changed. Ours: also what the reconcile reads. */
function stripSecret(secret: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, labels, annotations, ownerReferences } = secret.metadata;
  // Also without its labels, which a hand may have removed: else it would be in our own way.
  const own = labels?.[LABEL_ROLE] !== undefined || (ownerReferences?.some((owner) => owner.kind === KIND) ?? false);
  return {
    apiVersion: secret.apiVersion,
    kind: secret.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(own && labels ? { labels } : {}),
      ...(own && isNoted(annotations) ? { annotations } : {}),
      ...(own && ownerReferences ? { ownerReferences } : {}),
    },
  };
}

const isNoted = (annotations: Readonly<Record<string, string>> = {}): boolean =>
  annotations[ANNOTATION_POINTER] !== undefined || annotations[ANNOTATION_CONTENT] !== undefined;

/** Own writes are seen at once, not when the watch brings them. */
export function observeWrite(caches: Caches, object: KubeObject): void {
  Object.values<Informer<KubeObject>>({ ...caches })
    .find((cache) => cache.resource.kind === object.kind)
    ?.observed(object);
}
