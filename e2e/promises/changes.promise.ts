import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { keepBusy, serviceAddress } from './harness/clients.ts';
import { secret } from './harness/secret.ts';
import { addressOf, createWorld, type Pod, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('changes');
  await world.apply(pooler({ replicas: 3 }));
  await world.ready();
});
after(() => world.remove());

const setting = async (pod: Pod, key: string): Promise<string | undefined> =>
  (await world.show(pod, 'CONFIG')).find((row) => row['key'] === key)?.['value'];

test('a setting changes without a dropped connection, and every replica runs it', async () => {
  await using busy = keepBusy(world, await serviceAddress(world));
  for (const maxClientConnections of [1100, 1200, 1300]) {
    await world.patch('app', { maxClientConnections });
    await world.ready();
  }
  const { connections, transactions, failures } = await busy.stop();
  assert.deepEqual(failures, []);
  assert.ok(connections > 20 && transactions > 2, `${connections} connections, ${transactions} transactions`);
  for (const pod of await world.pods()) assert.equal(await setting(pod, 'max_client_conn'), '1300');
});

test('a rotated password is accepted by every replica, and the old one is not', async () => {
  const rotated = `${world.password}-2`;
  const [pod] = await world.pods();
  assert.ok(pod);
  const direct = await world.kubectl('get', 'service', 'postgres', '-o', 'jsonpath={.spec.clusterIP}');
  const client = await world.connect(direct, { port: 5432 });
  await client.query(`ALTER ROLE app PASSWORD '${rotated}'`);
  await client.end();
  await world.apply(secret('app-db', { password: rotated }));
  for (const each of await world.pods()) {
    await world.until(
      'the new password works',
      async () => (await world.query(each, 'SELECT 1 AS one', { password: rotated })).rows[0]?.['one'] === 1,
      20,
    );
    await assert.rejects(world.query(each, 'SELECT 1', { password: world.password }));
  }
  const back = await world.connect(direct, { port: 5432, password: rotated });
  await back.query(`ALTER ROLE app PASSWORD '${world.password}'`);
  await back.end();
  await world.apply(secret('app-db', { password: world.password }));
  for (const each of await world.pods())
    await world.until(
      'the first password works again',
      async () => (await world.query(each, 'SELECT 1 AS one')).rows[0]?.['one'] === 1,
      20,
    );
});

test('a Secret that changes in nothing but metadata changes no revision', async () => {
  // A change is over before it is told: clients saw the rotation above earlier than status.
  let before = '';
  await world.until(
    'status tells of the rotation before',
    async () => {
      const [last, now] = [before, (await world.ready()).status?.config?.revision ?? ''];
      before = now;
      if (last !== now) await new Promise((resolve) => setTimeout(resolve, 3_000));
      return last === now;
    },
    30,
  );
  await world.kubectl('annotate', 'secret', 'app-db', 'touched=yes');
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal((await world.pooler()).status?.config?.revision, before);
});

test('a container restarted between annotation and proof starts on the proved file', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  const proved = (await world.ready()).status?.config?.revision;
  // What an operator that died right after handing out a candidate leaves behind.
  await world.kubectl(
    'annotate',
    'pod',
    pod.metadata.name,
    '--overwrite',
    'poolkeeper.dev/entry=%include /etc/pgbouncer/00000000.ini',
  );
  await world.until(
    'the entry file has changed in the pod',
    async () =>
      (await world.kubectl('exec', pod.metadata.name, '--', 'cat', '/etc/pgbouncer/entry.ini')).includes('00000000'),
    30,
  );
  await world
    .kubectl('exec', pod.metadata.name, '--', 'sh', '-c', 'kill -KILL -1; kill -QUIT 1')
    .catch(() => undefined);
  await world.until('the container was restarted and runs', async () => {
    const now = (await world.pods()).find((each) => each.metadata.name === pod.metadata.name);
    return (
      (now?.status.containerStatuses?.[0]?.restartCount ?? 0) > 0 && (await setting(pod, 'syslog_ident')) === proved
    );
  });
  assert.match((await setting(pod, 'conffile')) ?? '', /proved\.ini$/);
  await world.ready();
});

test('a change reaches a pod that reads only the proved file, too', async () => {
  await world.patch('app', { maxClientConnections: 1400 });
  await world.ready();
  for (const pod of await world.pods()) assert.equal(await setting(pod, 'max_client_conn'), '1400');
});

test('what the binary refuses is rolled back with its reason, limits and logins as before', async () => {
  await world.patch('app', { image: 'ghcr.io/poolkeeper/pgbouncer:1.24.1', version: '1.25.0', replicas: 1 });
  await world.until(
    'one pod of 1.24.1 runs',
    async () => {
      const pods = await world.pods();
      return (
        pods.length === 1 &&
        pods[0]?.spec.containers[0]?.image.endsWith(':1.24.1') === true &&
        (await world.condition('ConfigSynced')).status === 'True'
      );
    },
    120,
  );
  const [pod] = await world.pods();
  assert.ok(pod);
  await using busy = keepBusy(world, addressOf(pod));
  await world.patch('app', { maxClientConnections: 77, parameters: { transaction_timeout: 30 } });
  await world.until(
    'the change was refused',
    async () => (await world.condition('ConfigSynced')).reason === 'Refused',
    30,
  );
  const { failures } = await busy.stop();
  assert.deepEqual(failures, []);
  const { message } = await world.condition('ConfigSynced');
  assert.match(message, /unknown parameter: pgbouncer\/transaction_timeout/);
  await world.until('the limits are as before', async () => (await setting(pod, 'max_client_conn')) === '1400', 20);
  assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
  await assert.rejects(world.query(pod, 'SELECT 1', { password: 'wrong' }));
  await world.patch('app', { version: null, parameters: null });
  await world.ready('app', 120);
});

test('an image that cannot be pulled stops at one pod, and is gone when it is taken out of the specification', async () => {
  await world.apply(pooler({}, 'typo'));
  await world.ready('typo');
  const before = await world.pods('typo');
  await world.patch('typo', { image: 'ghcr.io/poolkeeper/pgbouncer:1.25.0' });
  await world.until('the rollout says what it waits for', async () =>
    /ErrImagePull|ImagePullBackOff/.test((await world.condition('Ready', 'typo')).message),
  );
  for (const pod of before) await world.query(pod, 'SELECT 1');
  await world.patch('typo', { image: null });
  await world.ready('typo');
  const uids = (pods: readonly Pod[]): readonly string[] => pods.map(({ metadata }) => metadata.uid).sort();
  assert.deepEqual(uids(await world.pods('typo')), uids(before));
});
