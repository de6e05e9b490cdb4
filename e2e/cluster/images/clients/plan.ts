/** What the environment asks of the Node.js clients; the others read the same variables. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { PoolConfig } from 'pg';

const read = (variable: string): string | undefined => {
  const file = process.env[variable];
  return file ? readFileSync(file, 'utf8') : undefined;
};

/** Connections at once, and what each of them does. */
export const connections = Number(process.env['CONNECTIONS'] ?? 8);
export const rounds = Number(process.env['ROUNDS'] ?? 5);

/** Whether statements are prepared under a name that outlives the transaction. */
export const named = process.env['PREPARED'] !== 'unnamed';

/** Tells this run's rows from all others. */
export const run = randomUUID();

/** node-postgres reads PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE itself; libpq's variables for TLS it does not. */
export const poolConfig: PoolConfig = { max: connections, connectionTimeoutMillis: 20_000, ...tls() };

function tls(): PoolConfig {
  const mode = process.env['PGSSLMODE'] ?? 'disable';
  if (mode === 'disable') return {};
  const ca = read('PGSSLROOTCERT');
  const cert = read('PGSSLCERT');
  const key = read('PGSSLKEY');
  return {
    ssl: {
      rejectUnauthorized: mode.startsWith('verify'),
      ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
  };
}

/** Runs `work` once for each connection, all at the same time. */
export const onEach = <T>(work: (number: number) => Promise<T>): Promise<readonly T[]> =>
  Promise.all(Array.from({ length: connections }, (_, number) => work(number)));
