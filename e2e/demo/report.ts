/** What the operator reports of a pooler, as a user reads it: the columns of kubectl get, conditions, and pools. */
import type { PoolerStatus } from '../../operator/api/types.ts';
import { note, table } from './output.ts';
import type { Target } from './target.ts';

export interface Report {
  readonly columns: string;
  readonly status: PoolerStatus;
}

export async function readReport(target: Target, namespace: string, pooler: string): Promise<Report> {
  const get = (output: string): Promise<string> =>
    target.kubectl(['-n', namespace, 'get', 'cpool', pooler, '-o', output]);
  const [columns, json] = await Promise.all([get('wide'), get('json')]);
  return { columns, status: (JSON.parse(json) as { readonly status?: PoolerStatus }).status ?? {} };
}

export function showReport({ columns, status }: Report): void {
  note(columns);
  note('');
  for (const { type, status: is, reason, message } of status.conditions ?? [])
    note(`${type}=${is} (${reason}): ${message}`);
  note('');
  note('pools, all replicas summed:');
  table([
    ['pool', 'mode', 'clients', 'waiting', 'servers in use', 'idle', 'size', 'in use'],
    ...(status.pools ?? []).map((pool) => [
      `${pool.database}/${pool.user}`,
      pool.mode ?? '',
      pool.clientsActive ?? 0,
      pool.clientsWaiting ?? 0,
      pool.serversActive ?? 0,
      pool.serversIdle ?? 0,
      pool.poolSize ?? 0,
      `${pool.utilization ?? 0} %`,
    ]),
  ]);
}
