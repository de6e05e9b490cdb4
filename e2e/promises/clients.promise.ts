/**
 * Clients of every language through poolers of every supported version, by every way to log in, against the oldest and
 * the newest PostgreSQL. A row of the table is a pooler; its cells are the databases behind it and the clients.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { APPLICATION_CLIENTS, assertServed, CONNECTIONS, runApplication, startApplications, type Target } from './harness/applications.ts'; // biome-ignore format: one line
import { createAuthority } from './harness/certificates.ts';
import { serviceAddress } from './harness/clients.ts';
import { POSTGRES_VERSIONS, type PostgresVersion, serverName, startServers } from './harness/servers.ts';
import { createWorld, type World } from './harness/world.ts';

interface Row {
  readonly pooler: string;
  readonly version: '1.26.1' | '1.24.1' | '1.18.0';
  /** Of the spec, over what all rows have. */
  readonly spec: object;
  readonly user: string;
}

const ROWS: readonly Row[] = [
  { pooler: 'scram-26', version: '1.26.1', spec: { replicas: 2, auth: { type: 'scram-sha-256' } }, user: 'app' },
  { pooler: 'md5-26', version: '1.26.1', spec: { auth: { type: 'md5' } }, user: 'app_md5' },
  { pooler: 'scram-24', version: '1.24.1', spec: { auth: { type: 'scram-sha-256' } }, user: 'app' },
  { pooler: 'md5-24', version: '1.24.1', spec: { auth: { type: 'md5' } }, user: 'app_md5' },
  { pooler: 'scram-18', version: '1.18.0', spec: { auth: { type: 'scram-sha-256' } }, user: 'app' },
  { pooler: 'md5-18', version: '1.18.0', spec: { auth: { type: 'md5' } }, user: 'app_md5' },
];

const MODES = ['transaction', 'session'] as const;
type Mode = (typeof MODES)[number];
const POOL_SIZES: Readonly<Record<Mode, number>> = {
  /** Fewer than one client's connections: they take turns. */
  transaction: 3,
  /** Enough for all clients at once: one that waits for its next connection keeps those that it has. */
  session: CONNECTIONS * APPLICATION_CLIENTS.length,
};
const databaseName = (version: PostgresVersion, mode: Mode): string => `app_${version}_${mode}`;

const manifest = ({ pooler, version, spec, user }: Row): object => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name: pooler },
  spec: {
    replicas: 1,
    image: `ghcr.io/poolkeeper/pgbouncer:${version}`,
    backends: POSTGRES_VERSIONS.map((postgres) => ({ name: `v${postgres}`, service: { name: serverName(postgres) } })),
    databases: POSTGRES_VERSIONS.flatMap((postgres) =>
      MODES.map((poolMode) => ({
        name: databaseName(postgres, poolMode),
        backend: `v${postgres}`,
        dbname: 'app',
        poolMode,
        poolSize: POOL_SIZES[poolMode],
      })),
    ),
    users: [{ name: user, passwordSecretRef: { name: 'app-db', key: 'password' } }],
    ...spec,
  },
});

let world: World;
before(async () => {
  world = await createWorld('clients', {}, { postgres: false });
  await using authority = await createAuthority();
  await Promise.all([
    startServers(world, authority),
    authority
      .secret('application-tls', { commonName: 'app' })
      .then((certificates) => world.apply(certificates))
      .then(() => startApplications(world, 'application-tls')),
    world.apply({ apiVersion: 'v1', kind: 'List', items: ROWS.map(manifest) }),
  ]);
  await Promise.all(
    ROWS.map(async ({ pooler }) => {
      await world.ready(pooler);
      await serviceAddress(world, pooler);
    }),
  );
});
after(() => world.remove());

for (const row of ROWS) {
  describe(`through PgBouncer ${row.version}, ${row.pooler}`, { concurrency: 3 }, () => {
    for (const postgres of POSTGRES_VERSIONS) {
      for (const mode of modesOf(row, postgres)) {
        for (const client of APPLICATION_CLIENTS) {
          it(`${client} works in ${mode} mode on PostgreSQL ${postgres}`, async () => {
            const target = targetOf(row, postgres, mode);
            assertServed(await runApplication(world, client, target), target, postgres);
          });
        }
      }
    }
  });
}

describe('before PgBouncer 1.21, in transaction mode', { concurrency: 3 }, () => {
  for (const client of APPLICATION_CLIENTS) {
    it(`${client} fails with named prepared statements`, async () => {
      const target = targetOf(rowOf('scram-18'), '18', 'transaction');
      await assert.rejects(
        runApplication(world, client, { ...target, prepared: 'named' }),
        /prepared statement \\?"\w+\\?" (already exists|does not exist)/,
      );
    });
  }
});

function rowOf(pooler: string): Row {
  const row = ROWS.find((candidate) => candidate.pooler === pooler);
  assert.ok(row, pooler);
  return row;
}

/** Transaction mode on both; session mode on one of them. */
function modesOf({ user }: Row, postgres: PostgresVersion): readonly Mode[] {
  const both = (user === 'app') === (postgres === '18');
  return both ? ['transaction', 'session'] : ['transaction'];
}

function targetOf({ pooler, version, user }: Row, postgres: PostgresVersion, mode: Mode): Target {
  return {
    host: `${pooler}.${world.namespace}.svc`,
    database: databaseName(postgres, mode),
    user,
    password: world.password,
    prepared: version === '1.18.0' && mode === 'transaction' ? 'unnamed' : 'named',
  };
}
