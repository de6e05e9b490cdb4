/**
 * Looks at pg_stat_activity ten times a second and keeps the most connections ever seen, by application. Runs in a pod
 * with a connection of its own, which it does not count; the last line it prints is its result as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

export interface SamplerResult {
  readonly samples: number;
  /** All client backends but the sampler's own. */
  readonly most: number;
  /** By application_name: what PgBouncer passes on of its clients. Connections that just log in have none. */
  readonly mostByApplication: Readonly<Record<string, number>>;
}

const client = new Client({
  host: process.env['PGHOST'],
  port: Number(process.env['PGPORT']),
  database: 'app',
  user: 'app',
  application_name: 'sampler',
});
await client.connect();
const deadline = performance.now() + Number(process.env['SECONDS']) * 1000;
const mostByApplication: Record<string, number> = {};
let most = 0;
let samples = 0;
while (performance.now() < deadline) {
  const begun = performance.now();
  const { rows } = await client.query<{ application_name: string; n: number }>(
    `SELECT application_name, count(*)::int AS n FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1`,
  );
  samples += 1;
  most = Math.max(
    most,
    rows.reduce((sum, row) => sum + row.n, 0),
  );
  for (const row of rows)
    mostByApplication[row.application_name] = Math.max(mostByApplication[row.application_name] ?? 0, row.n);
  await sleep(Math.max(0, 100 - (performance.now() - begun)));
}
await client.end();
const result: SamplerResult = { samples, most, mostByApplication };
console.log(JSON.stringify(result));
