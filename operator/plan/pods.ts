/** What the plan knows of one pod, and the questions the controller asks of a set of them. */
import { ANNOTATION_ENTRY, LABEL_TEMPLATE } from '../api/names.ts';
import { podAddress } from './pod-address.ts';
import { CONTAINER } from './pod-template.ts';
import { ENTRY_AT_REST } from './revision-files.ts';

/** The parts of a Pod that are cached and read; everything else is stripped. */
export interface PodObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly containerID?: string;
      readonly restartCount?: number;
      readonly state?: {
        readonly running?: { readonly startedAt?: string };
        readonly waiting?: { readonly reason?: string; readonly message?: string };
        readonly terminated?: { readonly exitCode?: number; readonly reason?: string };
      };
    }[];
  };
}

export interface PodView {
  readonly name: string;
  readonly uid: string;
  readonly address: string | undefined;
  readonly template: string;
  readonly entry: string | undefined;
  /** PgBouncer's container runs, so its console may answer. */
  readonly running: boolean;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Evicted, or on a node that stopped: no process will run in it any more. */
  readonly ended: boolean;
  /** Identifies the process: changes when the container restarts. */
  readonly process: string;
  readonly restarts: number;
  /** Why the container does not run, or cannot be asked: `CrashLoopBackOff`, `ImagePullBackOff`, `UnusableAddress`, … */
  readonly waiting: string | undefined;
}

export function viewPod(pod: PodObject): PodView {
  const container = pod.status?.containerStatuses?.find((status) => status.name === CONTAINER);
  const address = podAddress(pod.status?.podIP);
  const unusable = address === undefined && pod.status?.podIP !== undefined ? 'UnusableAddress' : undefined;
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    address,
    template: pod.metadata.labels?.[LABEL_TEMPLATE] ?? '',
    entry: pod.metadata.annotations?.[ANNOTATION_ENTRY],
    running: container?.state?.running !== undefined && address !== undefined,
    ready:
      pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    ended: pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded',
    process: `${pod.metadata.uid ?? ''}/${container?.containerID ?? ''}`,
    restarts: container?.restartCount ?? 0,
    waiting: container?.state?.waiting?.reason ?? unusable,
  };
}

/** Keeps of a Pod what PodObject names: the cache of a thousand poolers holds nothing else. */
export function stripPod(pod: PodObject): PodObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels, annotations } =
    pod.metadata;
  return {
    apiVersion: pod.apiVersion,
    kind: pod.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations?.[ANNOTATION_ENTRY] === undefined
        ? {}
        : { annotations: { [ANNOTATION_ENTRY]: annotations[ANNOTATION_ENTRY] } }),
    },
    ...(pod.status === undefined
      ? {}
      : {
          status: {
            ...(pod.status.phase === undefined ? {} : { phase: pod.status.phase }),
            ...(pod.status.podIP === undefined ? {} : { podIP: pod.status.podIP }),
            conditions: (pod.status.conditions ?? [])
              .filter((condition) => condition.type === 'Ready')
              .map(({ type, status }) => ({ type, status })),
            containerStatuses: (pod.status.containerStatuses ?? [])
              .filter((status) => status.name === CONTAINER)
              .map(({ name: container, containerID, restartCount, state }) => ({
                name: container,
                ...(containerID === undefined ? {} : { containerID }),
                ...(restartCount === undefined ? {} : { restartCount }),
                ...(state === undefined ? {} : { state }),
              })),
          },
        }),
  };
}

/** Pods that take part in a change: running, of this template, not on their way out. */
export const livePods = (pods: readonly PodView[], template: string): readonly PodView[] =>
  pods.filter((pod) => pod.template === template && pod.running && !pod.terminating);

/** Of this template, and no process of it is known yet: it may be reading its files at this moment. */
export const isStarting = (pod: PodView, template: string): boolean =>
  pod.template === template && !pod.running && !pod.terminating && !pod.ended;

/** Pods whose entry file does not point at the proved configuration any more. */
export const handedOut = (pods: readonly PodView[]): readonly PodView[] =>
  pods.filter((pod) => !pod.terminating && pod.entry !== undefined && pod.entry !== ENTRY_AT_REST);

const FAILED_STARTS: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'Error',
  'RunContainerError',
  'CreateContainerConfigError',
]);

/** A pod whose process refuses to start, as opposed to one that is on its way. */
export const refusesToStart = (pod: PodView): boolean =>
  !pod.running && pod.waiting !== undefined && FAILED_STARTS.has(pod.waiting);
