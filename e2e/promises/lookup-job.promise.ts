/** `pooler sql --job`, in a cluster: what it prints is applied as it stands, and installs, repeats and removes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadAll } from 'js-yaml';
import type { Client } from 'pg';
import { runCli } from '../../operator/cli/testing/run-cli.ts';
import { createAuthority } from './harness/certificates.ts';
import { serviceAddress } from './harness/clients.ts';
import { applySample, readSample } from './harness/samples.ts';
import { secret } from './harness/secret.ts';
import { LOOKUP_SECRET, serverName, startServers } from './harness/servers.ts';
import { cluster, createWorld, type World } from './harness/world.ts';

const SERVER = serverName('18');
let world: World;
let server: Client;
before(async () => {
  world = await createWorld('lookup-job', {}, { postgres: false });
  await using authority = await createAuthority('company');
  await startServers(world, authority, { versions: ['18'], lookup: false });
  const spec = { selector: { app: SERVER }, ports: [{ port: 5432 }] };
  await world.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'postgres' }, spec });
  await world.apply(secret('pg-superuser', { username: 'postgres', password: world.password }));
  // The server does not keep the rules that are enforced from here on, and runs already.
  await cluster.kubectl(['label', 'namespace', world.namespace, 'pod-security.kubernetes.io/enforce=restricted']);
  const host = await serviceAddress(world, SERVER);
  server = await world.connect(host, { port: 5432, user: 'postgres', database: 'postgres' });
  await applySample(world, 'auth-query.yaml');
  await world.ready('app', 120);
});
after(async () => {
  await server?.end();
  await world?.remove();
});

/** Prints the Job for the sample, runs it, and waits for its end. @returns what its pod has said */
async function run(...options: readonly string[]): Promise<string> {
  const { namespace } = world;
  const { code, stdout, stderr } = await runCli(
    [
      'sql',
      '--job',
      '-f',
      '-',
      '-n',
      namespace,
      '--admin-secret',
      'pg-superuser',
      '--image',
      'localhost/postgres:18',
      ...options,
    ],
    await readSample(world, 'auth-query.yaml'),
  );
  assert.equal(code, 0, stderr);
  assert.ok(!stdout.includes(world.password), 'a password is printed');
  const objects = loadAll(stdout) as readonly { readonly kind: string; readonly metadata: { readonly name: string } }[];
  const job = objects.find(({ kind }) => kind === 'Job')?.metadata.name ?? '';
  // A Job that has ended does not run again when it is applied.
  await cluster.kubectl(['-n', namespace, 'replace', '--force', '-f', '-'], { input: stdout });
  await world.until(`${job} has ended`, async () => {
    const ended = await world.kubectl('get', 'job', job, '-o', 'jsonpath={.status.succeeded}/{.status.failed}');
    if (/\/[1-9]/.test(ended)) throw new Error(await world.kubectl('logs', `job/${job}`));
    return ended === '1/';
  });
  return world.kubectl('logs', `job/${job}`);
}

const one = async (sql: string): Promise<unknown> => Object.values((await server.query(sql)).rows[0] ?? {})[0];
const installed = (): Promise<unknown> => one("SELECT to_regprocedure('pooler.user_lookup(text)') IS NOT NULL");
const stored = (): Promise<unknown> => one("SELECT rolpassword FROM pg_authid WHERE rolname = 'pooler_auth'");

async function served(): Promise<void> {
  for (const pod of await world.pods()) {
    const { rows } = await world.query(pod, 'SELECT current_user AS "user"');
    assert.deepEqual(rows, [{ user: 'app' }]);
  }
}

test('the Job installs the lookup, and the pooler that waited for it serves', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  await assert.rejects(world.query(pod, 'SELECT 1'));
  const said = await run();
  assert.ok(!said.includes(world.password), said);
  assert.equal(await installed(), true);
  assert.match(String(await stored()), /^SCRAM-SHA-256\$/);
  await world.until('clients are let in', () => served().then(() => true));
});

test('a second run changes nothing that anybody notices, and brings a new password', async () => {
  await run();
  await served();
  const before = await stored();
  await world.apply(secret(LOOKUP_SECRET, { username: 'pooler_auth', password: `${world.password}-next` }));
  await run();
  assert.notEqual(await stored(), before);
  await world.until('the new password is proved on all replicas', async () => {
    const { status } = await world.pooler();
    const { revision, desiredRevision, provedReplicas } = status?.config ?? {};
    return revision === desiredRevision && provedReplicas === 2;
  });
  // New connections of the query, with the new password.
  await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pooler_auth'");
  await world.until('clients are let in', () => served().then(() => true));
});

test('--remove takes function and schema away, and again does no harm', async () => {
  await run('--remove');
  assert.equal(await installed(), false);
  assert.equal(await one("SELECT to_regnamespace('pooler') IS NULL"), true);
  await run('--remove');
});
