/**
 * Everything but machines: a real API server with its controllers, the real operator, and a node whose pods are real
 * pgbouncers or what a test puts in their place. Only in a network made by own-network.ts.
 */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { workloadControllers } from '../../../e2e/cluster/control-plane.ts';
import { established } from '../../../e2e/cluster/established.ts';
import { API_GROUP_VERSION, KIND, LABEL_INSTANCE, LABEL_TEMPLATE, POOLERS } from '../../api/names.ts';
import { soundStatus } from '../../api/stored-status.ts';
import type { Condition, ConnectionPooler } from '../../api/types.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { apply, get, list } from '../../kube/operations.ts';
import { PODS, SECRETS } from '../../kube/resources.ts';
import { startRealApi } from '../../kube/testing/real-api.ts';
import type { PodObject } from '../../plan/pods.ts';
import { type OperatorProcess, startOperator } from '../../testing/operator-process.ts';
import { type Answer, type HollowNode, startHollowNode } from './hollow-node.ts';

export interface Stage {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly node: HollowNode;
  /** The one that runs now. */
  readonly operator: OperatorProcess;
  readonly kubeconfig: string;
  /** Kills the operator at once, and starts another one after `whileGone`. */
  replaceOperator(whileGone?: () => Promise<void>): Promise<void>;
  /** Pods of a pooler that are not on their way out, by name. */
  pods(name: string): Promise<readonly StagePod[]>;
  /** Standard output of kubectl. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Writes a pooler whose pods are real, or whatever `impostor` says; @returns its generation. */
  pooler(name: string, spec?: object, impostor?: Answer): Promise<number>;
  secret(name: string, values: Readonly<Record<string, string | Buffer>>): Promise<void>;
  read(name: string): Promise<ConnectionPooler>;
  condition(name: string, type: string): Promise<Condition | undefined>;
  /** Waits until a condition has that reason. */
  says(name: string, type: string, reason: string): Promise<void>;
  /** Waits until every replica was proved at this generation. */
  proved(name: string, generation: number): Promise<void>;
  stop(): Promise<void>;
}

export interface StagePod {
  readonly name: string;
  readonly uid: string;
  readonly address: string;
  readonly restarts: number;
  readonly template: string;
}

export interface StageOptions {
  readonly flags?: readonly string[];
  /** The definition to install; default the one that ships. */
  readonly crd?: string;
}

/** Generous: a loaded machine is slow, and a test that waits in vain says what it saw. */
const PATIENCE_MS = 120_000;

export async function startStage({ flags = [], crd }: StageOptions = {}): Promise<Stage> {
  // On a tmpfs, as the kubelet's: elsewhere a new file may get the number of the one before, and PgBouncer goes by that.
  const directory = await mkdtemp('/run/poolkeeper-stage-');
  // Pods are nobody's processes.
  await chmod(directory, 0o755);
  const api = await startRealApi({ controllers: workloadControllers });
  const { client, controlPlane } = api;
  if (controlPlane === undefined) throw new Error('a stage has an API server of its own');
  const definition = crd ?? (await readFile('crds/poolkeeper.dev_connectionpoolers.yaml', 'utf8'));
  await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], definition);
  await established(controlPlane);
  const namespace = await api.namespace();
  const impostors = new Map<string, Answer>();
  const node = await startHollowNode({
    client,
    directory,
    version: '1.26.1',
    impostor: (pooler) => impostors.get(pooler),
  });
  const start = (): Promise<OperatorProcess> => startOperator({ kubeconfig: api.kubeconfig, args: flags });
  let operator = await start();

  const read = async (name: string): Promise<ConnectionPooler> => {
    const { status, ...pooler } = await get<ConnectionPooler & KubeObject>(client, POOLERS, namespace, name);
    const sound = soundStatus(status);
    return sound === undefined ? pooler : { ...pooler, status: sound };
  };
  const secret: Stage['secret'] = async (name, values) => {
    const data = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    );
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data };
    await apply(client, SECRETS, object, { fieldManager: 'test', force: true });
  };
  const said = (name: string): string =>
    operator
      .output()
      .split('\n')
      .filter((line) => line.includes(`/${name}"`))
      .slice(-5)
      .join('\n');
  await secret('app', { password: 'the-password-of-app' });
  const condition: Stage['condition'] = async (name, type) =>
    (await read(name)).status?.conditions?.find((candidate) => candidate.type === type);
  const says: Stage['says'] = (name, type, reason) =>
    until(`${type} of ${name} to be ${reason}`, async () => {
      const found = await condition(name, type);
      return found?.reason === reason ? true : `${found?.reason}: ${found?.message}`;
    });

  return {
    client,
    namespace,
    node,
    get operator() {
      return operator;
    },
    replaceOperator: async (whileGone = async () => undefined) => {
      await operator.kill();
      await whileGone();
      operator = await start();
    },
    pods: async (name) => {
      const labelSelector = `${LABEL_INSTANCE}=${name}`;
      const { items } = await list<PodObject & KubeObject>(client, PODS, namespace, { labelSelector });
      return items
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map(({ metadata, status }) => ({
          name: metadata.name,
          uid: metadata.uid ?? '',
          address: status?.podIP ?? '',
          restarts: status?.containerStatuses?.[0]?.restartCount ?? 0,
          template: metadata.labels?.[LABEL_TEMPLATE] ?? '',
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    kubeconfig: api.kubeconfig,
    kubectl: (args, input) => controlPlane.kubectl(['--namespace', namespace, ...args], input),
    pooler: async (name, spec = {}, impostor) => {
      if (impostor !== undefined) impostors.set(name, impostor);
      const stored = await apply<KubeObject>(
        client,
        POOLERS,
        {
          apiVersion: API_GROUP_VERSION,
          kind: KIND,
          metadata: { name, namespace },
          spec: { ...SPEC, ...spec },
        } as KubeObject,
        { fieldManager: 'test', force: true },
      );
      return stored.metadata.generation ?? 0;
    },
    secret,
    read,
    condition,
    says,
    proved: (name, generation) =>
      until(`${name} to be proved at generation ${generation}`, async () => {
        const { status } = await read(name);
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        const done = ready?.status === 'True' && (ready.observedGeneration ?? 0) >= generation;
        return done ? true : `${ready?.reason}: ${ready?.message}\n${said(name)}`;
      }),
    stop: async () => {
      await operator.stop();
      await node.stop();
      await api.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The smallest pooler: one replica, one user. */
const SPEC = {
  replicas: 1,
  backends: [{ host: '127.0.0.1' }],
  databases: [{ name: 'app' }],
  users: [{ name: 'app', passwordSecretRef: { name: 'app', key: 'password' } }],
};

/** @param check true, or what was found instead; @throws with the last of it when the time is up */
export async function until(what: string, check: () => Promise<true | string>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await check();
    if (found === true) return;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}; last seen: ${found}`);
    await sleep(100);
  }
}
