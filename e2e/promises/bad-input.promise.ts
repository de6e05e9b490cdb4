import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { secret } from './harness/secret.ts';
import { createWorld, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('bad');
});
after(() => world.remove());

test('a first specification that is bad, then corrected, comes up without help', async () => {
  await world.apply(pooler({ parameters: { server_idle_timout: 5 } }));
  await world.until('the fault is named', async () => (await world.condition('Stalled')).reason === 'InvalidSpec', 20);
  assert.match(
    (await world.condition('Ready')).message,
    /spec\.parameters\.server_idle_timout: is not a setting.*did you mean `server_idle_timeout`/,
  );
  assert.equal((await world.pods()).length, 0);
  await world.apply(pooler({ parameters: { server_idle_timeout: 5 } }));
  await world.ready();
});

const refused: readonly { readonly name: string; readonly spec: object; readonly message: RegExp }[] = [
  {
    name: 'a parameter of a newer PgBouncer',
    spec: { image: 'ghcr.io/poolkeeper/pgbouncer:1.24.1', parameters: { transaction_timeout: 5 } },
    message: /spec\.parameters\.transaction_timeout.*1\.25/,
  },
  {
    name: "a key of the operator's",
    spec: { parameters: { listen_port: 5432 } },
    message: /spec\.parameters\.listen_port/,
  },
  {
    name: 'a key that has a field',
    spec: { parameters: { max_client_conn: 10 } },
    message: /spec\.parameters\.max_client_conn.*spec\.maxClientConnections/,
  },
  {
    name: 'a value out of range',
    spec: { parameters: { server_idle_timeout: -1 } },
    message: /spec\.parameters\.server_idle_timeout/,
  },
  {
    name: 'sizes above the budget',
    spec: { databases: [{ name: 'app', connectionBudget: 8, poolSize: 5 }] },
    message: /spec\.databases\[0\]\.poolSize: breaks the connection budget/,
  },
  {
    name: 'a budget below one connection for each pod',
    spec: { databases: [{ name: 'app', connectionBudget: 2 }] },
    message: /spec\.databases\[0\]\.connectionBudget: is less than one connection/,
  },
  {
    name: 'a template that removes the container',
    spec: { template: { spec: { containers: [{ name: 'pgbouncer', $patch: 'delete' }] } } },
    message: /spec\.template\.spec.*cannot be removed/,
  },
  {
    name: 'an image without a version',
    spec: { image: 'example.com/pgbouncer:latest' },
    message: /spec\.image.*set spec\.version/,
  },
];

for (const { name, spec, message } of refused) {
  test(`${name} is named with its field, and the running pooler is untouched`, async () => {
    const before = await world.pods();
    await world.apply(pooler(spec));
    // The one before was refused, too: what is asked for is the answer to this one.
    await world.until(
      'it is Stalled',
      async () => {
        const { metadata, status: found } = await world.pooler();
        return (found?.conditions ?? []).some(
          ({ type, status, observedGeneration }) =>
            type === 'Stalled' && status === 'True' && observedGeneration === metadata.generation,
        );
      },
      20,
    );
    const { status } = await world.pooler();
    const text = (status?.conditions ?? []).map((condition) => condition.message).join('\n');
    assert.match(text, message);
    assert.deepEqual(
      (await world.pods()).map((pod) => pod.metadata.uid),
      before.map((pod) => pod.metadata.uid),
    );
    for (const pod of before) assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
  });
}

test('corrected, it is Ready again', async () => {
  await world.apply(pooler());
  await world.ready();
});

test('a missing Secret is named, and the pooler comes up when it is there', async () => {
  await world.apply(
    pooler({ replicas: 1, users: [{ name: 'app', passwordSecretRef: { name: 'later', key: 'password' } }] }, 'waits'),
  );
  await world.until(
    'the Secret is named',
    async () => (await world.condition('CredentialsValid', 'waits')).reason === 'SecretMissing',
    20,
  );
  assert.match((await world.condition('CredentialsValid', 'waits')).message, /later\/password/);
  await world.apply(secret('later', { password: 'with a\nline break' }));
  await world.until(
    'the line break is named',
    async () => (await world.condition('CredentialsValid', 'waits')).reason === 'SecretInvalid',
    20,
  );
  await world.apply(secret('later', { password: world.password }));
  await world.ready('waits');
  const [pod] = await world.pods('waits');
  assert.ok(pod);
  assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
});

test('a Secret that goes missing later changes nothing that runs', async () => {
  await world.kubectl('delete', 'secret', 'later');
  await world.until(
    'the Secret is named',
    async () => (await world.condition('CredentialsValid', 'waits')).status === 'False',
    20,
  );
  const [pod] = await world.pods('waits');
  assert.ok(pod);
  assert.equal((await world.query(pod, 'SELECT 1 AS one')).rows[0]?.['one'], 1);
});
