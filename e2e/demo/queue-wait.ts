/** How long clients waited for a server connection, as PgBouncer itself counts it, read from the operator's metrics. */
import type { Target } from './target.ts';

/** Totals since the pods started; the difference of two is what happened between them. */
export interface WaitTotals {
  readonly seconds: number;
  readonly transactions: number;
}

/** As of the operator's last look at the pods, which is at most its observe interval (15 s) ago. */
export async function waitTotals(
  target: Pick<Target, 'kubectl'>,
  system: string,
  namespace: string,
  database: string,
): Promise<WaitTotals> {
  const pod = await target.kubectl(
    ['-n', system, 'get', 'pods', '-l', 'app.kubernetes.io/name=poolkeeper', '-o', 'jsonpath={.items[0].metadata.name}'],
  ); // biome-ignore format: one command
  const metrics = await target.kubectl(['get', '--raw', `/api/v1/namespaces/${system}/pods/${pod}:8080/proxy/metrics`]);
  const sum = (name: string): number =>
    metrics
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`))
      .filter((line) => line.includes(`namespace="${namespace}"`) && line.includes(`database="${database}"`))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  return {
    seconds: sum('pgbouncer_stats_totals_client_wait_seconds_total'),
    transactions: sum('pgbouncer_stats_totals_sql_transactions_pooled_total'),
  };
}

/** Milliseconds that a transaction waited on average between the two. */
export function averageWait(before: WaitTotals, after: WaitTotals): number {
  const transactions = after.transactions - before.transactions;
  return transactions === 0 ? 0 : (1000 * (after.seconds - before.seconds)) / transactions;
}
