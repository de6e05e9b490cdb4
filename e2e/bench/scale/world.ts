/** One control plane with simulated pods, what the bench sees of it, and how long things take in it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LABEL_MANAGED_BY, MANAGED_BY, POOLERS } from '../../../operator/api/names.ts';
import type { ConnectionPooler } from '../../../operator/api/types.ts';
import { apiAccess } from '../../../operator/kube/access.ts';
import { createKubeClient, type KubeClient } from '../../../operator/kube/client.ts';
import { createInformer, type Informer } from '../../../operator/kube/informer.ts';
import type { KubeObject } from '../../../operator/kube/objects.ts';
import { create } from '../../../operator/kube/operations.ts';
import { DEPLOYMENTS, NAMESPACES, SECRETS, SERVICES } from '../../../operator/kube/resources.ts';
import {
  type OperatorOptions,
  type OperatorProcess,
  startOperator,
} from '../../../operator/testing/operator-process.ts';
import { type AuditLog, followAuditLog } from '../../cluster/audit.ts';
import { type ControlPlane, startControlPlane } from '../../cluster/control-plane.ts';
import { established } from '../../cluster/established.ts';
import { NAMESPACES_USED, namespaceObject, namespaceOf, passwordSecret } from './poolers.ts';

type Workload = KubeObject & { readonly spec?: { readonly replicas?: number } };

export interface World {
  readonly controlPlane: ControlPlane;
  readonly directory: string;
  readonly audit: AuditLog;
  readonly client: KubeClient;
  readonly poolers: Informer<ConnectionPooler & KubeObject>;
  readonly deployments: Informer<Workload>;
  readonly services: Informer<KubeObject>;
  readonly secrets: Informer<KubeObject>;
  /** Resolves, with the milliseconds since `since`, as soon as the condition holds; rejects when the operator ends in error. */
  until(what: string, since: number, holds: () => boolean, limitMs?: number): Promise<number>;
  /** The consoles of this pooler's pods accept connections and say nothing, until they are told otherwise. */
  hang(pooler: string | undefined): void;
  reloads(): Promise<number>;
  /** As the service account that is installed; resolves when it leads. */
  startOperator(options?: Partial<OperatorOptions>): Promise<OperatorProcess>;
  stop(): Promise<void>;
}

const SYSTEM = 'poolkeeper-system';

export async function createWorld(place: string, password: string): Promise<World> {
  const directory = await mkdtemp(join(place, 'world-'));
  const auditLog = join(directory, 'audit.log');
  const controlPlane = await startControlPlane({
    directory,
    auditLog,
    // By default Kubernetes' own controllers make 20 calls a second: two thousand pods would take minutes to appear.
    controllerManagerArgs: ['--kube-api-qps=100', '--kube-api-burst=200'],
  });
  const ending = new AbortController();
  const died = new AbortController();
  let fleet: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    ending.abort();
    fleet?.kill();
    await controlPlane.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const documents = (await readFile('manifests/install.yaml', 'utf8')).split(/^---$/m);
    // The operator runs as a process of this bench; nothing here would run its Deployment.
    const wanted = documents.filter((document) => !/^kind: Deployment$/m.test(document));
    await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], wanted.join('\n---\n'));
    await established(controlPlane);
    const client = createKubeClient(await apiAccess({ file: controlPlane.kubeconfig }, {}), {
      userAgent: 'bench',
      maxInFlight: 64,
    });
    for (let index = 0; index < NAMESPACES_USED; index += 1) {
      await create(client, NAMESPACES, namespaceObject(namespaceOf(index)), undefined);
      await create(client, SECRETS, passwordSecret(namespaceOf(index), password), namespaceOf(index));
    }
    fleet = fork('e2e/bench/scale/fleet.ts', [controlPlane.kubeconfig], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(fleet, 'message');
    const labelSelector = `${LABEL_MANAGED_BY}=${MANAGED_BY}`;
    const poolers = createInformer<ConnectionPooler & KubeObject>(client, POOLERS);
    const deployments = createInformer<Workload>(client, DEPLOYMENTS, { labelSelector });
    const services = createInformer<KubeObject>(client, SERVICES, { labelSelector });
    const secrets = createInformer<KubeObject>(client, SECRETS, { labelSelector, metadataOnly: true });
    const waiting = new Set<() => void>();
    for (const cache of [poolers, deployments, services, secrets]) {
      cache.onChange(() => {
        for (const look of waiting) look();
      });
      cache.start(ending.signal);
      await cache.synced();
    }
    return {
      controlPlane,
      directory,
      audit: followAuditLog(auditLog),
      client,
      poolers,
      deployments,
      services,
      secrets,
      until: (what, since, holds, limitMs = 60_000) =>
        new Promise((resolve, reject) => {
          const end = (): void => {
            waiting.delete(look);
            clearTimeout(timer);
            died.signal.removeEventListener('abort', fail);
          };
          const fail = (): void => {
            end();
            reject(died.signal.reason);
          };
          const look = (): void => {
            if (!holds()) return;
            end();
            resolve(performance.now() - since);
          };
          const timer = setTimeout(() => {
            end();
            reject(new Error(`${what}: not within ${limitMs / 1000} s`));
          }, limitMs);
          waiting.add(look);
          died.signal.addEventListener('abort', fail);
          if (died.signal.aborted) fail();
          else look();
        }),
      hang: (pooler) => fleet?.send({ hang: pooler ?? null }),
      startOperator: async (options) => {
        const operator = await startOperator({
          kubeconfig: await controlPlane.kubeconfigFor(`system:serviceaccount:${SYSTEM}:poolkeeper`),
          leaseNamespace: SYSTEM,
          ...options,
        });
        await operator.says('this process leads');
        operator.ended.then((code) => {
          if (code !== 0)
            died.abort(new Error(`the operator ended with ${code}; its last words:\n${lastWords(operator)}`));
        });
        return operator;
      },
      reloads: async () => {
        if (fleet === undefined) return 0;
        fleet.send('reloads');
        const [answer] = (await once(fleet, 'message')) as [{ readonly reloads: number }];
        return answer.reloads;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const lastWords = (operator: OperatorProcess): string => operator.output().trimEnd().split('\n').slice(-10).join('\n');

/** Runs `work` for each item, at most `width` at a time. */
export async function eachOf<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
