/**
 * A thousand clients, each a query every 5 s, on one PostgreSQL with max_connections = 100: at rest, and while every
 * pod is replaced. What pooling adds is the difference to as many direct clients as the server takes at all.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadResult, load, mostOf } from '../demo/load.ts';
import { SYSTEM } from '../demo/operator.ts';
import { note, table } from '../demo/output.ts';
import { averageWait, waitTotals } from '../demo/queue-wait.ts';
import type { Target } from '../demo/target.ts';
import { type BenchOptions, NAMESPACE } from './installation.ts';

const CLIENTS = 1_000;
/** More than the batch budget lets run at once: the rest waits. */
const BATCH_CLIENTS = 16;
/** As many as get a direct connection beside the sampler. */
const DIRECT_CLIENTS = 90;
const SECONDS = 120;
/** Longer than the operator needs to look at the consoles again. */
const SETTLE_MS = 20_000;

export async function benchLoad(target: Target, { seconds = SECONDS }: BenchOptions): Promise<object> {
  const sample = await readFile('manifests/samples/high-concurrency.yaml', 'utf8');
  await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: sample });
  await target.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', 'cpool/app', '--timeout=120s']);
  const measure = async (title: string, way: 'pooled' | 'direct', clients: number): Promise<LoadResult> => {
    note(`${title}: ${clients} clients for ${seconds} s`);
    return load(
      target,
      NAMESPACE,
      { clients, seconds, batch: way === 'pooled' && clients === CLIENTS ? BATCH_CLIENTS : 0 },
      way,
      note,
    );
  };

  const direct = await measure('direct', 'direct', DIRECT_CLIENTS);
  const few = await measure('through Poolkeeper', 'pooled', DIRECT_CLIENTS);
  await sleep(SETTLE_MS);
  const before = await waitTotals(target, SYSTEM, NAMESPACE, 'app');
  const rest = await measure('through Poolkeeper', 'pooled', CLIENTS);
  await sleep(SETTLE_MS);
  const queueWaitMs = averageWait(before, await waitTotals(target, SYSTEM, NAMESPACE, 'app'));
  const [rollout, rolled] = await Promise.all([
    measure('through Poolkeeper, while every pod is replaced', 'pooled', CLIENTS),
    replaceAllPods(target, seconds / 4),
  ]);

  const columns = [direct, few, rest, rollout];
  const row = (title: string, pick: (result: LoadResult) => string | number): readonly (string | number)[] => [
    title,
    ...columns.map(pick),
  ];
  table([
    ['', 'direct', 'pooled', 'pooled', 'pooled, rollout'],
    row('clients', ({ stream }) => stream.clients),
    row('refused', ({ stream }) => stream.refused),
    row('queries', ({ stream }) => stream.queries),
    row('queries that failed', ({ stream }) => stream.failed),
    row('queries that had to reconnect', ({ stream }) => stream.reconnected),
    row('latency, mean', ({ stream }) => `${stream.latency.mean} ms`),
    row('latency, median', ({ stream }) => `${stream.latency.p50} ms`),
    row('latency, p95', ({ stream }) => `${stream.latency.p95} ms`),
    row('latency, longest', ({ stream }) => `${stream.latency.max} ms`),
    row('most server connections: stream', (result) => mostOf(result, 'stream')),
    row('most server connections: batch', (result) => mostOf(result, 'batch')),
    row('most server connections', ({ server }) => server.most),
  ]);
  note(
    `${rolled.pods} pods were replaced in ${rolled.seconds.toFixed(0)} s; waiting in a pool, mean: ${queueWaitMs.toFixed(2)} ms`,
  );
  return {
    bench: 'load',
    seconds,
    direct,
    few,
    rest,
    rollout,
    rolloutSeconds: Math.round(rolled.seconds),
    queueWaitMs: Math.round(queueWaitMs * 100) / 100,
    addedMs: {
      median: Math.round((few.stream.latency.p50 - direct.stream.latency.p50) * 100) / 100,
      p95: Math.round((rest.stream.latency.p95 - direct.stream.latency.p95) * 100) / 100,
    },
  };
}

/** Changes the pod template in nothing that matters, and waits until every old pod is gone, drained ones included. */
async function replaceAllPods(
  target: Target,
  afterSeconds: number,
): Promise<{ readonly seconds: number; readonly pods: number }> {
  const kubectl = (...args: readonly string[]): Promise<string> => target.kubectl(['-n', NAMESPACE, ...args]);
  const podUids = async (): Promise<readonly string[]> =>
    (
      await kubectl('get', 'pods', '-l', 'app.kubernetes.io/instance=app', '-o', 'jsonpath={.items[*].metadata.uid}')
    ).split(' ');
  await sleep(afterSeconds * 1000);
  const old = await podUids();
  const started = performance.now();
  const annotations = { round: String(Math.round(started)) };
  await kubectl(
    'patch',
    'cpool',
    'app',
    '--type=merge',
    '-p',
    JSON.stringify({ spec: { template: { metadata: { annotations } } } }),
  );
  for (;;) {
    const pods = await podUids();
    if (!pods.some((uid) => old.includes(uid))) break;
    await sleep(500);
  }
  await kubectl('wait', '--for=condition=Ready', 'cpool/app', '--timeout=120s');
  return { seconds: (performance.now() - started) / 1000, pods: old.length };
}
