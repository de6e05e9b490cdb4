import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { serviceAddress } from './harness/clients.ts';
import { cluster, createWorld, pooler } from './harness/world.ts';

const world = await createWorld('serves');
after(() => world.remove());

test('a pooler that is applied becomes Ready, and serves a query through every pod', async () => {
  await world.apply(pooler({ replicas: 3 }));
  const ready = await world.ready();
  assert.equal(ready.status?.readyReplicas, 3);
  assert.equal(ready.status?.config?.provedReplicas, 3);
  const pods = await world.pods();
  assert.equal(pods.length, 3);
  for (const pod of pods)
    assert.deepEqual((await world.query(pod, 'SELECT current_database() AS db')).rows, [{ db: 'app' }]);
});

test('the Service answers under the address that status names', async () => {
  const { status } = await world.pooler();
  assert.deepEqual(status?.endpoint, { host: `app.${world.namespace}.svc`, port: 6432 });
  const client = await world.connect(await serviceAddress(world));
  assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.['one'], 1);
  await client.end();
});

test('each alias has its mode: a transaction pool forgets a session, a session pool keeps it', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  const modes = new Map((await world.show(pod, 'POOLS')).map((row) => [row['database'], row['pool_mode']]));
  assert.equal(modes.get('app'), 'transaction');
  const host = pod.status.podIP ?? '';
  const backends = async (database: string): Promise<number> => {
    const [one, two] = [await world.connect(host, { database }), await world.connect(host, { database })];
    const pid = async (client: typeof one): Promise<number> =>
      (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0;
    // Two clients in turn: in transaction mode the second may have the connection that the first one left.
    const pids = new Set([await pid(one), await pid(two), await pid(one), await pid(two)]);
    await one.end();
    await two.end();
    return pids.size;
  };
  assert.equal(await backends('app'), 1);
  assert.equal(await backends('app_session'), 2);
  assert.equal(
    new Map((await world.show(pod, 'POOLS')).map((row) => [row['database'], row['pool_mode']])).get('app_session'),
    'session',
  );
});

test('a wrong password is refused, and nobody but the operator reaches the console', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  await assert.rejects(world.query(pod, 'SELECT 1', { password: 'wrong' }), /SASL authentication failed|password/);
  await assert.rejects(world.query(pod, 'SHOW POOLS', { database: 'pgbouncer' }), /rejected|not allowed|failed/);
});

test('pods are admitted where pod security is restricted', async () => {
  const restricted = (await createWorldWithoutDatabase('restricted')).namespace;
  try {
    await cluster.kubectl(['-n', restricted, 'apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'app-db' }, stringData: { password: 'secret' } },
          pooler(),
        ],
      }),
    });
    await cluster.kubectl(['-n', restricted, 'wait', '--for=condition=Ready', 'cpool/app', '--timeout=60s']);
  } finally {
    await cluster.kubectl(['delete', 'namespace', restricted, '--wait=false']);
  }
});

test('two poolers of one name in two namespaces do not meet', async () => {
  const other = await createWorldWithoutDatabase('neighbour', {});
  try {
    await cluster.kubectl(['-n', other.namespace, 'apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'app-db' }, stringData: { password: 'another' } },
          pooler({ replicas: 1 }),
        ],
      }),
    });
    await cluster.kubectl(['-n', other.namespace, 'wait', '--for=condition=Ready', 'cpool/app', '--timeout=60s']);
    assert.equal((await world.pods()).length, 3);
    const [pod] = await world.pods();
    assert.ok(pod);
    await assert.rejects(world.query(pod, 'SELECT 1', { password: 'another' }));
    assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
  } finally {
    await cluster.kubectl(['delete', 'namespace', other.namespace, '--wait=false']);
  }
});

test("the operator's metrics carry the exporter's names, for every pod", async () => {
  const operator = await cluster.kubectl([
    '-n',
    'poolkeeper-system',
    'get',
    'pods',
    '-l',
    'app.kubernetes.io/name=poolkeeper',
    '-o',
    'jsonpath={.items[0].metadata.name}',
  ]);
  await world.until(
    'all three pods are in /metrics',
    async () => {
      const metrics = await cluster.kubectl([
        'get',
        '--raw',
        `/api/v1/namespaces/poolkeeper-system/pods/${operator}:8080/proxy/metrics`,
      ]);
      const up = metrics.match(new RegExp(`^pgbouncer_up\\{namespace="${world.namespace}".*\\} 1$`, 'gm')) ?? [];
      return (
        up.length === 3 &&
        metrics.includes('pgbouncer_pools_server_active_connections{') &&
        metrics.includes('pgbouncer_stats_totals_queries_pooled_total{')
      );
    },
    30,
  );
});

async function createWorldWithoutDatabase(
  name: string,
  labels: Readonly<Record<string, string>> = { 'pod-security.kubernetes.io/enforce': 'restricted' },
): Promise<{ readonly namespace: string }> {
  const namespace = `${name}-${Math.random().toString(16).slice(2, 8)}`;
  await cluster.kubectl(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }),
  });
  return { namespace };
}
