import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { keepBusy, serviceAddress } from './harness/clients.ts';
import { cluster, createWorld, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('repairs');
  await world.apply(pooler());
  await world.ready();
});
after(() => world.remove());

const everyPodServes = async (): Promise<void> => {
  for (const pod of await world.pods()) assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
};

test('a killed pod is replaced, proved and serves', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  await world.kubectl('delete', 'pod', pod.metadata.name, '--grace-period=0', '--force', '--wait=false');
  await world.until('another pod is there', async () =>
    (await world.pods()).every(({ metadata }) => metadata.uid !== pod.metadata.uid),
  );
  await world.ready();
  assert.equal((await world.pods()).length, 2);
  await everyPodServes();
});

test('a deleted Service, disruption budget, account or configuration comes back', async () => {
  const configs = await world.kubectl('get', 'secret', '-l', 'poolkeeper.dev/role=config', '-o', 'name');
  for (const object of ['service/app', 'poddisruptionbudget/app', 'serviceaccount/app', configs.trim()]) {
    const uid = await world.kubectl('get', object, '-o', 'jsonpath={.metadata.uid}');
    await world.kubectl('delete', object);
    await world.until(
      `${object} is back`,
      async () => (await world.kubectl('get', object, '-o', 'jsonpath={.metadata.uid}')) !== uid,
      20,
    );
  }
  await world.ready();
  await everyPodServes();
});

test('drift is undone, and what others own is left alone', async () => {
  await world.kubectl(
    'patch',
    'service',
    'app',
    '--type=merge',
    '-p',
    '{"metadata":{"annotations":{"cloud.example/id":"7"}},"spec":{"selector":{"app":"elsewhere"}}}',
  );
  await world.until(
    'the selector is as rendered, with nothing added',
    async () =>
      (await world.kubectl('get', 'service', 'app', '-o', 'jsonpath={.spec.selector}')) ===
      '{"app.kubernetes.io/instance":"app","app.kubernetes.io/name":"pgbouncer"}',
    20,
  );
  assert.equal(
    await world.kubectl('get', 'service', 'app', '-o', 'jsonpath={.metadata.annotations.cloud\\.example/id}'),
    '7',
  );
  await world.kubectl('scale', 'deployment', 'app', '--replicas=5');
  await world.until(
    'the Deployment has two replicas again',
    async () => (await world.kubectl('get', 'deployment', 'app', '-o', 'jsonpath={.spec.replicas}')) === '2',
    20,
  );
});

test('a Deployment that was edited by hand is as rendered again, and no client notices', async () => {
  await using busy = keepBusy(world, await serviceAddress(world));
  const edited = { minReadySeconds: 0, template: { spec: { terminationGracePeriodSeconds: 5 } } };
  await world.kubectl('patch', 'deployment', 'app', '--type=merge', '-p', JSON.stringify({ spec: edited }));
  await world.until(
    'it is as rendered',
    async () =>
      (await world.kubectl(
        ...['get', 'deployment', 'app', '-o'],
        'jsonpath={.spec.minReadySeconds} {.spec.template.spec.terminationGracePeriodSeconds}',
      )) === '12 300',
    20,
  );
  // A pod of the edited template may have been made meanwhile: it goes again.
  await world.until('every pod is as rendered', async () => {
    const grace = await world.kubectl(
      ...['get', 'pods', '-l', 'app.kubernetes.io/instance=app', '-o'],
      'jsonpath={.items[*].spec.terminationGracePeriodSeconds}',
    );
    return grace === '300 300';
  });
  await world.ready();
  const { failures, connections } = await busy.stop();
  assert.deepEqual(failures, []);
  assert.ok(connections > 0);
  await everyPodServes();
});

test('the deleted Secret of the operator comes back as it was, and no pod is replaced for it', async () => {
  const before = await world.pods();
  const stored = async (): Promise<readonly string[]> =>
    (await world.kubectl('get', 'secret', 'app-admin', '-o', 'jsonpath={.metadata.uid} {.data}')).split(' ');
  const [first, data] = await stored();
  await world.kubectl('delete', 'secret', 'app-admin');
  await world.until('it is back', async () => (await stored())[0] !== first);
  assert.equal((await stored())[1], data);
  await world.ready();
  await everyPodServes();
  const uids = (await world.pods()).map(({ metadata }) => metadata.uid);
  assert.deepEqual(
    uids,
    before.map(({ metadata }) => metadata.uid),
  );
});

test('an object of the same name that is not ours is refused, never touched, and no obstacle once it is gone', async () => {
  await world.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'taken' },
    spec: { ports: [{ port: 80 }], selector: { app: 'other' } },
  });
  const before = await world.kubectl('get', 'service', 'taken', '-o', 'jsonpath={.metadata.resourceVersion}');
  await world.apply(pooler({ replicas: 1 }, 'taken'));
  await world.until(
    'the collision is reported',
    async () => (await world.condition('Stalled', 'taken')).reason === 'NameCollision',
    20,
  );
  assert.match((await world.condition('Stalled', 'taken')).message, /Service taken exists and belongs to nobody/);
  assert.equal(await world.kubectl('get', 'service', 'taken', '-o', 'jsonpath={.metadata.resourceVersion}'), before);
  await world.kubectl('delete', 'service', 'taken');
  await world.ready('taken');
});

test('deletion leaves nothing', async () => {
  await world.kubectl('delete', 'cpool', '--all', '--wait=true');
  const kinds =
    'deployments,replicasets,pods,services,poddisruptionbudgets,serviceaccounts,secrets,configmaps,endpointslices,jobs';
  await world.until(
    'nothing of the poolers is left',
    async () =>
      (await world.kubectl('get', kinds, '-l', 'app.kubernetes.io/managed-by=poolkeeper', '-o', 'name')).trim() === '',
    90,
  );
  const left = await world.kubectl('get', kinds, '-o', 'name');
  assert.ok(!/\/(app|taken)(-|$)/m.test(left.replace('secret/app-db', '')), left);
});

test('the operator survives it all without a restart', async () => {
  const restarts = await cluster.kubectl([
    '-n',
    'poolkeeper-system',
    'get',
    'pods',
    '-o',
    'jsonpath={.items[*].status.containerStatuses[*].lastState.terminated.reason}',
  ]);
  assert.ok(!restarts.includes('OOMKilled'), restarts);
});
