/**
 * A namespace with a PostgreSQL and what a test does in it. Tests run inside the cluster's network namespace, so that
 * they reach every pod by its address, past the Service.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig, type QueryResult } from 'pg';
import type { ConnectionPooler } from '../../../operator/api/types.ts';
import { connect as connectCluster } from '../../cluster/cluster.ts';
import { postgres } from '../../demo/manifests.ts';
import { secret } from './secret.ts';

/** A busy machine is no broken promise: tests say what happens, benches how fast. */
const PATIENCE = 3;

export const cluster = await connectCluster();

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly containerID: string }[];
  };
}

export interface ConnectOptions {
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly port?: number;
  /** Of node-postgres, over all else. */
  readonly startup?: ClientConfig;
}

export interface World {
  readonly namespace: string;
  /** The password of the user `app`, unlike any other. */
  readonly password: string;
  kubectl(...args: readonly string[]): Promise<string>;
  apply(object: object): Promise<void>;
  patch(pooler: string, spec: object): Promise<number>;
  pooler(name?: string): Promise<ConnectionPooler>;
  /** Waits until `holds` answers true; @throws with the pooler's conditions when it does not within the time. */
  until(what: string, holds: () => Promise<boolean> | boolean, seconds?: number): Promise<void>;
  ready(name?: string, seconds?: number): Promise<ConnectionPooler>;
  condition(
    type: string,
    name?: string,
  ): Promise<{ readonly status: string; readonly reason: string; readonly message: string }>;
  pods(name?: string): Promise<readonly Pod[]>;
  connect(host: string, options?: ConnectOptions): Promise<Client>;
  /** One query through one pod, on a connection of its own. */
  query(pod: Pod, sql: string, options?: ConnectOptions): Promise<QueryResult<Record<string, unknown>>>;
  /** What a pod's console says. */
  show(pod: Pod, what: string, pooler?: string): Promise<readonly Readonly<Record<string, string>>[]>;
  remove(): Promise<void>;
}

/** @param options `postgres: false` for a test that starts databases of its own */
export async function createWorld(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  { postgres: withPostgres = true }: { readonly postgres?: boolean } = {},
): Promise<World> {
  const namespace = `${name}-${randomBytes(3).toString('hex')}`;
  const password = `pw-${randomBytes(9).toString('hex')}`;
  const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl(['-n', namespace, ...args]);
  const apply = async (object: object): Promise<void> => {
    await cluster.kubectl(['-n', namespace, 'apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify(object),
    });
  };
  await cluster.kubectl(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }),
  });
  await apply(secret('app-db', { password }));
  if (withPostgres)
    await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], {
      input: postgres('localhost/postgres:18').replaceAll('change-me', password),
    });

  const world: World = {
    namespace,
    password,
    kubectl,
    apply,
    patch: async (pooler, spec) =>
      Number(
        await kubectl(
          'patch',
          'cpool',
          pooler,
          '--type=merge',
          '-p',
          JSON.stringify({ spec }),
          '-o',
          'jsonpath={.metadata.generation}',
        ),
      ),
    pooler: async (pooler = 'app') =>
      JSON.parse(await kubectl('get', 'cpool', pooler, '-o', 'json')) as ConnectionPooler,
    until: async (what, holds, seconds = 60) => {
      const deadline = Date.now() + seconds * PATIENCE * 1000;
      let last: unknown;
      while (Date.now() < deadline) {
        try {
          if (await holds()) return;
          last = undefined;
        } catch (error) {
          last = error;
        }
        await sleep(250);
      }
      const said = await kubectl(
        'get',
        'cpool',
        '-o',
        'jsonpath={range .items[*]}{.metadata.name}{range .status.conditions[*]}{"\\n  "}{.type}={.status} {.reason}: {.message}{end}{"\\n"}{end}',
      ).catch(String);
      throw new Error(`not within ${seconds} s: ${what}\n${said}${last === undefined ? '' : `\n${String(last)}`}`);
    },
    ready: async (pooler = 'app', seconds = 60) => {
      let found: ConnectionPooler | undefined;
      await world.until(
        `${pooler} is Ready`,
        async () => {
          found = await world.pooler(pooler);
          const condition = found.status?.conditions?.find(({ type }) => type === 'Ready');
          return condition?.status === 'True' && condition.observedGeneration === found.metadata.generation;
        },
        seconds,
      );
      return found ?? world.pooler(pooler);
    },
    condition: async (type, pooler = 'app') => {
      const found = (await world.pooler(pooler)).status?.conditions?.find((condition) => condition.type === type);
      return found ?? { status: 'absent', reason: '', message: '' };
    },
    pods: async (pooler = 'app') => {
      const list = JSON.parse(
        await kubectl(
          'get',
          'pods',
          '-l',
          `app.kubernetes.io/instance=${pooler},app.kubernetes.io/name=pgbouncer`,
          '-o',
          'json',
        ),
      ) as { readonly items: readonly Pod[] };
      return list.items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    },
    connect: async (
      host,
      { database = 'app', user = 'app', password: stated = password, port = 6432, startup } = {},
    ) => {
      const target = { host, port, database, user, password: stated, connectionTimeoutMillis: 10_000 };
      const client = new Client({ ...target, ...startup });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    query: async (pod, sql, options) => {
      const client = await world.connect(addressOf(pod), options);
      try {
        return await client.query<Record<string, unknown>>(sql);
      } finally {
        await client.end();
      }
    },
    show: async (pod, what, pooler = 'app') => {
      const encoded = await kubectl('get', 'secret', `${pooler}-admin`, '-o', 'jsonpath={.data.password}');
      const { rows } = await world.query(pod, `SHOW ${what}`, {
        database: 'pgbouncer',
        user: 'poolkeeper',
        password: Buffer.from(encoded, 'base64').toString(),
      });
      return rows as readonly Readonly<Record<string, string>>[];
    },
    remove: async () => {
      await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    },
  };
  if (withPostgres) await kubectl('rollout', 'status', 'deployment/postgres', '--timeout=90s');
  return world;
}

export const addressOf = (pod: Pod): string => pod.status.podIP ?? '';

/** A pooler as most tests want it; `spec` is merged over it. */
export const pooler = (spec: object = {}, name = 'app'): object => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name },
  spec: {
    replicas: 2,
    backends: [{ service: { name: 'postgres' } }],
    databases: [
      { name: 'app', poolMode: 'transaction' },
      { name: 'app_session', dbname: 'app', poolMode: 'session' },
    ],
    users: [{ name: 'app', passwordSecretRef: { name: 'app-db', key: 'password' } }],
    ...spec,
  },
});
