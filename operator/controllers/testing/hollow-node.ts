/**
 * The node of an API server that has none: it runs the pods of poolers as the kubelet would (files, address, status,
 * restarts), each as a real pgbouncer, or as whatever a test puts in its place. No image, no scheduler, no probes: a pod
 * is ready as soon as it takes connections.
 */
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ANNOTATION_ENTRY,
  adminSecretName,
  configSecretName,
  LABEL_INSTANCE,
  LABEL_MANAGED_BY,
  LABEL_TEMPLATE,
  MANAGED_BY,
  PORT,
} from '../../api/names.ts';
import { accepts } from '../../console/testing/accepts.ts';
import { REAL_VERSIONS, type RealVersion } from '../../console/testing/real-pgbouncer.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound } from '../../kube/errors.ts';
import { createInformer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { get, mergePatch } from '../../kube/operations.ts';
import { PODS, SECRETS } from '../../kube/resources.ts';
import { CONTAINER } from '../../plan/pod-template.ts';
import { filesIn, type SecretObject } from '../secret-object.ts';
import { createPodFiles } from './pod-files.ts';
import { type PodProcess, startPodProcess } from './pod-process.ts';

interface Pod extends KubeObject {
  readonly spec: {
    readonly containers: readonly {
      readonly name: string;
      readonly image?: string;
      readonly command?: readonly string[];
    }[];
  };
}

/** What answers in a pod's place, once for each connection. */
export type Answer = (socket: Socket, pod: HollowPod) => unknown;

export interface HollowPod {
  readonly pooler: string;
  readonly name: string;
  readonly address: string;
  /** The operator's logins: user → password. */
  readonly passwords: Readonly<Record<string, string>>;
}

export interface HollowNodeOptions {
  readonly client: KubeClient;
  /** For the pods' files; removed by whoever made it. */
  readonly directory: string;
  /** Of images whose tag names none of the real versions. */
  readonly version: RealVersion;
  /** By name of the pooler; none: a real pgbouncer. Asked when a pod starts. */
  readonly impostor?: (pooler: string) => Answer | undefined;
}

export interface HollowNode {
  /** The real process of a pod, while it runs. */
  process(pod: string): PodProcess | undefined;
  /** All of them, by `namespace/pod`. */
  processes(): ReadonlyMap<string, PodProcess>;
  /** How old its view of the API server may be. */
  staleSeconds(): number;
  /** What every real process has said, also those that ended, by pod. */
  said(): readonly { readonly pod: string; readonly log: string }[];
  /** Connections to impostors that are open now. */
  connections(): number;
  stop(): Promise<void>;
}

interface Running {
  readonly uid: string;
  refresh(): void;
  end(): void;
  process?: PodProcess | undefined;
}

const RESTART_MS = 1_000;

export async function startHollowNode(options: HollowNodeOptions): Promise<HollowNode> {
  const { client } = options;
  const ending = new AbortController();
  const log = (message: string, details: object): void => console.error(message, details);
  const common = { labelSelector: `${LABEL_MANAGED_BY}=${MANAGED_BY}`, log };
  const pods = createInformer<Pod>(client, PODS, common);
  const secrets = createInformer<SecretObject>(client, SECRETS, common);
  const running = new Map<string, Running>();
  const sockets = new Set<Socket>();
  const processes: { readonly pod: string; readonly process: PodProcess }[] = [];
  let count = 0;

  const secretOf = (pod: Pod): SecretObject | undefined =>
    secrets.get(
      `${pod.metadata.namespace}/${configSecretName(pod.metadata.labels?.[LABEL_INSTANCE] ?? '', pod.metadata.labels?.[LABEL_TEMPLATE] ?? '')}`,
    );
  const filesOf = (pod: Pod): Readonly<Record<string, string>> | undefined => {
    const secret = secretOf(pod);
    return secret?.data === undefined
      ? undefined
      : { ...filesIn(secret), 'entry.ini': pod.metadata.annotations?.[ANNOTATION_ENTRY] ?? '' };
  };
  const report = async (pod: Pod, address: string, state: object, restarts: number, ready: boolean): Promise<void> => {
    const status = {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() }],
      containerStatuses: [
        {
          name: CONTAINER,
          image: 'hollow',
          imageID: 'hollow',
          ready,
          restartCount: restarts,
          containerID: `hollow://${pod.metadata.uid}-${restarts}`,
          state,
        },
      ],
    };
    const { namespace, name, uid } = pod.metadata;
    try {
      await mergePatch(client, PODS, namespace, name, { metadata: { uid }, status }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !ending.signal.aborted) log('a status was not written', { name, error: String(error) });
    }
  };
  const up = { running: { startedAt: new Date().toISOString() } };
  const down = { waiting: { reason: 'CrashLoopBackOff' } };

  /** A server of the test in the pod's place. */
  const impersonate = async (pod: Pod, answer: Answer, number: number): Promise<Running> => {
    const address = `10.77.${number >> 8}.${number & 255}`;
    const pooler = pod.metadata.labels?.[LABEL_INSTANCE] ?? '';
    const admin = await get<SecretObject>(client, SECRETS, pod.metadata.namespace, adminSecretName(pooler));
    const password = (key: string): string => Buffer.from(admin.data?.[key] ?? '', 'base64').toString();
    const passwords = { poolkeeper: password('password'), poolkeeper_stats: password('stats-password') };
    const own = new Set<Socket>();
    const server: Server = createServer((socket) => {
      for (const set of [own, sockets]) set.add(socket);
      socket.on('close', () => {
        for (const set of [own, sockets]) set.delete(socket);
      });
      socket.on('error', () => socket.destroy());
      answer(socket, { pooler, name: pod.metadata.name, address, passwords });
    });
    await new Promise<void>((resolve) => server.listen(PORT, address, resolve));
    await report(pod, address, up, 0, true);
    return {
      uid: pod.metadata.uid ?? '',
      refresh: () => undefined,
      end: () => {
        server.close();
        for (const socket of own) socket.destroy();
      },
    };
  };

  /** A real pgbouncer, started again when it ends. */
  const contain = (pod: Pod, number: number): Running => {
    const { name, namespace, uid } = pod.metadata;
    const address = `10.78.${number >> 8}.${number & 255}`;
    const directory = join(options.directory, `pod-${number}`);
    const files = createPodFiles(join(directory, 'config'));
    const container = pod.spec.containers.find((candidate) => candidate.name === CONTAINER);
    const command = container?.command ?? [];
    const tag = container?.image?.split(':').at(-1);
    const version = REAL_VERSIONS.find((known) => known === tag) ?? options.version;
    let over = false;
    const own: Running = {
      uid: uid ?? '',
      refresh: () => {
        const now = filesOf(pods.get(`${namespace}/${name}`) ?? pod);
        if (now !== undefined && !over) files.swap(now).catch((error: unknown) => log('no files', { name, error }));
      },
      end: () => {
        over = true;
        own.process?.kill('SIGKILL');
        rm(directory, { recursive: true, force: true }).catch(() => undefined);
      },
    };
    const live = async (): Promise<void> => {
      await mkdir(join(directory, 'config'), { recursive: true, mode: 0o755 });
      while (!over && filesOf(pod) === undefined) await sleep(20);
      for (let restarts = 0; !over; restarts += 1) {
        await files.swap(filesOf(pods.get(`${namespace}/${name}`) ?? pod) ?? {});
        const process = await startPodProcess({ directory, version, address, number, command });
        own.process = process;
        processes.push({ pod: name, process });
        if (over) process.kill('SIGKILL');
        const dead = process.ended.then(() => true);
        while (!over && !(await accepts(PORT, address)) && !(await Promise.race([dead, sleep(20, false)])));
        if (!over) await report(pod, address, up, restarts, true);
        await dead;
        if (over) return;
        log('a pod ended', { name, said: process.log().slice(-500) });
        await report(pod, address, down, restarts, false);
        await sleep(RESTART_MS);
      }
    };
    live().catch((error: unknown) => {
      if (!over) log('a pod cannot run', { name, error: String(error) });
    });
    return own;
  };

  const start = async (pod: Pod): Promise<void> => {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    count += 1;
    const number = count;
    const answer = options.impostor?.(pod.metadata.labels?.[LABEL_INSTANCE] ?? '');
    const own = answer === undefined ? contain(pod, number) : await impersonate(pod, answer, number);
    if (pods.get(key)?.metadata.uid === own.uid && !ending.signal.aborted) running.set(key, own);
    else own.end();
  };

  pods.onChange(({ old, new: current }) => {
    const pod = current ?? old;
    if (pod === undefined || pod.metadata.labels?.[LABEL_TEMPLATE] === undefined) return;
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (current === undefined) {
      running.get(key)?.end();
      running.delete(key);
    } else if (old === undefined) start(current).catch((error: unknown) => log('a pod cannot start', { key, error }));
    else running.get(key)?.refresh();
  });
  secrets.onChange(() => {
    for (const own of running.values()) own.refresh();
  });
  for (const cache of [secrets, pods]) cache.start(ending.signal);
  await Promise.all([secrets.synced(), pods.synced()]);

  return {
    process: (pod) => [...running].find(([key]) => key.endsWith(`/${pod}`))?.[1].process,
    processes: () =>
      new Map([...running].flatMap(([key, own]) => (own.process === undefined ? [] : [[key, own.process] as const]))),
    staleSeconds: () => Math.max(pods.staleSeconds(), secrets.staleSeconds()),
    said: () => processes.map(({ pod, process }) => ({ pod, log: process.log() })),
    connections: () => sockets.size,
    stop: async () => {
      ending.abort();
      for (const own of running.values()) own.end();
      running.clear();
    },
  };
}
