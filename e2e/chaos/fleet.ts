/**
 * A whole installation in an isolated program: API server, two operator pods, poolers whose pods are real PgBouncers, a
 * backend and clients. Only for programs that `runIsolated` runs: it makes a network, and is ended by the program's end.
 */
import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { startObligingServer } from '../../operator/console/testing/obliging-server.ts';
import { type HollowNode, startHollowNode } from '../../operator/controllers/testing/hollow-node.ts';
import { FURNISH } from '../../operator/controllers/testing/own-network.ts';
import { HERE } from '../../operator/controllers/testing/pod-process.ts';
import { apiAccess } from '../../operator/kube/access.ts';
import { createKubeClient } from '../../operator/kube/client.ts';
import { type AuditEvent, followAuditLog, isLease, isWatch } from '../cluster/audit.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/processes.ts';
import { run } from '../cluster/run.ts';
import { installRights, OPERATORS, SYSTEM } from './installation.ts';
import { type OperatorPod, startOperatorPod } from './operator-pod.ts';
import { poolers } from './pooler-manifest.ts';

export const NAMESPACE = 'fleet';
export const REPLICAS = 2;
const IDENTITIES: readonly string[] = ['operator-1', 'operator-2'];
const FIRST_PORT = 8081;

export interface Fleet {
  readonly controlPlane: ControlPlane;
  readonly node: HollowNode;
  readonly names: readonly string[];
  /** What the API server did for the operators so far. */
  events(): Promise<readonly AuditEvent[]>;
  startOperators(args: readonly string[]): Promise<readonly OperatorPod[]>;
  /** Every pooler, as the API server has it. */
  poolers(): Promise<readonly Pooler[]>;
  /** Resolves when the operators have asked for nothing for so long, renewals of the lease aside. */
  quiet(forMs: number): Promise<void>;
}

export interface Pooler {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly observedGeneration?: number;
      readonly lastTransitionTime?: string;
    }[];
  };
}

/** Pods, their configuration and all that needs no node: Endpoints and disruption are not asked for here. */
const CONTROLLERS: readonly string[] = [
  'deployment-controller',
  'replicaset-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
];

export async function openFleet(directory: string, size: number): Promise<Fleet> {
  await run('sh', ['-c', FURNISH]);
  const auditLog = join(directory, 'audit.log');
  const audit = followAuditLog(auditLog);
  const controlPlane = await startControlPlane({
    directory,
    controllers: CONTROLLERS,
    auditLog,
    auditDetail: 'bodies',
  });
  await installRights(controlPlane, [NAMESPACE]);
  const access = await apiAccess({ file: controlPlane.kubeconfig }, {});
  // A tmpfs, as the kubelet's: elsewhere a new file may get the number of the one before, and PgBouncer goes by that.
  const volumes = await mkdtemp('/run/chaos-');
  // Pods are nobody's processes.
  await chmod(volumes, 0o755);
  const client = createKubeClient(access, { userAgent: 'kubelet' });
  const node = await startHollowNode({ client, directory: volumes, version: '1.26.1' });
  const names = Array.from({ length: size }, (_, index) => `app-${index + 1}`);
  const { host, port } = await startObligingServer(HERE);
  await controlPlane.kubectl(['apply', '-f', '-'], poolers(NAMESPACE, names, REPLICAS, { host, port }));
  const kubeconfigs = await Promise.all(
    IDENTITIES.map((identity) => controlPlane.kubeconfigFor(identity, [OPERATORS])),
  );
  const events = (): Promise<readonly AuditEvent[]> =>
    audit.read().then((all) => all.filter(({ user }) => user.username.startsWith('operator-')));
  return {
    controlPlane,
    node,
    names,
    events,
    startOperators: (args) =>
      Promise.all(
        IDENTITIES.map((identity, index) =>
          startOperatorPod({
            identity,
            kubeconfig: kubeconfigs[index] ?? '',
            leaseNamespace: SYSTEM,
            port: FIRST_PORT + index,
            args,
          }),
        ),
      ),
    poolers: async () => {
      const text = await controlPlane.kubectl(['-n', NAMESPACE, 'get', 'connectionpoolers', '-o', 'json']);
      return (JSON.parse(text) as { readonly items: readonly Pooler[] }).items;
    },
    quiet: (forMs) => {
      const from = Date.now();
      return waitFor('the operators to rest', async () => {
        const last = (await events()).filter((event) => !isLease(event) && !isWatch(event)).at(-1);
        const at = last === undefined ? from : Math.max(from, Date.parse(last.requestReceivedTimestamp));
        return Date.now() - at > forMs;
      });
    },
  };
}

/** Every pooler is Ready for the specification it has now. */
export const allReady = (list: readonly Pooler[], size: number): boolean =>
  list.length === size &&
  list.every(({ metadata, status }) =>
    status?.conditions?.some(
      ({ type, status: is, observedGeneration }) =>
        type === 'Ready' && is === 'True' && observedGeneration === metadata.generation,
    ),
  );
