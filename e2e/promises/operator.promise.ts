/** What becomes of a change, and of the poolers, when the operator itself goes away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepBusy, serviceAddress } from './harness/clients.ts';
import { leader, leaderProcess, operatorsReady, scaleOperator } from './harness/operator.ts';
import { createWorld, type Pod, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('operator');
  // Says 1.25, holds 1.24.1: settings of 1.25 pass every check of the operator's, and PgBouncer refuses them.
  await world.apply(pooler({ image: 'ghcr.io/poolkeeper/pgbouncer:1.24.1', version: '1.25.0' }));
  await world.until('both pods are proved', isSynced);
});
after(() => world.remove());

const setting = async (pod: Pod, key: string): Promise<string | undefined> =>
  (await world.show(pod, 'CONFIG')).find((row) => row['key'] === key)?.['value'];

/** ConfigSynced=True, and said of what is specified now. */
const isSynced = async (): Promise<boolean> => {
  const { metadata, status } = await world.pooler();
  const synced = status?.conditions?.find(({ type }) => type === 'ConfigSynced');
  return synced?.status === 'True' && synced.observedGeneration === metadata.generation;
};

test('an operator killed in the middle of a change: the next one finishes it', async () => {
  for (const delayMs of [60, 130, 200]) {
    const victim = await leaderProcess();
    await world.patch('app', { maxClientConnections: 1500 + delayMs });
    await sleep(delayMs);
    process.kill(victim, 'SIGKILL');
    await world.until(`the change that was hit after ${delayMs} ms is proved`, isSynced, 150);
    for (const pod of await world.pods()) {
      assert.equal(await setting(pod, 'max_client_conn'), String(1500 + delayMs));
      assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
    }
    await operatorsReady();
  }
});

test('an operator killed while PgBouncer is refusing a change: the next one brings every replica back', async () => {
  await world.patch('app', { maxClientConnections: 1000 });
  await world.until('it is as specified', isSynced);
  const proved = (await world.pooler()).status?.config?.revision;
  assert.ok(proved);
  for (const delayMs of [60, 120, 200, 320]) {
    const victim = await leaderProcess();
    await world.patch('app', { maxClientConnections: 70 + delayMs, parameters: { transaction_timeout: delayMs } });
    await sleep(delayMs);
    process.kill(victim, 'SIGKILL');
    await world.until(
      `the change that was hit after ${delayMs} ms is refused`,
      async () => {
        const { metadata, status } = await world.pooler();
        const synced = status?.conditions?.find(({ type }) => type === 'ConfigSynced');
        return synced?.observedGeneration === metadata.generation && synced?.reason === 'Refused';
      },
      150,
    );
    await world.until('every replica is on the proved revision again', async () => {
      const pods = await world.pods();
      const markers = await Promise.all(pods.map((pod) => setting(pod, 'syslog_ident')));
      return pods.length === 2 && markers.every((marker) => marker === proved);
    });
    for (const pod of await world.pods()) {
      assert.equal(await setting(pod, 'max_client_conn'), '1000');
      assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
      await assert.rejects(world.query(pod, 'SELECT 1', { password: 'wrong' }));
    }
  }
  await world.patch('app', { maxClientConnections: 1000, parameters: null });
  await world.until('it is as specified', isSynced, 90);
});

test('while no operator runs at all, the poolers serve, also one whose process was killed', async () => {
  await scaleOperator(0);
  try {
    const [pod] = await world.pods();
    assert.ok(pod);
    await world.kubectl('exec', pod.metadata.name, '--', 'sh', '-c', 'kill -QUIT 1').catch(() => undefined);
    await world.until('the container was restarted', async () =>
      (await world.pods()).some((each) => (each.status.containerStatuses?.[0]?.restartCount ?? 0) > 0),
    );
    for (const each of await world.pods())
      await world.until(
        `${each.metadata.name} serves`,
        async () => (await world.query(each, 'SELECT 1 AS one')).rows[0]?.['one'] === 1,
      );
  } finally {
    await scaleOperator(1);
  }
});

test('a leader that hangs is succeeded within 15 s by the second operator; no client notices, and it steps down when it wakes', async () => {
  await scaleOperator(2);
  try {
    const hung = await leaderProcess();
    const first = await leader();
    await using busy = keepBusy(world, await serviceAddress(world));
    process.kill(hung, 'SIGSTOP');
    const stopped = performance.now();
    try {
      await world.patch('app', { maxClientConnections: 1600 });
      await world.until('the change is proved', isSynced);
    } finally {
      process.kill(hung, 'SIGCONT');
    }
    const seconds = (performance.now() - stopped) / 1000;
    assert.ok(seconds <= 15, `succeeded after ${seconds.toFixed(1)} s`);
    const second = await leader();
    assert.notEqual(second, first);
    // Awake, it believes for a moment that it leads; whatever it does with that must change nothing.
    await sleep(3_000);
    assert.equal(await leader(), second);
    const { failures, connections } = await busy.stop();
    assert.deepEqual(failures, []);
    assert.ok(connections > 0);
    for (const pod of await world.pods()) assert.equal(await setting(pod, 'max_client_conn'), '1600');
    assert.ok(await isSynced());
  } finally {
    await scaleOperator(1);
  }
});
