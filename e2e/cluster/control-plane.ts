// A Kubernetes control plane: etcd, API server, controller manager, and no node. On loopback it serves the tests that
// need a real API (it starts in seconds); inside a network namespace it is the embedded cluster's own.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildProgram } from './build.ts';
import { certificateAuthority, issueCertificate, writeKubeconfig } from './certificates.ts';
import { apiServerArgs, type ControlPlaneOptions, controllerManagerArgs, etcdArgs } from './control-plane-arguments.ts';
import { controlPlaneTools, ensureInstalled } from './machine.ts';
import { freePorts } from './ports.ts';
import { type Daemon, startDaemon, waitFor } from './processes.ts';
import { run } from './run.ts';

export interface ControlPlane {
  readonly directory: string;
  readonly url: string;
  /** Path of a kubeconfig of a cluster administrator (system:masters). */
  readonly kubeconfig: string;
  readonly certificates: string;
  readonly auditLog: string | undefined;
  readonly etcd: Daemon;
  /** After `restart()` of it, wait with {@link ControlPlane.ready}. */
  readonly apiServer: Daemon;
  readonly controllerManager: Daemon | undefined;
  readonly scheduler: Daemon | undefined;
  /** Resolves when the API server answers /readyz. */
  ready(): Promise<void>;
  /** Standard output of kubectl as the administrator; throws with its error text. `input` goes to its standard input. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** A kubeconfig of another user, for tests of permissions. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Ends all processes. The directory stays. */
  stop(): Promise<void>;
}

/** What Deployments, Services, deletion and namespaces need; pods stay Pending without a node. */
export const workloadControllers: readonly string[] = [
  'deployment-controller',
  'replicaset-controller',
  'disruption-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
];

/** Starts a control plane and resolves when it answers and has its `default` namespace (about 4 s). */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  await ensureInstalled(controlPlaneTools);
  const binary = await buildProgram('kubernetes');
  const { directory } = options;
  const certificates = join(directory, 'certificates');
  await mkdir(certificates, { recursive: true, mode: 0o700 });
  const address = options.address ?? '127.0.0.1';
  const [port = 0, etcdPort = 0, etcdPeerPort = 0] =
    options.port === undefined ? await freePorts(3) : [options.port, 2379, 2380];
  const url = `https://${address}:${port}`;
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;

  const kubeconfigOf = async (name: string, user: string, groups: readonly string[]): Promise<string> => {
    const client = await issueCertificate(certificates, name, { commonName: user, organizations: groups });
    const authority = await certificateAuthority(certificates);
    return writeKubeconfig(join(directory, `${name}.kubeconfig`), url, authority, client);
  };
  const kubeconfig = await kubeconfigOf('admin', 'admin', ['system:masters']);
  const kubectl = (args: readonly string[], input = ''): Promise<string> =>
    run(...enter(options, binary, ['kubectl', '--kubeconfig', kubeconfig, ...args]), { input });
  const answers = (...args: string[]): Promise<boolean> => kubectl([...args, '--request-timeout=2s']).then(yes, no);

  const started: Daemon[] = [];
  const start = async (name: string, component: readonly string[]): Promise<Daemon> => {
    const [command, args] = enter(options, binary, [name, ...component]);
    const daemon = await startDaemon({ name, directory, command, args, endsWithParent: options.detached !== true });
    started.push(daemon);
    return daemon;
  };
  const stop = async (): Promise<void> => {
    // Last started, first stopped: without etcd the API server would wait out its own shutdown.
    for (const daemon of started.toReversed()) await daemon.stop(3000);
  };

  try {
    const etcd = await start('etcd', etcdArgs(options, etcdUrl, `http://127.0.0.1:${etcdPeerPort}`));
    const endpoint = { address, port, etcdUrl, certificates };
    const apiServer = await start('kube-apiserver', await apiServerArgs(options, endpoint));
    const ready = (): Promise<void> =>
      waitFor('the API server to be ready', () => answers('get', '--raw', '/readyz'), { daemon: apiServer });
    await ready();
    const controllers = options.controllers ?? workloadControllers;
    const controllerManager =
      controllers === false
        ? undefined
        : await start(
            'kube-controller-manager',
            controllerManagerArgs(options, { kubeconfig, certificates, controllers }),
          );
    const scheduler = options.scheduler
      ? await start('kube-scheduler', [`--kubeconfig=${kubeconfig}`, '--leader-elect=false'])
      : undefined;
    await waitFor('the namespace default', () => answers('get', 'namespace', 'default'));
    return {
      directory,
      url,
      kubeconfig,
      certificates,
      auditLog: options.auditLog,
      etcd,
      apiServer,
      controllerManager,
      scheduler,
      ready,
      kubectl,
      kubeconfigFor: (user, groups = []) =>
        kubeconfigOf(`user-${user.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`, user, groups),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The command line that runs `binary` in the control plane's network namespace. */
function enter(options: ControlPlaneOptions, binary: string, args: readonly string[]): [string, readonly string[]] {
  // Not `ip netns exec`: it hides /sys/fs/cgroup.
  if (options.networkNamespace === undefined) return [binary, args];
  return ['nsenter', [`--net=${options.networkNamespace}`, binary, ...args]];
}

const yes = (): boolean => true;
const no = (): boolean => false;
