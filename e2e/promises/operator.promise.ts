/** What becomes of a change, and of the poolers, when the operator itself goes away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepBusy, serviceAddress } from './harness/clients.ts';
import { type Moment, watchFor } from './harness/moments.ts';
import { leader, leaderProcess, prepareKill, scaleOperator } from './harness/operator.ts';
import { createWorld, type Pod, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('operator');
  await scaleOperator(2);
  // Says 1.25, holds 1.24.1: settings of 1.25 pass every check of the operator's, and PgBouncer refuses them.
  await world.apply(pooler({ image: 'ghcr.io/poolkeeper/pgbouncer:1.24.1', version: '1.25.0' }));
  await world.until('both pods are proved', isSynced);
});
after(async () => {
  await world.remove();
  await scaleOperator(1);
});

const setting = async (pod: Pod, key: string): Promise<string | undefined> =>
  (await world.show(pod, 'CONFIG')).find((row) => row['key'] === key)?.['value'];

/** ConfigSynced=True, and said of what is specified now. */
const isSynced = async (): Promise<boolean> => {
  const { metadata, status } = await world.pooler();
  const synced = status?.conditions?.find(({ type }) => type === 'ConfigSynced');
  return synced?.status === 'True' && synced.observedGeneration === metadata.generation;
};

const everyPodServes = async (): Promise<void> => {
  const pods = await world.pods();
  assert.equal(pods.length, 2);
  for (const pod of pods) assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
};

/** Patches the pooler, and kills the operator that works on it at the moment. */
async function killAt(moment: Moment, spec: object): Promise<void> {
  const kill = await prepareKill();
  const { reached } = await watchFor(world, moment);
  await Promise.all([reached.then(kill), world.patch('app', spec)]);
}

const moments: readonly (readonly [name: string, moment: Moment])[] = [
  ['the candidate is written', { of: 'secret', count: 1, thenMs: 0 }],
  ['the pods were handed the candidate', { of: 'entry', count: 1, thenMs: 0 }],
  ['the pointer has moved', { of: 'secret', count: 2, thenMs: 0 }],
];

for (const [index, [name, moment]] of moments.entries()) {
  test(`an operator killed as soon as ${name}: the next one finishes the change`, async () => {
    const maxClientConnections = 1501 + index;
    await killAt(moment, { maxClientConnections });
    await world.until('the change is proved', isSynced);
    for (const pod of await world.pods())
      assert.equal(await setting(pod, 'max_client_conn'), String(maxClientConnections));
    await everyPodServes();
  });
}

for (const thenMs of [0, 150]) {
  test(`an operator killed ${thenMs} ms into a change that PgBouncer refuses: the next one undoes it everywhere`, async () => {
    const before = (await world.pooler()).status?.config?.revision;
    const limits = (await world.pooler()).spec.maxClientConnections;
    assert.ok(before && limits);
    await killAt(
      { of: 'entry', count: 1, thenMs },
      { maxClientConnections: 70 + thenMs, parameters: { transaction_timeout: 10 + thenMs } },
    );
    await world.until('the refusal is reported', async () => {
      const { metadata, status } = await world.pooler();
      const synced = status?.conditions?.find(({ type }) => type === 'ConfigSynced');
      return synced?.observedGeneration === metadata.generation && synced?.reason === 'Refused';
    });
    assert.match((await world.condition('ConfigSynced')).message, /unknown parameter: pgbouncer\/transaction_timeout/);
    await world.until('every replica runs what it ran', async () => {
      const markers = await Promise.all((await world.pods()).map((pod) => setting(pod, 'syslog_ident')));
      return markers.length === 2 && markers.every((marker) => marker === before);
    });
    for (const pod of await world.pods()) {
      assert.equal(await setting(pod, 'max_client_conn'), String(limits));
      await assert.rejects(world.query(pod, 'SELECT 1', { password: 'wrong' }));
    }
    await everyPodServes();
    await world.patch('app', { maxClientConnections: limits, parameters: null });
    await world.until('it is as specified again', isSynced);
  });
}

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
    await scaleOperator(2);
  }
});

test('a leader that hangs is succeeded within 15 s, no client notices, and awake again it steps down', async () => {
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
});
