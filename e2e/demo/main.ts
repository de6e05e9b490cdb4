/**
 * npm run demo: the main job on a real cluster, from nothing to a thousand clients on one PostgreSQL, with the figures
 * that it gave here and now.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { operatorImage } from '../cluster/images.ts';
import { changeLive } from './live-change.ts';
import { INTERVAL_MS, load } from './load.ts';
import { postgres } from './manifests.ts';
import { removeNamespace } from './namespace.ts';
import { installOperator, SYSTEM, uninstallOperator, wasInstalled } from './operator.ts';
import { note, step, total } from './output.ts';
import { averageWait, waitTotals } from './queue-wait.ts';
import { readReport, showReport } from './report.ts';
import { showResults } from './results.ts';
import { openTarget, type Target } from './target.ts';

const USAGE = `npm run demo [-- OPTIONS]
  --context NAME   a context of your kubeconfig, instead of the embedded cluster; its nodes must be able to pull the images
  --seconds N      how long the load runs (default 120)
  --clients N      how many clients (default 1000)
  --quick          300 clients for 20 seconds
  --keep           leave everything running, to look around`;

const NAMESPACE = 'poolkeeper-demo';
/** As many as any one replica can serve at once: the Service may send them all to the same. */
const BATCH_CLIENTS = 2;
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
  console.log(`Poolkeeper: ${clients} clients, one PostgreSQL with max_connections = 100`);
  const target = await step(
    values.context === undefined
      ? 'A Kubernetes cluster of its own on this machine (the first time builds it: about ten minutes)'
      : `The cluster of context ${values.context}`,
    () => openTarget(values.context, IMAGES),
  );
  const kubectl = (...args: readonly string[]): Promise<string> => target.kubectl(['-n', NAMESPACE, ...args]);
  const stays = await wasInstalled(target);
  try {
    await step('The operator, with Helm from charts/poolkeeper', () => installOperator(target));
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
    const [pooled, report] = await step(
      `${clients} clients through the Service, each a query every ${INTERVAL_MS / 1000} s, for ${seconds} s`,
      (report) =>
        Promise.all([
          load(target, NAMESPACE, { clients, seconds, batch: BATCH_CLIENTS }, 'pooled', report),
          // Near its end, when status has seen the clients.
          sleep(seconds * 850).then(() => readReport(target, NAMESPACE, 'app')),
        ]),
    );
    await step('What the operator said of it meanwhile', async () => showReport(report));
    const direct = await step(`The same ${clients} clients straight to PostgreSQL, for contrast`, (report) =>
      load(target, NAMESPACE, { clients, seconds: Math.min(seconds, 30), batch: 0 }, 'direct', report),
    );
    // The operator has looked at the pods since: the direct load came between.
    const after = await waitTotals(target, SYSTEM, NAMESPACE, 'app');
    showResults(pooled, direct, averageWait(before, after));
    await step('A pool size changed live: kubectl patch → proved on every replica', () =>
      changeLive(target, NAMESPACE),
    );
  } finally {
    await finish(target, stays);
  }
}

/** @param stays the operator was there before, and goes on with whatever poolers there are */
async function finish(target: Target, stays: boolean): Promise<void> {
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
    await removeNamespace(target, NAMESPACE);
    if (stays) note('the operator was there before, and stays');
    else await uninstallOperator(target);
    await target.remove();
  });
  console.log(
    `\nDone in ${total()}. What the demo made is gone, but for the cache. With --keep it stays, to look around.`,
  );
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
