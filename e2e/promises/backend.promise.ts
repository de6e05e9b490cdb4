import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { secret } from './harness/secret.ts';
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

test('a password that the server refuses is reported, although its clients are sent away at once', async () => {
  // A pooler of its own: it never held a connection. Clients and PgBouncer agree on a password that is not the server's.
  const password = 'not-the-one-of-the-server';
  await world.apply(secret('wrong-db', { password }));
  const users = (name: string) => [{ name: 'app', passwordSecretRef: { name, key: 'password' } }];
  await world.apply(pooler({ users: users('wrong-db') }, 'wrong'));
  await world.ready('wrong');
  const pods = await world.pods('wrong');
  await world.until('the refusal is reported', async () => {
    for (const pod of pods)
      await assert.rejects(world.query(pod, 'SELECT 1', { password }), /password authentication failed|cached error/);
    const { status, message } = await world.condition('BackendReachable', 'wrong');
    return status === 'False' && message.includes('backend primary') && message.includes('password authentication');
  });
  assert.equal((await world.condition('Ready', 'wrong')).status, 'True');

  await world.patch('wrong', { users: users('app-db') });
  await world.ready('wrong');
  await world.until('clients are served', () =>
    Promise.all(pods.map((pod) => world.query(pod, 'SELECT 1'))).then(() => true),
  );
  await world.until(
    'that is noticed',
    async () => (await world.condition('BackendReachable', 'wrong')).status === 'True',
  );
});
