/** What monitoring sees: Prometheus' own checker accepts it, existing dashboards know the names, and the numbers are true. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run } from '../cluster/run.ts';
import { leader, SYSTEM } from './harness/operator.ts';
import { addressOf, cluster, createWorld, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('metrics');
  await world.apply(pooler());
  await world.ready();
});
after(() => world.remove());

const scrape = async (): Promise<string> =>
  cluster.kubectl(['get', '--raw', `/api/v1/namespaces/${SYSTEM}/pods/${await leader()}:8080/proxy/metrics`]);

/** The value of the series with this name and these labels, whatever other labels it has. */
function seriesValue(metrics: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const line = metrics
    .split('\n')
    .find(
      (each) =>
        each.startsWith(`${name}{`) &&
        Object.entries(labels).every(([key, value]) => each.includes(`${key}="${value}"`)),
    );
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

test("Prometheus' checker finds no fault in /metrics", async () => {
  // Ends with another code, and says why, when a name, a type or a HELP line is not as it should be.
  const said = await run('promtool', ['check', 'metrics'], { input: `${await scrape()}\n` });
  assert.equal(said, '');
});

test("the pools of every pod are there under the community exporter's names, with the numbers that the console has", async () => {
  const [busy, idle] = await world.pods();
  assert.ok(busy && idle);
  const clients = await Promise.all(Array.from({ length: 5 }, () => world.connect(addressOf(busy))));
  const locked = clients[0];
  assert.ok(locked);
  await locked.query('BEGIN');
  await locked.query('SELECT 1');
  try {
    const series = (pod: typeof busy, name: string, metrics: string): number | undefined =>
      seriesValue(metrics, name, {
        namespace: world.namespace,
        pooler: 'app',
        pod: pod.metadata.name,
        database: 'app',
        user: 'app',
      });
    await world.until(
      'five clients and one busy server connection are seen in one pod',
      async () => {
        const metrics = await scrape();
        return (
          series(busy, 'pgbouncer_pools_client_active_connections', metrics) === 5 &&
          series(busy, 'pgbouncer_pools_server_active_connections', metrics) === 1 &&
          (series(idle, 'pgbouncer_pools_client_active_connections', metrics) ?? 0) === 0
        );
      },
      30,
    );
    const metrics = await scrape();
    const of = { namespace: world.namespace, pooler: 'app', pod: busy.metadata.name };
    assert.equal(seriesValue(metrics, 'pgbouncer_up', of), 1);
    assert.equal(seriesValue(metrics, 'pgbouncer_config_max_client_connections', of), 1000);
    assert.equal(seriesValue(metrics, 'pgbouncer_databases_pool_size', { ...of, name: 'app' }), 30);
    assert.equal(
      seriesValue(metrics, 'pgbouncer_version_info', { ...of, version: 'PgBouncer 1.26.1' }) ??
        seriesValue(metrics, 'pgbouncer_version_info', { ...of, version: '1.26.1' }),
      1,
    );
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});

test('a pooler that is deleted is gone from /metrics', async () => {
  await world.kubectl('delete', 'cpool', 'app');
  await world.until('no series names it', async () => !(await scrape()).includes(`namespace="${world.namespace}"`), 30);
});
