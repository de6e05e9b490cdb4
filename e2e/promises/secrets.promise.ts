import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { run } from '../cluster/run.ts';
import { secret } from './harness/secret.ts';
import { cluster, createWorld, pooler, type World } from './harness/world.ts';

const PLANTED = 'planted-7f3a91-value';
let world: World;
before(async () => {
  world = await createWorld('planted');
});
after(() => world.remove());

test('planted secret values appear in no log, event, status, object or process list', async () => {
  await world.apply(secret('planted', { password: PLANTED }));
  const users = [
    { name: 'app', passwordSecretRef: { name: 'app-db', key: 'password' } },
    { name: 'other', passwordSecretRef: { name: 'planted', key: 'password' } },
  ];
  await world.apply(
    pooler({
      users,
      databases: [
        { name: 'app', serverUser: { name: 'forced', passwordSecretRef: { name: 'planted', key: 'password' } } },
      ],
    }),
  );
  await world.ready();
  // Faults must not quote it either: a reference to a key that is not there, a password PgBouncer cannot take.
  await world.apply(secret('planted', { password: `${PLANTED}\nsecond line` }));
  await world.until(
    'the fault is reported',
    async () => (await world.condition('CredentialsValid')).status === 'False',
    20,
  );
  await world.apply(secret('planted', { password: `${PLANTED}-rotated` }));
  await world.ready();

  const admin = JSON.parse(await world.kubectl('get', 'secret', 'app-admin', '-o', 'jsonpath={.data}')) as Readonly<
    Record<string, string>
  >;
  const hidden = [
    PLANTED,
    world.password,
    ...['password', 'stats-password', 'revision-key'].map((key) => Buffer.from(admin[key] ?? '', 'base64').toString()),
  ];
  assert.ok(hidden.every((value) => value.length >= 8));
  const places: Readonly<Record<string, string>> = {
    'log of the operator': await cluster.kubectl(['-n', 'poolkeeper-system', 'logs', 'deployment/poolkeeper']),
    events: await world.kubectl('get', 'events.events.k8s.io', '-o', 'json'),
    'the pooler': await world.kubectl('get', 'cpool', '-o', 'json'),
    'pods, Deployment, Service': await world.kubectl(
      'get',
      'pods,deployments,replicasets,services,serviceaccounts',
      '-l',
      'app.kubernetes.io/managed-by=poolkeeper',
      '-o',
      'json',
    ),
    'logs of the poolers': await world.kubectl('logs', '-l', 'app.kubernetes.io/instance=app', '--tail=-1'),
    'process list': await processList(),
  };
  for (const [place, text] of Object.entries(places)) {
    for (const value of hidden) {
      assert.ok(text.length > 2, `${place} is empty`);
      assert.ok(!text.includes(value), `a secret stands in ${place}`);
    }
  }
});

test('render prints no secret value, and all of them when it is asked to', async () => {
  const file = [secret('planted', { password: PLANTED }), secret('app-db', { password: world.password })];
  const users = [{ name: 'other', passwordSecretRef: { name: 'planted', key: 'password' } }];
  const input = [...file, pooler({ users })].map((object) => JSON.stringify(object)).join('\n---\n');
  const render = (...args: readonly string[]): Promise<string> =>
    run(process.execPath, ['operator/cli/main.ts', 'render', '-f', '-', ...args], { input });
  const masked = await render();
  assert.match(masked, /kind: Deployment/);
  assert.ok(!masked.includes(PLANTED));
  assert.ok(!masked.includes(Buffer.from(PLANTED).toString('base64')));
  assert.ok((await render('--show-secrets')).includes(PLANTED));
});

async function processList(): Promise<string> {
  const lines: string[] = [];
  for (const entry of await readdir('/proc'))
    if (/^\d+$/.test(entry)) lines.push(await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => ''));
  return lines.join('\n');
}
