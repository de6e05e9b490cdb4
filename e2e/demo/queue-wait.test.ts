import assert from 'node:assert/strict';
import { test } from 'node:test';
import { averageWait, waitTotals } from './queue-wait.ts';
import type { Target } from './target.ts';

const METRICS = `# TYPE pgbouncer_stats_totals_client_wait_seconds_total counter
pgbouncer_stats_totals_client_wait_seconds_total{namespace="n",pooler="app",pod="a",database="app"} 1.5
pgbouncer_stats_totals_client_wait_seconds_total{namespace="n",pooler="app",pod="b",database="app"} 0.5
pgbouncer_stats_totals_client_wait_seconds_total{namespace="n",pooler="app",pod="b",database="app_batch"} 100
pgbouncer_stats_totals_client_wait_seconds_total{namespace="other",pooler="app",pod="c",database="app"} 100
pgbouncer_stats_totals_sql_transactions_pooled_total{namespace="n",pooler="app",pod="a",database="app"} 400
`;

test('the totals of all pods of one database in one namespace are added up', async () => {
  const target: Pick<Target, 'kubectl'> = {
    kubectl: async (args) => (args.includes('--raw') ? METRICS : 'operator-1'),
  };
  assert.deepEqual(await waitTotals(target, 'system', 'n', 'app'), { seconds: 2, transactions: 400 });
});

test('the average wait is that of the transactions in between, and none waited when there were none', () => {
  assert.equal(averageWait({ seconds: 1, transactions: 100 }, { seconds: 2, transactions: 600 }), 2);
  assert.equal(averageWait({ seconds: 1, transactions: 100 }, { seconds: 1, transactions: 100 }), 0);
});
