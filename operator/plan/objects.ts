/**
 * Builds every object of one pooler but its pods' template. Each is complete: server-side apply removes what a builder
 * stops saying. Owned by the pooler, so that deleting it deletes them.
 */
import {
  ANNOTATION_BUILDER,
  ANNOTATION_IMAGE_BEFORE,
  ANNOTATION_INPUTS,
  ANNOTATION_POINTER,
  ANNOTATION_PROVED,
  ANNOTATION_PROVED_TIME,
  ANNOTATION_RESTART_ONLY,
  ANNOTATION_RESTARTED_FOR,
  ANNOTATION_VERSION,
  API_GROUP_VERSION,
  adminSecretName,
  configSecretName,
  KIND,
  LABEL_ROLE,
  LABEL_TEMPLATE,
  labelsOf,
  PORT,
  selectorOf,
} from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { canonicalJson } from './canonical-json.ts';
import { BUILDER_VERSION, type PlannedTemplate } from './pod-template.ts';
import { type ConfigFiles, includeOf, PROVED_FILE } from './revision-files.ts';
import { DRAIN_SECONDS } from './start-script.ts';

/** A Kubernetes object as the plan holds it. */
export interface PlannedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly [field: string]: unknown;
}

/** A pod taken over must have been ready for longer than the one before it drains, so that only one drains at a time. */
const MIN_READY_SECONDS = DRAIN_SECONDS + 2;

/** Of every child: its labels, and that the pooler owns it. */
export function metadataOf(pooler: ConnectionPooler, name = pooler.metadata.name): PlannedObject['metadata'] {
  return {
    name,
    namespace: pooler.metadata.namespace ?? 'default',
    labels: labelsOf(pooler.metadata.name),
    ownerReferences: [
      {
        apiVersion: API_GROUP_VERSION,
        kind: KIND,
        name: pooler.metadata.name,
        uid: pooler.metadata.uid ?? '',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}

export interface DeploymentInput {
  readonly replicas: number;
  /** Stops a rollout where it is, without stopping scaling. */
  readonly paused: boolean;
  readonly version: string;
  readonly template: PlannedTemplate['template'];
  /** What ran before an image that is not proved yet, see image.ts. */
  readonly imageBefore?: string | undefined;
  /** Values of settings that only a restart changes, as the template has them. */
  readonly restartOnly?: Readonly<Record<string, string>>;
  /** What the template was made for, see restart.ts. */
  readonly restartedFor?: readonly string[];
}

export function deployment(pooler: ConnectionPooler, input: DeploymentInput): PlannedObject {
  const base = metadataOf(pooler);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      ...base,
      annotations: {
        [ANNOTATION_BUILDER]: BUILDER_VERSION,
        [ANNOTATION_VERSION]: input.version,
        ...(input.imageBefore !== undefined && { [ANNOTATION_IMAGE_BEFORE]: input.imageBefore }),
        ...(input.restartOnly && { [ANNOTATION_RESTART_ONLY]: canonicalJson(input.restartOnly) }),
        ...(input.restartedFor?.length && { [ANNOTATION_RESTARTED_FOR]: JSON.stringify(input.restartedFor) }),
      },
    },
    spec: {
      replicas: input.replicas,
      paused: input.paused,
      minReadySeconds: MIN_READY_SECONDS,
      revisionHistoryLimit: 3,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selectorOf(pooler.metadata.name) },
      template: input.template,
    },
  };
}

export function service(pooler: ConnectionPooler): PlannedObject {
  const wanted = pooler.spec.service;
  const base = metadataOf(pooler);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: wanted?.annotations === undefined ? base : { ...base, annotations: wanted.annotations },
    spec: {
      type: wanted?.type ?? 'ClusterIP',
      selector: selectorOf(pooler.metadata.name),
      ports: [{ name: 'pgbouncer', port: wanted?.port ?? PORT, targetPort: 'pgbouncer', protocol: 'TCP' }],
      ...(wanted?.trafficDistribution === undefined ? {} : { trafficDistribution: wanted.trafficDistribution }),
    },
  };
}

export const disruptionBudget = (pooler: ConnectionPooler): PlannedObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadataOf(pooler),
  spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(pooler.metadata.name) } },
});

/** An identity without a token: pooler pods never talk to the API. */
export const serviceAccount = (pooler: ConnectionPooler): PlannedObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: metadataOf(pooler),
  automountServiceAccountToken: false,
});

/** @param data generated once, and kept for as long as the pooler lives */
export function adminSecret(pooler: ConnectionPooler, data: Readonly<Record<string, string>>): PlannedObject {
  const base = metadataOf(pooler, adminSecretName(pooler.metadata.name));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...base, labels: { ...base.labels, [LABEL_ROLE]: 'admin' } },
    type: 'Opaque',
    data: encode(data),
  };
}

export interface ConfigSecretInput {
  readonly template: string;
  /** What `proved.ini` points at. */
  readonly pointer: string;
  /** What that revision is made of, see ANNOTATION_INPUTS; unknown offline. */
  readonly inputs?: string;
  /** The revision some pod was proved on; undefined before the first proof. */
  readonly proved?: { readonly revision: string; readonly time: string };
  /** Files of every revision that is kept. */
  readonly files: ConfigFiles;
}

export function configSecret(pooler: ConnectionPooler, input: ConfigSecretInput): PlannedObject {
  const base = metadataOf(pooler, configSecretName(pooler.metadata.name, input.template));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...base,
      labels: { ...base.labels, [LABEL_ROLE]: 'config', [LABEL_TEMPLATE]: input.template },
      annotations: {
        [ANNOTATION_POINTER]: input.pointer,
        ...(input.inputs === undefined ? {} : { [ANNOTATION_INPUTS]: input.inputs }),
        ...(input.proved === undefined
          ? {}
          : { [ANNOTATION_PROVED]: input.proved.revision, [ANNOTATION_PROVED_TIME]: input.proved.time }),
      },
    },
    type: 'Opaque',
    data: encode({ ...input.files, [PROVED_FILE]: includeOf(input.pointer) }),
  };
}

/** Texts as a Secret holds them. */
export const encode = (texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text).toString('base64')]));
