// The embedded cluster: Kubernetes from source on one node, in a network namespace with no way out. `up` can be called
// at any time: it starts, repairs, or finds it running; a start that was killed half-way is swept and begun again.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { buildProgram } from './build.ts';
import { startControlPlane } from './control-plane.ts';
import { startDns } from './dns.ts';
import { corednsImage, makeImage } from './images.ts';
import { loadIntoNode } from './loaded-images.ts';
import { withLock } from './lock.ts';
import { controlPlaneTools, ensureInstalled, imageTools, nodeTools, requireRoot } from './machine.ts';
import { unmountBelow } from './mounts.ts';
import { createNetwork, networkOf, removeNetwork, serviceCidr } from './network.ts';
import { ctr, joinControlPlane, nodeName, removeNode, startContainerd } from './node.ts';
import { sandboxImage } from './node-configuration.ts';
import { cacheDirectory, stateDirectory } from './paths.ts';
import { type Daemon, readDaemon } from './processes.ts';
import { say, step } from './progress.ts';
import { repair } from './repair.ts';
import { type RunOptions, run } from './run.ts';

/** What a finished start leaves for other processes. */
interface Recorded {
  /** The binary that it runs; another one means that the cluster is out of date. */
  readonly kubernetes: string;
  readonly kubeconfig: string;
}

