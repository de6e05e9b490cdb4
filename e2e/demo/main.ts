/**
 * npm run demo: the main job on a real cluster, from nothing to a thousand clients on one PostgreSQL, with the figures
 * that it gave here and now.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { operatorImage } from '../cluster/images.ts';
import { timeChange } from './change.ts';
import { INTERVAL_MS, type LoadResult, load, mostOf } from './load.ts';
import { postgres } from './manifests.ts';
import { note, step, table, total } from './output.ts';
import { averageWait, type WaitTotals, waitTotals } from './queue-wait.ts';
import { openTarget, type Target } from './target.ts';

const USAGE = `npm run demo [-- OPTIONS]
  --context NAME   a context of your kubeconfig, instead of the embedded cluster; its nodes must be able to pull the images
  --seconds N      how long the load runs (default 120)
  --clients N      how many clients (default 1000)
  --quick          300 clients for 20 seconds
  --keep           leave everything running, to look around`;

const NAMESPACE = 'poolkeeper-demo';
const SYSTEM = 'poolkeeper-system';
const IMAGES = ['ghcr.io/poolkeeper/pgbouncer:1.26.1', 'localhost/postgres:18', operatorImage];

const { values } = parseArgs({
  options: {
    context: { type: 'string' },
    seconds: { type: 'string' },
    clients: { type: 'string' },
    quick: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function demo(seconds: number, clients: number): Promise<void> {
  console.log('Poolkeeper: a thousand clients, one PostgreSQL with max_connections = 100');
  const target = await step(
    values.context === undefined
      ? 'A Kubernetes cluster of its own on this machine (the first time builds it: about ten minutes)'
      : `The cluster of context ${values.context}`,
    () => openTarget(values.context, IMAGES),
  );
  const kubectl = (...args: readonly string[]): Promise<string> => target.kubectl(['-n', NAMESPACE, ...args]);
  try {
    await step('The operator, with Helm from charts/poolkeeper', async () => {
      await target.helm([
        'upgrade',
        '--install',
        'poolkeeper',
        'charts/poolkeeper',
        '-n',
        SYSTEM,
        '--create-namespace',
        '--wait',
        '--timeout',
        '2m',
      ]);
    });
    await step('PostgreSQL 18 with max_connections = 100', async () => {
      await target.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/warn': 'restricted' } },
        }),
      });
      await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: postgres(target.postgresImage) });
      await kubectl('rollout', 'status', 'deployment/postgres', '--timeout=120s');
    });
    await step(
      'kubectl apply -f manifests/samples/high-concurrency.yaml: 3 replicas, a stream and a batch name',
      async () => {
        const sample = await readFile('manifests/samples/high-concurrency.yaml', 'utf8');
        const applied = performance.now();
        await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: sample });
        await kubectl('wait', '--for=condition=Ready', 'cpool/app', '--timeout=120s');
        note(`apply → Ready, all replicas proved: ${((performance.now() - applied) / 1000).toFixed(1)} s`);
        note(await kubectl('get', 'cpool'));
      },
    );

    const before = await waitTotals(target, SYSTEM, NAMESPACE, 'app');
    const pooled = await step(
      `${clients} clients through the Service, each a query every ${INTERVAL_MS / 1000} s, for ${seconds} s`,
      (report) => load(target, NAMESPACE, { clients, seconds, batch: true }, 'pooled', report),
    );
    await step('What the operator says of it', async () => {
      note(await kubectl('get', 'cpool', 'app', '-o', 'wide'));
      note('');
      note(await kubectl('get', 'cpool', 'app', '-o', `jsonpath=${CONDITIONS}`));
      note('pools in status, all replicas summed:');
      const pools = JSON.parse(
        await kubectl('get', 'cpool', 'app', '-o', 'jsonpath={.status.pools}'),
      ) as readonly PoolStatus[];
      table([
        ['pool', 'mode', 'clients', 'waiting', 'servers in use', 'idle', 'size', 'in use'],
        ...pools.map((pool) => [
          `${pool.database}/${pool.user}`,
          pool.mode,
          pool.clientsActive,
          pool.clientsWaiting,
          pool.serversActive,
          pool.serversIdle,
          pool.poolSize,
          `${pool.utilization} %`,
        ]),
      ]);
    });
    const direct = await step(`The same ${clients} clients straight to PostgreSQL, for contrast`, (report) =>
      load(target, NAMESPACE, { clients, seconds: Math.min(seconds, 30), batch: false }, 'direct', report),
    );
    // The operator has looked at the pods since: the direct load came between.
    showResults(pooled, direct, { before, after: await waitTotals(target, SYSTEM, NAMESPACE, 'app') });

    await step('A pool size changed live: kubectl patch → proved on every replica', async () => {
      const rows: (readonly (string | number)[])[] = [['app: poolSize', 'proved on all replicas after']];
      for (const poolSize of [3, 5, 4]) {
        const change = await timeChange(target, NAMESPACE, 'app', {
          databases: [
            { name: 'app', dbname: 'app', poolMode: 'transaction', connectionBudget: 25, poolSize },
            {
              name: 'app_batch',
              dbname: 'app',
              poolMode: 'session',
              connectionBudget: 12,
              maxClientConnections: 100,
              serverLifetime: '2h',
            },
          ],
        });
        rows.push([poolSize, `${Math.round(change.milliseconds)} ms`]);
      }
      table(rows);
      note('No connection was dropped: PgBouncer was reloaded, one replica first, and each was asked what it runs.');
    });
  } finally {
    await finish(target);
  }
}

interface PoolStatus {
  readonly database: string;
  readonly user: string;
  readonly mode: string;
  readonly clientsActive: number;
  readonly clientsWaiting: number;
  readonly serversActive: number;
  readonly serversIdle: number;
  readonly poolSize: number;
  readonly utilization: number;
}

const CONDITIONS = '{range .status.conditions[*]}{.type}={.status} ({.reason}): {.message}{"\\n"}{end}';

function showResults(
  pooled: LoadResult,
  direct: LoadResult,
  wait: { readonly before: WaitTotals; readonly after: WaitTotals },
): void {
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
    row('of it, waiting in a pool, mean', (result) =>
      result === pooled ? `${averageWait(wait.before, wait.after).toFixed(2)} ms` : '',
    ),
    row('most server connections: stream (budget 25)', (result) => mostOf(result, 'stream')),
    row('most server connections: batch (budget 12)', (result) =>
      result.batch === undefined ? '' : mostOf(result, 'batch'),
    ),
    row('most server connections PostgreSQL ever saw (budget 37)', ({ server }) => server.most),
  ]);
  const [reason] = Object.keys(direct.stream.reasons);
  if (reason !== undefined) note(`the refused were told: ${reason}`);
}

async function finish(target: Target): Promise<void> {
  if (values.keep) {
    console.log(`\nEverything keeps running (${total()} so far). Look around:`);
    note(`${target.kubectlCommand} -n ${NAMESPACE} get cpool,pods,events`);
    note(`${target.kubectlCommand} -n ${NAMESPACE} describe cpool app`);
    note(`${target.kubectlCommand} -n ${SYSTEM} logs deployment/poolkeeper`);
    note('npm run -s pooler -- render -f manifests/samples/high-concurrency.yaml');
    console.log('\nRemove it:');
    note(
      values.context === undefined
        ? 'npm run cluster -- down'
        : `${target.kubectlCommand} delete namespace ${NAMESPACE} ${SYSTEM}; ${target.kubectlCommand} delete crd connectionpoolers.poolkeeper.dev`,
    );
    return;
  }
  await step('Cleaning up', async () => {
    await target.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=120s']);
    await target.helm(['uninstall', 'poolkeeper', '-n', SYSTEM, '--wait', '--ignore-not-found']);
    await target.kubectl(['delete', 'crd', 'connectionpoolers.poolkeeper.dev', '--ignore-not-found']);
    await target.kubectl(['delete', 'namespace', SYSTEM, '--ignore-not-found', '--timeout=120s']);
    await target.remove();
  });
  console.log(`\nDone in ${total()}. Nothing is left but the cache. With --keep everything stays, to look around.`);
}

if (values.help) console.log(USAGE);
else {
  try {
    await demo(
      Number(values.seconds ?? (values.quick ? 20 : 120)),
      Number(values.clients ?? (values.quick ? 300 : 1000)),
    );
  } catch (error) {
    console.error(`\nThe demo ended: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
