import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createWorld, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('backend');
  await world.apply(pooler());
  await world.ready();
});
after(() => world.remove());

test('a database that is down is reported, the poolers stay ready, and its return is noticed', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  assert.equal((await world.condition('BackendReachable')).status, 'Unknown');
  await world.query(pod, 'SELECT 1');
  await world.until(
    'the backend is known to be up',
    async () => (await world.condition('BackendReachable')).status === 'True',
    30,
  );

  await world.kubectl('scale', 'deployment', 'postgres', '--replicas=0');
  await world.kubectl('wait', '--for=delete', 'pod', '-l', 'app=postgres', '--timeout=60s');
  const waiting = world.query(pod, 'SELECT 1 AS one');
  waiting.catch(() => undefined);
  await world.until(
    'the outage is reported',
    async () => (await world.condition('BackendReachable')).status === 'False',
    40,
  );
  assert.match((await world.condition('BackendReachable')).message, /backend primary/);
  assert.equal((await world.condition('Ready')).status, 'True');
  assert.ok(
    (await world.pods()).every((each) =>
      each.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    ),
  );

  await world.kubectl('scale', 'deployment', 'postgres', '--replicas=1');
  await world.kubectl('rollout', 'status', 'deployment/postgres', '--timeout=60s');
  await world.until(
    'a query works again',
    async () => (await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'] === 1,
    40,
  );
  await world.until(
    'the return is noticed',
    async () => (await world.condition('BackendReachable')).status === 'True',
    30,
  );
});
