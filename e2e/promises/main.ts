/**
 * Runs the promises: brings the cluster up, installs the operator with Helm, and starts the tests inside the cluster's
 * network namespace. With names it runs those files only: `node e2e/promises/main.ts changes`.
 */
import { buildProgram } from '../cluster/build.ts';
import { connect, down, up } from '../cluster/cluster.ts';
import { helmEnvironment } from '../cluster/helm.ts';
import { clientsImage, operatorImage } from '../cluster/images.ts';
import { ensureInstalled } from '../cluster/machine.ts';
import { runAttached } from '../cluster/run.ts';

const SYSTEM = 'poolkeeper-system';
const wasUp = await connect().then(
  () => true,
  () => false,
);
await ensureInstalled([{ program: 'promtool', package: 'prometheus' }]); // inside, there is no way to get it
await up({
  images: [
    'ghcr.io/poolkeeper/pgbouncer:1.26.1',
    'ghcr.io/poolkeeper/pgbouncer:1.24.1',
    'ghcr.io/poolkeeper/pgbouncer:1.18.0',
    'localhost/postgres:18',
    'localhost/postgres:15',
    clientsImage,
    operatorImage,
  ],
});
const cluster = await connect();
await cluster.loadImage(operatorImage);
const helm = await buildProgram('helm');
const install = [
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
  '--set',
  'config.observeInterval=3s',
];
await cluster.exec(helm, install, { environment: helmEnvironment() });
// The image's tag does not change with its content.
await cluster.kubectl(['-n', SYSTEM, 'rollout', 'restart', 'deployment/poolkeeper']);
await cluster.kubectl(['-n', SYSTEM, 'rollout', 'status', 'deployment/poolkeeper', '--timeout=120s']);

const names = process.argv.slice(2);
const globs =
  names.length === 0
    ? ['e2e/promises/!(operator).promise.ts', '--', 'e2e/promises/operator.promise.ts'] // it kills what the others need
    : names.map((name) => `e2e/promises/${name}.promise.ts`);
const [command, args] = cluster.enter(process.execPath, ['tools/run-tests.ts', ...globs]);
process.exitCode = await runAttached(command, args, { KUBECONFIG: cluster.kubeconfig });
if (!wasUp) await down();
