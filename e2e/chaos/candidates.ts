/**
 * Operators that compete for one lease, in a namespace of their own with poolers that are disturbed all the time, before
 * a real API server that writes everything down.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiAccess } from '../../operator/kube/access.ts';
import { createKubeClient, type KubeClient } from '../../operator/kube/client.ts';
import { type OperatorProcess, startOperator } from '../../operator/testing/operator-process.ts';
import { type AuditEvent, type AuditLog, followAuditLog, isLease, isWrite } from '../cluster/audit.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/processes.ts';
import { installRights, OPERATORS } from './installation.ts';
import { termsOf } from './intrusions.ts';
import { poolers } from './pooler-manifest.ts';
import { type SlowLine, startSlowLine } from './slow-line.ts';
import { type Stirrer, stir } from './stirrer.ts';

export interface Arena {
  readonly controlPlane: ControlPlane;
  /** Operators in a namespace that was named at the start; the first leads when it resolves. */
  contest(namespace: string, options?: ContestOptions): Promise<Contest>;
  /** For the first operator of a contest. */
  slowLine(): Promise<SlowLine>;
  stop(): Promise<void>;
}

export interface ContestOptions {
  /** Default 2. */
  readonly size?: number;
  /** How far ahead the wall clock of each is. */
  readonly skewMs?: readonly number[];
  /** The first one's way to the API server. */
  readonly line?: SlowLine;
  /** Default the operator's own, 10 s. */
  readonly leaseMs?: number;
  /** How often one of the poolers is disturbed; default every 100 ms. */
  readonly stirEveryMs?: number;
}

export interface Contest {
  readonly namespace: string;
  /** The lease's own duration: nobody takes it earlier from one who says nothing. */
  readonly leaseMs: number;
  readonly operators: readonly OperatorProcess[];
  /** What the API server did for its operators so far. */
  events(): Promise<readonly AuditEvent[]>;
  /** Resolves when the API server has done a write of that operator's, other than to the lease, received after `sinceMs`. */
  writes(operator: OperatorProcess, sinceMs: number): Promise<void>;
  /** Who took the lease from whom, in the order of etcd. */
  holders(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const POOLERS: readonly string[] = ['one', 'two', 'three'];

export async function openArena(namespaces: readonly string[]): Promise<Arena> {
  const directory = await mkdtemp(join(tmpdir(), 'chaos-'));
  const auditLog = join(directory, 'audit.log');
  const audit = followAuditLog(auditLog);
  const controlPlane = await startControlPlane({ directory, controllers: false, auditLog, auditDetail: 'bodies' });
  const client = createKubeClient(await apiAccess({ file: controlPlane.kubeconfig }, {}), { userAgent: 'chaos' });
  const stop = async (): Promise<void> => {
    client.close();
    await controlPlane.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await installRights(controlPlane, namespaces);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    controlPlane,
    contest: (namespace, options = {}) => contest({ controlPlane, client, audit }, namespace, options),
    slowLine: () => {
      const { hostname, port } = new URL(controlPlane.url);
      return startSlowLine({ host: hostname, port: Number(port) });
    },
    stop,
  };
}

interface Place {
  readonly controlPlane: ControlPlane;
  readonly client: KubeClient;
  readonly audit: AuditLog;
}

async function contest(
  { controlPlane, client, audit }: Place,
  namespace: string,
  { size = 2, skewMs = [], line, leaseMs = 10_000, stirEveryMs = 100 }: ContestOptions,
): Promise<Contest> {
  await controlPlane.kubectl(['apply', '-f', '-'], poolers(namespace, POOLERS, 2));
  const operators: OperatorProcess[] = [];
  const prefix = `operator-${namespace}-`;
  let stirrer: Stirrer | undefined;
  const stop = async (): Promise<void> => {
    await stirrer?.stop();
    await Promise.all(operators.map((operator) => operator.kill()));
  };
  const events = (): Promise<readonly AuditEvent[]> =>
    audit.read().then((all) => all.filter(({ user }) => user.username.startsWith(prefix)));
  const start = async (index: number): Promise<OperatorProcess> => {
    const identity = `${prefix}${index + 1}`;
    const kubeconfig = await controlPlane.kubeconfigFor(identity, [OPERATORS]);
    const skew = skewMs[index];
    const operator = await startOperator({
      identity,
      kubeconfig: index === 0 && line !== undefined ? await through(line, kubeconfig, controlPlane.url) : kubeconfig,
      leaseNamespace: namespace,
      namespaces: [namespace],
      args: [`--lease-duration=${leaseMs / 1000}s`],
      ...(skew === undefined ? {} : { skewMs: skew }),
    });
    operators.push(operator);
    return operator;
  };
  const writes = (operator: OperatorProcess, sinceMs: number): Promise<void> => {
    const since = new Date(sinceMs).toISOString();
    return waitFor(`a write of ${operator.identity}`, async () =>
      (await events()).some(
        (event) =>
          event.user.username === operator.identity &&
          isWrite(event) &&
          !isLease(event) &&
          event.requestReceivedTimestamp > since,
      ),
    );
  };
  try {
    const first = await start(0);
    await first.says('this process leads');
    stirrer = stir(client, namespace, POOLERS, stirEveryMs);
    for (let index = 1; index < size; index += 1) await start(index);
    await Promise.all(operators.map((operator) => operator.says('caches are filled')));
    await writes(first, Date.now());
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    namespace,
    leaseMs,
    operators,
    events,
    writes,
    holders: async () => termsOf(await events()).map(({ holder }) => holder),
    stop,
  };
}

/** A copy of the kubeconfig that goes the other way. */
async function through({ port }: SlowLine, kubeconfig: string, url: string): Promise<string> {
  const path = `${kubeconfig}.slow`;
  const text = await readFile(kubeconfig, 'utf8');
  await writeFile(path, text.replaceAll(url, `https://127.0.0.1:${port}`), { mode: 0o600 });
  return path;
}
