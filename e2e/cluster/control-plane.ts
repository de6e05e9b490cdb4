// A Kubernetes control plane: etcd, API server, controller manager, and no node. On loopback it serves the tests that
// need a real API (it starts in seconds); inside a network namespace it is the embedded cluster's own.
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { buildProgram } from './build.ts';
import { certificateAuthority, issueCertificate, serviceAccountKeys, writeKubeconfig } from './certificates.ts';
import { type Daemon, type DaemonSpec, startDaemon, waitFor } from './processes.ts';
import { run } from './run.ts';

export interface ControlPlaneOptions {
  /** Where data, certificates, logs and process records go. The caller removes it after `stop`. */
  readonly directory: string;
  /** Controllers to run, by the controller manager's names; `false` for no controller manager. Default {@link workloadControllers}. */
  readonly controllers?: readonly string[] | false;
  /** Also a scheduler: of use only when there are nodes. */
  readonly scheduler?: boolean;
  /** The address that serves the API; default 127.0.0.1 and a free port. */
  readonly address?: string;
  readonly port?: number;
  /** A network namespace (a path like /run/netns/x) to run in; default this process's own. */
  readonly networkNamespace?: string;
  readonly serviceCidr?: string;
  /** An audit log (one JSON object a line, metadata only) is written to this file. */
  readonly auditLog?: string;
  /** Added to the API server's, controller manager's and etcd's own. */
  readonly apiServerArgs?: readonly string[];
  readonly controllerManagerArgs?: readonly string[];
  readonly etcdArgs?: readonly string[];
  /** Outlives this process. Default false: everything ends with it, even when it is killed. */
  readonly detached?: boolean;
}

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
];

/** Starts a control plane and resolves when it answers and has its `default` namespace (about 8 s). */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const binary = await buildProgram('kubernetes');
  const { directory } = options;
  const certificates = join(directory, 'certificates');
  await mkdir(certificates, { recursive: true, mode: 0o700 });
  const address = options.address ?? '127.0.0.1';
  const [port, etcdPort, etcdPeerPort] = options.port === undefined ? await freePorts(3) : [options.port, 2379, 2380];
  const url = `https://${address}:${port}`;
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;

  const authority = await certificateAuthority(certificates);
  const administrator = await issueCertificate(certificates, 'admin', {
    commonName: 'admin',
    organizations: ['system:masters'],
  });
  const kubeconfig = await writeKubeconfig(join(directory, 'admin.kubeconfig'), url, authority, administrator);

  const kubectl = (args: readonly string[], input = ''): Promise<string> => {
    const [command, words] = enter(options, binary, ['kubectl', '--kubeconfig', kubeconfig, ...args]);
    return run(command, words, { input });
  };
  const start = (name: string, args: readonly string[]): Promise<Daemon> => {
    const [command, words] = enter(options, binary, [name, ...args]);
    const spec: DaemonSpec = { name, directory, command, args: words, endsWithParent: options.detached !== true };
    return startDaemon(spec);
  };

  const etcd = await start('etcd', [
    ...etcdArgs(directory, etcdUrl, `http://127.0.0.1:${etcdPeerPort}`),
    ...(options.etcdArgs ?? []),
  ]);
  const apiServer = await start(
    'kube-apiserver',
    await apiServerArgs(options, { address, port: port ?? 0, etcdUrl, certificates }),
  );
  const ready = (): Promise<void> =>
    waitFor(
      'the API server to be ready',
      () =>
        kubectl(['get', '--raw', '/readyz', '--request-timeout=2s']).then(
          () => true,
          () => false,
        ),
      {
        daemon: apiServer,
        everyMs: 200,
      },
    );
  const stopAll = async (daemons: readonly (Daemon | undefined)[]): Promise<void> => {
    // etcd last: without it the API server waits out its own shutdown.
    for (const daemon of daemons) await daemon?.stop(3000);
  };
  try {
    await ready();
    const managers: readonly string[] | false = options.controllers ?? workloadControllers;
    const controllerManager =
      managers === false
        ? undefined
        : await start('kube-controller-manager', controllerManagerArgs(options, kubeconfig, certificates, managers));
    const scheduler = options.scheduler
      ? await start('kube-scheduler', ['--kubeconfig', kubeconfig, '--leader-elect=false'])
      : undefined;
    await waitFor('the namespace default', () =>
      kubectl(['get', 'namespace', 'default']).then(
        () => true,
        () => false,
      ),
    );
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
      kubeconfigFor: async (user, groups = []) => {
        const name = user.replaceAll(/[^A-Za-z0-9.-]/g, '_');
        const client = await issueCertificate(certificates, name, { commonName: user, organizations: groups });
        return writeKubeconfig(join(directory, `${name}.kubeconfig`), url, authority, client);
      },
      stop: () => stopAll([scheduler, controllerManager, apiServer, etcd]),
    };
  } catch (error) {
    await stopAll([apiServer, etcd]);
    throw error;
  }
}

