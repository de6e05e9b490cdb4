/**
 * PostgreSQL as companies run it: more than one version, TLS with a certificate of their own authority, users of both
 * kinds of password. Each version is a Service `postgres-<version>` in the test's namespace.
 */
import assert from 'node:assert/strict';
import type { Client } from 'pg';
import { installLookup, LOOKUP_SCHEMA } from '../../../operator/plan/lookup-sql.ts';
import { type Authority, serviceNames } from './certificates.ts';
import { serviceAddress } from './clients.ts';
import { secret } from './secret.ts';
import type { World } from './world.ts';

export type PostgresVersion = '15' | '18';
export const POSTGRES_VERSIONS: readonly PostgresVersion[] = ['15', '18'];

/** Users that every server has; their password is the world's. */
export const SERVER_USERS = {
  /** Its password is stored as a SCRAM verifier. */
  app: 'scram-sha-256',
  /** Its password is stored as an MD5 hash. */
  app_md5: 'md5',
  /** Comes in with TLS only. */
  app_tls: 'scram-sha-256',
} as const;
export type ServerUser = keyof typeof SERVER_USERS;

export const serverName = (version: PostgresVersion): string => `postgres-${version}`;

/** Secret of the login that looks passwords up with `pooler.user_lookup`. */
export const LOOKUP_SECRET = 'pooler-auth';
const LOOKUP_USER = 'pooler_auth';

const CERTIFICATE = 'postgres-tls';
const HBA = [
  'local all all trust',
  'host all app_md5 all md5',
  'hostnossl all app_tls all reject',
  'host all all all scram-sha-256', // with TLS and without
].join('\n');

interface ServerOptions {
  readonly versions?: readonly PostgresVersion[];
  /** Without: nothing is installed for `auth.query`. */
  readonly lookup?: boolean;
}

/** Starts the servers and waits until they have their users and the table `visits`. */
export async function startServers(
  world: World,
  authority: Authority,
  { versions = POSTGRES_VERSIONS, lookup = true }: ServerOptions = {},
): Promise<void> {
  const hosts = versions.flatMap((version) => serviceNames(serverName(version), world.namespace));
  await world.apply({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      await authority.secret(CERTIFICATE, { commonName: 'postgres', hosts }),
      secret(LOOKUP_SECRET, { username: LOOKUP_USER, password: world.password }),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'postgres-hba' }, data: { 'pg_hba.conf': HBA } },
      ...versions.flatMap((version) => manifests(version, world.password)),
    ],
  });
  await Promise.all(
    versions.map(async (version) => {
      await world.kubectl('rollout', 'status', `deployment/${serverName(version)}`, '--timeout=300s');
      await prepare(world, await serviceAddress(world, serverName(version)), lookup);
    }),
  );
}

async function prepare(world: World, host: string, withLookup: boolean): Promise<void> {
  let client: Client | undefined;
  await world.until('the server takes connections', async () => {
    client = await world.connect(host, { port: 5432, user: 'postgres' });
    return true;
  });
  assert.ok(client);
  const users = Object.keys(SERVER_USERS).join(', ');
  try {
    for (const [user, encryption] of Object.entries(SERVER_USERS)) {
      await client.query(`SET password_encryption = '${encryption}'`);
      await client.query(`CREATE ROLE ${user} LOGIN PASSWORD '${world.password}'`);
    }
    await client.query('CREATE TABLE visits (id serial PRIMARY KEY, client text NOT NULL, note text NOT NULL)');
    await client.query(`GRANT ALL ON visits, visits_id_seq TO ${users}`);
    if (withLookup) {
      await client.query(installLookup({ schema: LOOKUP_SCHEMA, role: { name: LOOKUP_USER } }));
      await client.query(`ALTER ROLE ${LOOKUP_USER} PASSWORD '${world.password}'`);
    }
  } finally {
    await client.end();
  }
}

function manifests(version: PostgresVersion, password: string): readonly object[] {
  const name = serverName(version);
  const settings = {
    max_connections: 400,
    hba_file: '/etc/postgresql/pg_hba.conf',
    ssl: 'on',
    ssl_cert_file: '/etc/postgresql-tls/tls.crt',
    ssl_key_file: '/etc/postgresql-tls/tls.key',
    ssl_ca_file: '/etc/postgresql-tls/ca.crt',
  };
  const labels = { app: name };
  const container = {
    name: 'postgres',
    image: `localhost/postgres:${version}`,
    args: Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    env: [
      { name: 'POSTGRES_USER', value: 'postgres' },
      { name: 'POSTGRES_DB', value: 'app' },
      { name: 'POSTGRES_PASSWORD', value: password },
    ],
    // No program is started for it, which on a busy machine takes longer than a probe may; prepare() asks for more.
    readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1, timeoutSeconds: 5 },
    volumeMounts: [
      { name: 'data', mountPath: '/var/lib/postgresql/data' },
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'hba', mountPath: '/etc/postgresql' },
      { name: 'tls', mountPath: '/etc/postgresql-tls' },
    ],
  };
  const podSpec = {
    terminationGracePeriodSeconds: 2, // it would wait for its clients, and these are pools that stay
    securityContext: { fsGroup: 65532 },
    containers: [container],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      { name: 'hba', configMap: { name: 'postgres-hba' } },
      // PostgreSQL takes a key that root owns only when others than its group cannot read it.
      { name: 'tls', secret: { secretName: CERTIFICATE, defaultMode: 0o640 } },
    ],
  };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec },
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: labels, ports: [{ port: 5432 }] } },
  ];
}
