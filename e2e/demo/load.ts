/** The load of the demo: many clients that ask now and then, and a look at PostgreSQL ten times a second meanwhile. */
import type { ClientsResult } from './clients.ts';
import { installLoadPrograms, startJob } from './jobs.ts';
import type { SamplerResult } from './sampler.ts';
import type { Target } from './target.ts';

export const INTERVAL_MS = 5_000;
/** A batch job keeps its connection for so long. */
const BATCH_JOB_SECONDS = 10;

export interface LoadSize {
  readonly clients: number;
  readonly seconds: number;
  /** How many batch jobs run beside them, one after another each, through Poolkeeper only. */
  readonly batch: number;
}

export interface LoadResult {
  readonly stream: ClientsResult;
  readonly batch: ClientsResult | undefined;
  readonly server: SamplerResult;
}

/** @param way through the pooler `app`, or straight to PostgreSQL */
export async function load(
  target: Target,
  namespace: string,
  { clients, seconds, batch }: LoadSize,
  way: 'pooled' | 'direct',
  report: (line: string) => void,
): Promise<LoadResult> {
  await installLoadPrograms(target, namespace);
  const host = way === 'pooled' ? { PGHOST: 'app', PGPORT: 6432 } : { PGHOST: 'postgres', PGPORT: 5432 };
  const common = { ...host, SECONDS: seconds, INTERVAL_MS };
  const start = (name: string, program: 'clients' | 'sampler', env: Readonly<Record<string, string | number>>) =>
    startJob(target, namespace, { name: `${way}-${name}`, program, env }, name === 'stream' ? report : () => undefined);

  const sampler = await start('sampler', 'sampler', { PGHOST: 'postgres', PGPORT: 5432, SECONDS: seconds + 5 });
  const jobs =
    batch > 0
      ? await start('batch', 'clients', {
          ...common,
          PGDATABASE: 'app_batch',
          APPLICATION_NAME: 'batch',
          CLIENTS: batch,
          SESSION_SECONDS: BATCH_JOB_SECONDS,
          RAMP_SECONDS: 1,
        })
      : undefined;
  const stream = await start('stream', 'clients', {
    ...common,
    PGDATABASE: 'app',
    APPLICATION_NAME: 'stream',
    CLIENTS: clients,
    RAMP_SECONDS: Math.min(20, seconds / 4),
  });
  return {
    stream: await stream.result<ClientsResult>(),
    batch: await jobs?.result<ClientsResult>(),
    server: await sampler.result<SamplerResult>(),
  };
}

/** The most server connections that were ever seen of an application at once. */
export const mostOf = ({ server }: LoadResult, application: 'stream' | 'batch'): number =>
  server.mostByApplication[application] ?? 0;