/** A running cluster, seen from any process on the machine. */
export interface Cluster {
  /** The program that runs it; `kubectl` is in it. */
  readonly kubernetes: string;
  /** Of an administrator; the address in it is reachable inside the namespace only. */
  readonly kubeconfig: string;
  /** For `nsenter --net=PATH`. */
  readonly networkNamespace: string;
  /** JSON lines (audit.k8s.io/v1 Event, metadata level): who wrote what. */
  readonly auditLog: string;
  /** The command line that runs a program inside the namespace, for use with spawn. */
  enter(command: string, args: readonly string[]): readonly [command: string, args: readonly string[]];
  /** Runs a program inside the namespace, KUBECONFIG set, to its end; gives its standard output. */
  exec(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Standard output of kubectl. */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Builds the image when its sources changed, and gives it to the node when it has another one of that name. */
  loadImage(reference: string): Promise<void>;
  /** The cluster's processes by name (kube-apiserver, kubelet, ...), for tests that stop them. */
  daemon(name: DaemonName): Promise<Daemon>;
}

const controlPlaneDaemons = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;
const nodeDaemons = ['namespaces', 'containerd', 'kubelet', 'kube-proxy'] as const;
export type DaemonName = (typeof controlPlaneDaemons)[number] | (typeof nodeDaemons)[number];

/** One part of the cluster and whether it runs. */
export interface DaemonStatus {
  readonly name: DaemonName;
  readonly pid: number | undefined;
}

/** What the images of poolers, their databases and the operator are loaded as by a plain `up`. */
export const defaultImages: readonly string[] = ['ghcr.io/poolkeeper/pgbouncer:1.26.1', 'localhost/postgres:18'];

const systemImages = [sandboxImage, corednsImage];
const node = 1;
const network = networkOf(node);

/** Starts the cluster, or repairs it, or finds it running; then loads `images`. Progress goes to standard error. */
export async function up({ images = defaultImages }: { readonly images?: readonly string[] } = {}): Promise<Cluster> {
  requireRoot('a node needs network and mount namespaces; run it with sudo');
  await ensureInstalled([...controlPlaneTools, ...nodeTools, ...imageTools]);
  return exclusively(async () => {
    // The machine's cores are few: the network is what these wait for, so they overlap well.
    await Promise.all([
      buildProgram('kubernetes'),
      buildProgram('coredns').then(buildSystemImages),
      ...images.map(makeImage),
    ]);
    if (!(await isRunning())) {
      if (await readRecord()) say('the cluster is not whole: starting it afresh');
      await remove();
      await step('starting the cluster', (report) => start(images, report));
    }
    const cluster = await connect();
    for (const image of images) await cluster.loadImage(image);
    return cluster;
  });
}

/** Ends the cluster and removes all that it left on the machine; the cache stays. Fine when there is none. */
export async function down(): Promise<void> {
  requireRoot('the cluster was started as root; run it with sudo');
  await exclusively(remove);
}

/** The running cluster; throws with the way out when there is none. */
export async function connect(): Promise<Cluster> {
  requireRoot('entering the cluster needs root; run it with sudo');
  const recorded = await readRecord();
  if (recorded === undefined) {
    throw new Error('the embedded cluster is not running; start it with: npm run cluster -- up');
  }
  return clusterOf(recorded);
}

/** Each part of the cluster and its process, if it lives. */
export async function status(): Promise<readonly DaemonStatus[]> {
  return Promise.all(
    [...controlPlaneDaemons, ...nodeDaemons].map(async (name) => {
      const daemon = await readDaemon(directoryOf(name), name);
      return { name, pid: daemon?.alive() ? daemon.pid() : undefined };
    }),
  );
}

async function buildSystemImages(): Promise<void> {
  for (const image of systemImages) await makeImage(image);
}

async function start(images: readonly string[], report: (detail: string) => void): Promise<void> {
  const directory = stateDirectory(nodeName(node));
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await createNetwork(network);
  const options = { number: node, directory, network };
  await startContainerd(options);
  // Loading waits for the disk and the control plane for the processors.
  const loading = Promise.all([...systemImages, ...images].map(load));
  loading.catch(() => {}); // awaited below; until then a failure of the control plane may come first
  report('control plane');
  const controlPlane = await startControlPlane({
    directory: stateDirectory('control-plane'),
    address: network.address,
    port: 6443,
    networkNamespace: network.path,
    serviceCidr,
    controllers: ['*'],
    scheduler: true,
    detached: true,
    auditLog: stateDirectory('control-plane', 'audit.log'),
  });
  report('node');
  await joinControlPlane(options, controlPlane);
  report('images');
  await loading;
  report('DNS');
  await startDns(controlPlane);
  await record({ kubernetes: await buildProgram('kubernetes'), kubeconfig: controlPlane.kubeconfig });
}

/** The last act of a start: what is written here is whole. */
async function record(recorded: Recorded): Promise<void> {
  const file = stateDirectory('cluster.json');
  await writeFile(`${file}.partial`, JSON.stringify(recorded));
  await rename(`${file}.partial`, file);
}

async function readRecord(): Promise<Recorded | undefined> {
  try {
    return JSON.parse(await readFile(stateDirectory('cluster.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether the cluster serves; daemons that died alone are started again first. */
async function isRunning(): Promise<boolean> {
  const recorded = await readRecord();
  if (recorded === undefined || recorded.kubernetes !== (await buildProgram('kubernetes'))) return false;
  const parts = await status();
  if (parts.some((part) => part.name === 'namespaces' && part.pid === undefined)) return false;
  const cluster = clusterOf(recorded);
  const holds = (work: Promise<unknown>): Promise<boolean> => work.then(() => true, () => false); // biome-ignore format: one thought
  const raw = (path: string) => () => holds(cluster.kubectl(['get', '--raw', path, '--request-timeout=2s']));
  const answers: Partial<Record<DaemonName, () => Promise<boolean>>> = {
    'kube-apiserver': raw('/readyz'),
    containerd: () => holds(ctr(stateDirectory(nodeName(node)), ['version'])),
    kubelet: raw(`/api/v1/nodes/${nodeName(node)}/proxy/healthz`),
  };
  const whole = await repair(
    await Promise.all(
      parts.map(async ({ name }) => {
        const answer = answers[name];
        return { daemon: await cluster.daemon(name), ...(answer ? { answers: answer } : {}) };
      }),
    ),
  );
  if (!whole) return false;
  const ready = cluster
    .kubectl(['wait', '--for=condition=Ready', `node/${nodeName(node)}`, '--timeout=60s'])
    .then(() => cluster.kubectl(['-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=60s']));
  return holds(ready);
}

function clusterOf({ kubernetes, kubeconfig }: Recorded): Cluster {
  const enter: Cluster['enter'] = (command, args) => ['nsenter', [`--net=${network.path}`, command, ...args]];
  const exec: Cluster['exec'] = (command, args, options = {}) => {
    const environment = { KUBECONFIG: kubeconfig, ...options.environment };
    return run(...enter(command, args), { ...options, environment });
  };
  return {
    kubernetes,
    kubeconfig,
    networkNamespace: network.path,
    auditLog: stateDirectory('control-plane', 'audit.log'),
    enter,
    exec,
    kubectl: (args, options) => exec(kubernetes, ['kubectl', ...args], options),
    loadImage: load,
    daemon: async (name) => {
      const daemon = await readDaemon(directoryOf(name), name);
      if (daemon === undefined) throw new Error(`${name} was never started`);
      return daemon;
    },
  };
}

async function load(reference: string): Promise<void> {
  await loadIntoNode(stateDirectory(nodeName(node)), reference, await makeImage(reference));
}

/** Ends and removes everything, in an order that leaves nobody to start things again. */
async function remove(): Promise<void> {
  await removeNode(stateDirectory(nodeName(node)), node);
  for (const name of controlPlaneDaemons.toReversed()) await (await readDaemon(directoryOf(name), name))?.kill();
  await removeNetwork(network);
  await unmountBelow(stateDirectory());
  await rm(stateDirectory(), { recursive: true, force: true });
}

function exclusively<T>(work: () => Promise<T>): Promise<T> {
  const name = createHash('sha256').update(stateDirectory()).digest('hex').slice(0, 12);
  return withLock(cacheDirectory('locks', `cluster-${name}`), work);
}

function directoryOf(name: DaemonName): string {
  const onControlPlane = (controlPlaneDaemons as readonly string[]).includes(name);
  return stateDirectory(onControlPlane ? 'control-plane' : nodeName(node));
}
