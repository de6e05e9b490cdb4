/**
 * Real clients in a pod, as applications are: they find the pooler by the Service's name, read the variables of libpq,
 * and say what they saw (e2e/cluster/images/clients). For every promise that wants to know what a library makes of it.
 */
import assert from 'node:assert/strict';
import type { ClientReport } from '../../cluster/images/clients/report.ts';
import { clientsImage } from '../../cluster/images.ts';
import type { World } from './world.ts';

/** How each client is started in the image. */
const COMMANDS = {
  psql: ['sh', 'psql.sh'],
  'node-postgres': ['node', 'node-postgres.mjs'],
  asyncpg: ['python3', 'asyncpg_client.py'],
  sqlalchemy: ['python3', 'sqlalchemy_client.py'],
  prisma: ['node', 'prisma.mjs'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ApplicationClient = keyof typeof COMMANDS;
export const APPLICATION_CLIENTS = Object.keys(COMMANDS) as readonly ApplicationClient[];

/** What an application is given in its environment. */
export interface Target {
  readonly host: string;
  readonly port?: number;
  readonly database: string;
  readonly user: string;
  /** Default: none, for `trust` and client certificates. */
  readonly password?: string;
  /** `unnamed`: no statement keeps a name beyond its transaction, as PgBouncer before 1.21 needs it. Default `named`. */
  readonly prepared?: 'named' | 'unnamed';
  /** libpq's PGSSLMODE, default disable. The pod has the files of its Secret in {@link CERTIFICATES}. */
  readonly tls?: {
    readonly mode: 'require' | 'verify-ca' | 'verify-full';
    /** Shows the certificate of the pod's Secret. */
    readonly certificate?: boolean;
  };
}

/** Connections at once of each client, and what each of them does. */
export const CONNECTIONS = 8;
const ROUNDS = 5;

const POD = 'applications';
const CERTIFICATES = '/etc/client-tls';

/** Starts the pod that they run in. @param certificates Secret with `ca.crt`, `tls.crt` and `tls.key` of the application */
export async function startApplications(world: World, certificates: string): Promise<void> {
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  };
  await world.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: POD },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'applications',
          image: clientsImage,
          command: ['sleep', 'infinity'],
          securityContext,
          volumeMounts: [
            { name: 'tls', mountPath: CERTIFICATES },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        // libpq takes a key that root owns only when others than its group cannot read it.
        { name: 'tls', secret: { secretName: certificates, defaultMode: 0o640 } },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  });
  await world.kubectl('wait', '--for=condition=Ready', `pod/${POD}`, '--timeout=300s');
}

/** Runs one client to its end. @throws CommandFailed with what it printed */
export async function runApplication(world: World, client: ApplicationClient, target: Target): Promise<ClientReport> {
  const { host, port = 6432, database, user, password, prepared = 'named', tls } = target;
  const environment: Readonly<Record<string, string | number>> = {
    PGHOST: host,
    PGPORT: port,
    PGDATABASE: database,
    PGUSER: user,
    ...(password === undefined ? {} : { PGPASSWORD: password }),
    PGSSLMODE: tls?.mode ?? 'disable',
    ...(tls?.mode.startsWith('verify') ? { PGSSLROOTCERT: `${CERTIFICATES}/ca.crt` } : {}),
    ...(tls?.certificate ? { PGSSLCERT: `${CERTIFICATES}/tls.crt`, PGSSLKEY: `${CERTIFICATES}/tls.key` } : {}),
    PREPARED: prepared,
    CONNECTIONS,
    ROUNDS,
  };
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  const output = await world.kubectl('exec', POD, '--', 'env', ...variables, ...COMMANDS[client]);
  return JSON.parse(output.split('\n').at(-1) ?? '') as ClientReport;
}

/** What is true of every report, whatever the client and the way it came in. */
export function assertServed(report: ClientReport, target: Target, postgres: string): void {
  const { client, library, serverVersion, tls, prepared, ...rest } = report;
  const executions = CONNECTIONS * ROUNDS;
  assert.ok(client !== '' && library !== '');
  assert.equal(serverVersion.split('.')[0], postgres, 'the version of the server');
  assert.match(String(tls), target.tls === undefined ? /^null$/ : /^TLSv1\.[23]$/, 'TLS as the client sees it');
  assert.deepEqual({ executions: prepared.executions, wrong: prepared.wrong }, { executions, wrong: 0 });
  assert.deepEqual(rest, {
    serverTls: true, // `prefer` at the least, and the server has it
    user: target.user,
    // What clients ask for is the pooler's name; the server knows its own.
    database: 'app',
    transaction: { inside: 2, afterRollback: 0, afterCommit: 1, backends: 1 },
    failure: { sqlstate: '22012', inside: '22012', afterwards: 1 },
    concurrent: { transactions: executions, rows: executions },
  });
}
