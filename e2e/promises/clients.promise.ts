/**
 * Clients of every language through poolers of every supported version, by every way to log in, against the oldest and
 * the newest PostgreSQL. A row of the table is a pooler; its cells are the databases behind it and the clients.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CommandFailed } from '../cluster/run.ts';
import { APPLICATION_CLIENTS, assertServed, CONNECTIONS, runApplication, startApplications, type Target } from './harness/applications.ts'; // biome-ignore format: one line
import { createAuthority, serviceNames } from './harness/certificates.ts';
import { serviceAddress } from './harness/clients.ts';
import { secret } from './harness/secret.ts';
import {
  LOOKUP_SECRET,
  POSTGRES_VERSIONS,
  type PostgresVersion,
  type ServerUser,
  serverName,
  startServers,
} from './harness/servers.ts';
import { createWorld, type World } from './harness/world.ts';

/** One way to come in. */
interface Login {
  readonly user: ServerUser;
  /** None: the pooler asks for no password. */
  readonly password?: 'none';
  readonly tls?: Target['tls'];
}

interface Row {
  readonly pooler: string;
  readonly version: '1.26.1' | '1.24.1' | '1.18.0';
  /** Of the spec, over what all rows have. */
  readonly spec: object;
  readonly logins: readonly Login[];
  /** `all`: both servers, one of them in both modes. Else transaction mode on that server: the way in is what is tried. */
  readonly on: 'all' | PostgresVersion;
}

/** Certificate and key that poolers serve, and the authority of all; what PgBouncer trusts of servers is a bundle of two. */
const POOLER_TLS = 'pooler-tls';
const BUNDLE = 'authorities';
const served = { secretRef: { name: POOLER_TLS } };
const verified = { mode: 'verify-full', ...served, caSecretRef: { name: POOLER_TLS, key: 'ca.crt' } };
const lookup = { query: { userSecretRef: { name: LOOKUP_SECRET } } };
const withCertificate: Login = { user: 'app', password: 'none', tls: { mode: 'verify-full', certificate: true } };
const noUsers = { users: undefined };

const ROWS: readonly Row[] = [
  {
    pooler: 'scram-26',
    version: '1.26.1',
    spec: {
      replicas: 2,
      auth: { type: 'scram-sha-256' },
      tls: { server: { mode: 'verify-full', caSecretRef: { name: BUNDLE, key: 'bundle.crt' } } },
    },
    logins: [{ user: 'app_tls' }],
    on: 'all',
  },
  { pooler: 'md5-26', version: '1.26.1', spec: { auth: { type: 'md5' } }, logins: [{ user: 'app_md5' }], on: 'all' },
  {
    pooler: 'query-26',
    version: '1.26.1',
    // A pool of its own for the question, on the first backend.
    spec: { auth: { type: 'scram-sha-256', query: { ...lookup.query, database: 'app' } }, ...noUsers },
    logins: [{ user: 'app' }],
    on: '15',
  },
  {
    pooler: 'hba-26',
    version: '1.26.1',
    spec: {
      auth: { type: 'hba', hba: ['hostssl all app 0.0.0.0/0 scram-sha-256', 'host all app_md5 0.0.0.0/0 md5'] },
      tls: { client: { mode: 'prefer', ...served } },
    },
    logins: [{ user: 'app', tls: { mode: 'verify-full' } }, { user: 'app_md5' }],
    on: '18',
  },
  {
    pooler: 'cert-26',
    version: '1.26.1',
    spec: { auth: { type: 'cert' }, tls: { client: verified } },
    logins: [withCertificate],
    on: '18',
  },
  {
    pooler: 'trust-26',
    version: '1.26.1',
    spec: { auth: { type: 'trust' } },
    logins: [{ user: 'app', password: 'none' }],
    on: '15',
  },
  {
    pooler: 'scram-24',
    version: '1.24.1',
    spec: { auth: { type: 'scram-sha-256' }, tls: { client: { mode: 'require', ...served } } },
    logins: [{ user: 'app', tls: { mode: 'require' } }],
    on: 'all',
  },
  { pooler: 'md5-24', version: '1.24.1', spec: { auth: { type: 'md5' } }, logins: [{ user: 'app_md5' }], on: 'all' },
  {
    pooler: 'query-24',
    version: '1.24.1',
    // Each database is asked itself.
    spec: { auth: { type: 'scram-sha-256', ...lookup }, ...noUsers },
    logins: [{ user: 'app' }],
    on: '18',
  },
  {
    pooler: 'cert-24',
    version: '1.24.1',
    spec: { auth: { type: 'cert' }, tls: { client: verified } },
    logins: [withCertificate],
    on: '15',
  },
  {
    pooler: 'scram-18',
    version: '1.18.0',
    spec: { auth: { type: 'scram-sha-256' } },
    logins: [{ user: 'app' }],
    on: 'all',
  },
  {
    pooler: 'md5-18',
    version: '1.18.0',
    spec: { auth: { type: 'md5' }, tls: { client: { mode: 'prefer', ...served } } },
    logins: [{ user: 'app_md5' }, { user: 'app_md5', tls: { mode: 'verify-ca' } }],
    on: 'all',
  },
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

const manifest = ({ pooler, version, spec, logins }: Row): object => ({
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
    users: [...new Set(logins.map(({ user }) => user))].map((name) => ({
      name,
      passwordSecretRef: { name: 'app-db', key: 'password' },
    })),
    ...spec,
  },
});

