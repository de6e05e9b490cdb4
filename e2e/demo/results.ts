/** The figures of the two loads beside each other. */
import { type LoadResult, mostOf } from './load.ts';
import { note, table } from './output.ts';

/** @param waitMs what a transaction waited in a pool on average */
export function showResults(pooled: LoadResult, direct: LoadResult, waitMs: number): void {
  console.log('\n   Results');
  const row = (title: string, pick: (result: LoadResult) => string | number): readonly (string | number)[] => [
    title,
    pick(pooled),
    pick(direct),
  ];
  table([
    ['', 'through Poolkeeper', 'direct'],
    row('clients that asked', ({ stream }) => stream.clients),
    row('clients refused', ({ stream }) => stream.refused),
    row('queries', ({ stream }) => stream.queries),
    row('queries that failed', ({ stream }) => stream.failed),
    row('latency, mean', ({ stream }) => `${stream.latency.mean} ms`),
    row('latency, median', ({ stream }) => `${stream.latency.p50} ms`),
    row('latency, p95', ({ stream }) => `${stream.latency.p95} ms`),
    row('latency, longest', ({ stream }) => `${stream.latency.max} ms`),
    row('of it, waiting in a pool, mean', (result) => (result === pooled ? `${waitMs.toFixed(2)} ms` : '')),
    row('most server connections: stream (budget 25)', (result) => mostOf(result, 'stream')),
    row('most server connections: batch (budget 12)', (result) => (result === pooled ? mostOf(result, 'batch') : '')),
    row('most server connections PostgreSQL ever saw (budget 37)', ({ server }) => server.most),
  ]);
  const [reason] = Object.keys(direct.stream.reasons);
  if (reason !== undefined) note(`the refused were told: ${reason}`);
}
