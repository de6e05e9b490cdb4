/** A running load: pgbench's own transactions through a pooler, until it is stopped; what failed is counted from its words. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { postgresPrograms } from '../../console/testing/real-postgres.ts';

export interface Load {
  /** Transactions so far. */
  transactions(): number;
  /** Ends it; @returns what it complained about */
  stop(): Promise<{ readonly transactions: number; readonly complaints: readonly string[] }>;
}

export interface LoadOptions {
  readonly host: string;
  readonly port?: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly clients?: number;
  /** A login for each transaction. */
  readonly reconnect?: boolean;
  /** Transactions a second; none: as many as there can be. */
  readonly rate?: number;
}

export async function startLoad(options: LoadOptions): Promise<Load> {
  const { host, port = 6432, user, password, database, clients = 2, reconnect = false, rate } = options;
  const program = join(await postgresPrograms(), 'pgbench');
  const child = spawn(
    program,
    [
      ...['-h', host, '-p', String(port), '-U', user, '-n', '-N', '-c', String(clients), '-T', '3600'],
      ...['--progress=1', '--max-tries=1', ...(reconnect ? ['-C'] : []), ...(rate ? ['-R', String(rate)] : [])],
      database,
    ],
    { env: { ...process.env, PGPASSWORD: password }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  const lines = (): readonly string[] => Buffer.concat(said).toString().split('\n');
  // `progress: 3.0 s, 812.0 tps, lat 2.4 ms stddev 1.2, 0 failed`
  const transactions = (): number =>
    lines().reduce((sum, line) => sum + Math.round(Number(/^progress: .* ([0-9.]+) tps/.exec(line)?.[1] ?? 0)), 0);
  const complaints = (): readonly string[] => [
    ...lines().filter((line) => /error|fatal|aborted|could not/i.test(line)),
    ...lines().filter((line) => /^progress/.test(line) && !/, 0 failed/.test(line)),
    ...(child.exitCode === null ? [] : [`pgbench ended with ${child.exitCode}`]),
  ];
  return {
    transactions,
    stop: async () => {
      const result = { transactions: transactions(), complaints: complaints() };
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      return result;
    },
  };
}