let world: World;
before(async () => {
  world = await createWorld('clients', {}, { postgres: false });
  await using authority = await createAuthority('company');
  await using other = await createAuthority('another company');
  const hosts = ROWS.flatMap(({ pooler }) => serviceNames(pooler, world.namespace));
  await world.apply(await authority.secret(POOLER_TLS, { commonName: 'poolers', hosts }));
  await world.apply(secret(BUNDLE, { 'bundle.crt': other.certificate + authority.certificate }));
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
    for (const [index, login] of row.logins.entries()) {
      const way = login.tls === undefined ? login.user : `${login.user} with TLS, ${login.tls.mode}`;
      // What differs for another login is the way in, and one place tells.
      for (const { postgres, mode } of index === 0 ? placesOf(row) : placesOf(row).slice(0, 1)) {
        for (const client of APPLICATION_CLIENTS) {
          it(`${client} works in ${mode} mode on PostgreSQL ${postgres} as ${way}`, async () => {
            const target = targetOf(row, login, postgres, mode);
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
      const old = ROWS.find(({ version }) => version === '1.18.0');
      const [login] = old?.logins ?? [];
      assert.ok(old && login);
      const target = targetOf(old, login, '18', 'transaction');
      await assert.rejects(runApplication(world, client, { ...target, prepared: 'named' }), (error) => {
        assert.ok(error instanceof CommandFailed, String(error));
        assert.match(error.output, /prepared statement \\?"\w+\\?" (already exists|does not exist)/);
        return true;
      });
    });
  }
});

interface Place {
  readonly postgres: PostgresVersion;
  readonly mode: Mode;
}

function placesOf({ on, logins }: Row): readonly Place[] {
  if (on !== 'all') return [{ postgres: on, mode: 'transaction' }];
  // Session mode takes turns between the servers.
  const session: Place = { postgres: logins[0]?.user === 'app_md5' ? '15' : '18', mode: 'session' };
  return [...POSTGRES_VERSIONS.map((postgres): Place => ({ postgres, mode: 'transaction' })), session];
}

function targetOf(
  { pooler, version }: Row,
  { user, password, tls }: Login,
  postgres: PostgresVersion,
  mode: Mode,
): Target {
  return {
    host: `${pooler}.${world.namespace}.svc`,
    database: databaseName(postgres, mode),
    user,
    ...(password === 'none' ? {} : { password: world.password }),
    ...(tls ? { tls } : {}),
    prepared: version === '1.18.0' && mode === 'transaction' ? 'unnamed' : 'named',
  };
}
