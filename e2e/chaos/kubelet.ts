/**
 * A stand-in for kubelet and scheduler: runs the poolers' pods that the API server has as processes of this machine, says
 * in their status where they are, and brings their files up to date when Secret or annotation change. Like a kubelet it
 * keeps running what it runs while the API server is away.
 */
import { ANNOTATION_ENTRY, LABEL_MANAGED_BY, MANAGED_BY } from '../../operator/api/names.ts';
import { filesIn, type SecretObject } from '../../operator/controllers/secret-object.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { createInformer } from '../../operator/kube/informer.ts';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { mergePatch } from '../../operator/kube/operations.ts';
import { PODS, SECRETS } from '../../operator/kube/resources.ts';
import { CONTAINER } from '../../operator/plan/pod-template.ts';
import { type PodProcess, startPodProcess } from './pod-process.ts';

export interface Kubelet {
  /** By `namespace/name`. */
  readonly running: ReadonlyMap<string, PodProcess>;
  /** How old its view of the API server may be. */
  staleSeconds(): number;
  stop(): Promise<void>;
}

interface Pod extends KubeObject {
  readonly spec?: {
    readonly containers: readonly {
      readonly name: string;
      readonly image: string;
      readonly command?: readonly string[];
    }[];
    readonly volumes?: readonly {
      readonly name: string;
      readonly projected?: { readonly sources: readonly { readonly secret?: { readonly name: string } }[] };
    }[];
  };
}

export function startKubelet(
  client: KubeClient,
  options: { readonly rootfs: string; readonly directory: string; readonly log: (message: string) => void },
): Kubelet {
  const ending = new AbortController();
  const running = new Map<string, PodProcess>();
  /** What is done for each pod, one thing after another. */
  const tails = new Map<string, Promise<void>>();
  const own = { labelSelector: `${LABEL_MANAGED_BY}=${MANAGED_BY}` };
  const pods = createInformer<Pod>(client, PODS, own);
  const secrets = createInformer<SecretObject>(client, SECRETS, own);
  let count = 0;

  const filesOf = (pod: Pod): Readonly<Record<string, string>> | undefined => {
    const name = secretOf(pod);
    const secret = secrets.get(`${pod.metadata.namespace}/${name}`);
    if (secret === undefined) return undefined;
    return { ...filesIn(secret), 'entry.ini': pod.metadata.annotations?.[ANNOTATION_ENTRY] ?? '' };
  };

  const sync = async (key: string): Promise<void> => {
    const pod = pods.get(key);
    const process = running.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) {
      running.delete(key);
      await process?.stop();
      return;
    }
    const files = filesOf(pod);
    const container = pod.spec?.containers.find(({ name }) => name === CONTAINER);
    if (files === undefined || container?.command === undefined) return;
    if (process !== undefined) return process.refresh(files);
    count += 1;
    const started = await startPodProcess({ ...options, index: count, command: container.command, files });
    running.set(key, started);
    const { namespace, name } = pod.metadata;
    const status = runningStatus(started, container.image);
    await mergePatch(client, PODS, namespace, name, { status }, { subresource: 'status' });
  };

  const enqueue = (key: string): void => {
    const tail = (tails.get(key) ?? Promise.resolve())
      .then(() => (ending.signal.aborted ? undefined : sync(key)))
      .catch((error: unknown) => options.log(`${key}: ${String(error)}`));
    tails.set(key, tail);
  };
  const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`;
  pods.onChange(({ old, new: current }) => {
    const pod = current ?? old;
    if (pod !== undefined) enqueue(keyOf(pod));
  });
  secrets.onChange(({ new: secret }) => {
    if (secret === undefined) return;
    for (const pod of pods.list())
      if (pod.metadata.namespace === secret.metadata.namespace && secretOf(pod) === secret.metadata.name)
        enqueue(keyOf(pod));
  });
  pods.start(ending.signal);
  secrets.start(ending.signal);
  return {
    running,
    staleSeconds: () => Math.max(pods.staleSeconds(), secrets.staleSeconds()),
    stop: async () => {
      ending.abort();
      await Promise.all(tails.values());
      await Promise.all([...running.values()].map((process) => process.stop()));
    },
  };
}

const secretOf = (pod: Pod): string | undefined =>
  pod.spec?.volumes?.flatMap(({ projected }) => projected?.sources ?? []).find(({ secret }) => secret !== undefined)
    ?.secret?.name;

function runningStatus({ address, pid }: PodProcess, image: string): object {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    phase: 'Running',
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: now,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: now,
    })),
    containerStatuses: [
      {
        name: CONTAINER,
        image,
        imageID: '',
        containerID: `process://${pid}`,
        ready: true,
        restartCount: 0,
        started: true,
        state: { running: { startedAt: now } },
      },
    ],
  };
}