/** The command line that runs `binary` in the control plane's network namespace. */
function enter(options: ControlPlaneOptions, binary: string, args: readonly string[]): [string, readonly string[]] {
  // Not `ip netns exec`: it hides /sys/fs/cgroup.
  if (options.networkNamespace === undefined) return [binary, args];
  return ['nsenter', [`--net=${options.networkNamespace}`, binary, ...args]];
}

function etcdArgs(directory: string, client: string, peer: string): string[] {
  return [
    '--name=default',
    `--data-dir=${join(directory, 'etcd')}`,
    // Nothing here must survive a power cut, and fsync is most of what etcd waits for.
    '--unsafe-no-fsync',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=warn',
  ];
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly etcdUrl: string;
  readonly certificates: string;
}

async function apiServerArgs(
  options: ControlPlaneOptions,
  { address, port, etcdUrl, certificates }: Endpoint,
): Promise<string[]> {
  const serviceCidr = options.serviceCidr ?? '10.96.0.0/16';
  const authority = await certificateAuthority(certificates);
  const keys = await serviceAccountKeys(certificates);
  const serving = await issueCertificate(certificates, 'apiserver', {
    commonName: 'kube-apiserver',
    hosts: ['localhost', '127.0.0.1', address, firstAddress(serviceCidr), ...apiServerNames],
  });
  const kubelet = await issueCertificate(certificates, 'apiserver-kubelet-client', {
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['system:masters'],
  });
  return [
    `--etcd-servers=${etcdUrl}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    `--tls-cert-file=${serving.certificate}`,
    `--tls-private-key-file=${serving.key}`,
    `--client-ca-file=${authority.certificate}`,
    `--kubelet-certificate-authority=${authority.certificate}`,
    `--kubelet-client-certificate=${kubelet.certificate}`,
    `--kubelet-client-key=${kubelet.key}`,
    // Without this, exec and logs hang on looking up the node's name.
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${keys.publicKey}`,
    `--service-account-signing-key-file=${keys.privateKey}`,
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    // Without its controller nobody makes the service accounts that the admission plugin asks for.
    ...(options.controllers === false ? ['--disable-admission-plugins=ServiceAccount'] : []),
    ...(options.auditLog === undefined ? [] : await auditArgs(options.directory, options.auditLog)),
    ...(options.apiServerArgs ?? []),
  ];
}

const apiServerNames = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/** Metadata of each finished request; not of reads of the control plane itself, which are most of all. */
async function auditArgs(directory: string, file: string): Promise<string[]> {
  const policy = join(directory, 'audit-policy.json');
  await writeFile(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived', 'ResponseStarted'],
      rules: [
        { level: 'None', userGroups: ['system:nodes', 'system:masters'], verbs: ['get', 'list', 'watch'] },
        { level: 'Metadata' },
      ],
    }),
  );
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${file}`, '--audit-log-maxsize=1000'];
}

function controllerManagerArgs(
  options: ControlPlaneOptions,
  kubeconfig: string,
  certificates: string,
  controllers: readonly string[],
): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    `--controllers=${controllers.join(',')}`,
    `--root-ca-file=${join(certificates, 'ca.crt')}`,
    `--service-account-private-key-file=${join(certificates, 'service-accounts.key')}`,
    '--bind-address=127.0.0.1',
    // No scraping: on loopback several control planes would fight for the port.
    ...(options.networkNamespace === undefined ? ['--secure-port=0'] : []),
    ...(options.controllerManagerArgs ?? []),
  ];
}

/** 10.96.0.0/16 → 10.96.0.1, the API's own Service. */
function firstAddress(cidr: string): string {
  return cidr.replace(/\.0\/.*$/, '.1');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
      await promise;
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
