import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepBusy, serviceAddress } from './harness/clients.ts';
import { createWorld, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('scaling');
});
after(() => world.remove());

test('kubectl scale: the shares of all pods never pass the budget, up or down', async () => {
  await world.apply(
    pooler({ replicas: 1, databases: [{ name: 'app', poolMode: 'transaction', connectionBudget: 20 }] }),
  );
  await world.ready();
  let watching = true;
  const sums: number[] = [];
  const watch = (async () => {
    while (watching) {
      const list = JSON.parse(
        await world.kubectl('get', 'pods', '-l', 'app.kubernetes.io/instance=app', '-o', 'json'),
      ) as { readonly items: readonly Parameters<World['show']>[0][] };
      const shares = await Promise.all(
        list.items.map(async (pod) =>
          pod.status.podIP
            ? Number(
                (await world.show(pod, 'DATABASES').catch(() => [])).find((row) => row['name'] === 'app')?.[
                  'max_connections'
                ] ?? 0,
              )
            : 0,
        ),
      );
      sums.push(shares.reduce((sum, share) => sum + share, 0));
      await sleep(100);
    }
  })();
  for (const replicas of [4, 2]) {
    await world.kubectl('scale', 'cpool', 'app', `--replicas=${replicas}`);
    await world.until(`${replicas} replicas are ready and proved`, async () => {
      const { status, metadata } = await world.ready();
      return (
        status?.readyReplicas === replicas &&
        status.observedGeneration === metadata.generation &&
        (await world.pods()).length === replicas
      );
    });
    for (const pod of await world.pods()) assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
  }
  watching = false;
  await watch;
  assert.ok(sums.length >= 4 && Math.max(...sums) <= 20, `sums of shares: ${[...new Set(sums)].join(', ')}`);
});

test('the selector is in the scale subresource, so that autoscalers work', async () => {
  const scale = JSON.parse(
    await world.kubectl(
      'get',
      '--raw',
      `/apis/poolkeeper.dev/v1alpha1/namespaces/${world.namespace}/connectionpoolers/app/scale`,
    ),
  ) as { readonly status: { readonly selector: string; readonly replicas: number } };
  assert.equal(scale.status.selector, 'app.kubernetes.io/instance=app,app.kubernetes.io/name=pgbouncer');
  assert.equal(scale.status.replicas, 2);
});

test('a budget that the new replicas break is refused by a condition, not by scale, and nothing that runs changes', async () => {
  const before = (await world.pods()).map((pod) => pod.metadata.uid).sort();
  await world.kubectl('scale', 'cpool', 'app', '--replicas=30');
  await world.until(
    'the budget is reported',
    async () => (await world.condition('BudgetValid')).status === 'False',
    20,
  );
  assert.match((await world.condition('BudgetValid')).message, /less than one connection for each of the 32 pods/);
  assert.deepEqual((await world.pods()).map((pod) => pod.metadata.uid).sort(), before);
  await world.kubectl('scale', 'cpool', 'app', '--replicas=2');
  await world.ready();
});

test('another image rolls pod by pod under load, one draining at a time, and the old configuration goes', async () => {
  await using busy = keepBusy(world, await serviceAddress(world), { perSecond: 10, long: 0 });
  await world.patch('app', { image: 'ghcr.io/poolkeeper/pgbouncer:1.24.1' });
  let most = 0;
  await world.until(
    'both pods run 1.24.1',
    async () => {
      const all = JSON.parse(
        await world.kubectl('get', 'pods', '-l', 'app.kubernetes.io/instance=app', '-o', 'json'),
      ) as { readonly items: readonly Parameters<World['show']>[0][] };
      most = Math.max(most, all.items.length);
      const alive = await world.pods();
      return (
        alive.length === 2 &&
        all.items.length === 2 &&
        alive.every((pod) => pod.spec.containers[0]?.image.endsWith(':1.24.1'))
      );
    },
    150,
  );
  const { failures, connections } = await busy.stop();
  assert.deepEqual(failures, []);
  assert.ok(connections > 50);
  assert.ok(most <= 4, `${most} pods at once: 2 replicas, 1 surge, 1 draining`);
  assert.equal((await world.ready()).status?.version, '1.24.1');
  await world.until(
    'one configuration Secret is left',
    async () =>
      (await world.kubectl('get', 'secret', '-l', 'poolkeeper.dev/role=config', '-o', 'name')).trim().split('\n')
        .length === 1,
    30,
  );
  for (const pod of await world.pods()) assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
});

test('a template whose first pod refuses to start is taken back, and the running pods are untouched', async () => {
  const before = (await world.pods()).map((pod) => pod.metadata.uid).sort();
  await world.patch('app', { version: '1.25.0', parameters: { transaction_timeout: 30 } });
  await world.until(
    'the template was refused',
    async () => (await world.condition('ConfigSynced')).reason === 'Refused',
    60,
  );
  assert.match((await world.condition('ConfigSynced')).message, /unknown parameter: pgbouncer\/transaction_timeout/);
  await world.until(
    'only the running pods are left',
    async () => JSON.stringify((await world.pods()).map((pod) => pod.metadata.uid).sort()) === JSON.stringify(before),
    60,
  );
  for (const pod of await world.pods()) assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
  await world.patch('app', { version: null, parameters: null });
  await world.ready();
});
