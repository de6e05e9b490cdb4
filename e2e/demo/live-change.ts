/** Pool sizes changed under the eyes of clients: how long until every replica had proved them, and what clients saw. */
import { openChanges } from './change.ts';
import type { ClientsResult } from './clients.ts';
import { startJob } from './jobs.ts';
import { note, table } from './output.ts';
import type { Target } from './target.ts';

const SIZES = [3, 5, 4];
const CLIENTS = 50;
const SECONDS = 15;

interface Named {
  readonly name: string;
}

export async function changeLive(target: Target, namespace: string): Promise<void> {
  const stored = await target.kubectl(['-n', namespace, 'get', 'cpool', 'app', '-o', 'jsonpath={.spec.databases}']);
  const databases = JSON.parse(stored) as readonly Named[];
  const job = await startJob(
    target,
    namespace,
    {
      name: 'change-stream',
      program: 'clients',
      env: {
        ...{ PGHOST: 'app', PGPORT: 6432, PGDATABASE: 'app', APPLICATION_NAME: 'change' },
        ...{ CLIENTS, SECONDS, INTERVAL_MS: 200, RAMP_SECONDS: 1 },
      },
    },
    () => undefined,
  );
  await target.kubectl(['-n', namespace, 'wait', '--for=condition=Ready', 'pod', '-l', 'job-name=change-stream']);
  await using changes = await openChanges(target, namespace, 'app');
  const rows: (readonly (string | number)[])[] = [['poolSize of app', 'proved on all replicas after']];
  for (const poolSize of SIZES) {
    const change = await changes.time({
      databases: databases.map((database) => (database.name === 'app' ? { ...database, poolSize } : database)),
    });
    rows.push([poolSize, `${Math.round(change.milliseconds)} ms`]);
  }
  table(rows);
  const { queries, failed, reconnected } = await job.result<ClientsResult>();
  note(
    `${CLIENTS} clients asked ${queries} queries meanwhile: ${failed} failed, ${reconnected} found their connection closed.`,
  );
  note('PgBouncer was reloaded, one replica first, and each was asked what it runs.');
}
