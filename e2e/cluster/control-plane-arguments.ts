// The command lines of etcd, the API server and the controller manager. Each word that is not about addresses and files
// says why it is there.
import { join } from 'node:path';
import { type AuditDetail, auditArgs } from './audit.ts';
import { certificateAuthority, issueCertificate, serviceAccountKeys } from './certificates.ts';

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
  /** An audit log (one JSON object a line) is written to this file. */
  readonly auditLog?: string;
  /** Default `metadata`. */
  readonly auditDetail?: AuditDetail;
  /** Added to the API server's, controller manager's and etcd's own. */
  readonly apiServerArgs?: readonly string[];
  readonly controllerManagerArgs?: readonly string[];
  readonly etcdArgs?: readonly string[];
  /** Outlives this process. Default false: everything ends with it, even when it is killed. */
  readonly detached?: boolean;
}

export function etcdArgs(options: ControlPlaneOptions, client: string, peer: string): readonly string[] {
  return [
    '--name=default',
    `--data-dir=${join(options.directory, 'etcd')}`,
    // Nothing here must survive a power cut, and fsync is most of what etcd waits for.
    '--unsafe-no-fsync',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=warn',
    ...(options.etcdArgs ?? []),
  ];
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly etcdUrl: string;
  readonly certificates: string;
}

export async function apiServerArgs(
  options: ControlPlaneOptions,
  { address, port, etcdUrl, certificates }: Endpoint,
): Promise<readonly string[]> {
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
    ...(options.auditLog === undefined
      ? []
      : await auditArgs(options.directory, options.auditLog, options.auditDetail ?? 'metadata')),
    ...(options.apiServerArgs ?? []),
  ];
}

const apiServerNames = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

interface ControllerManagerSettings {
  readonly kubeconfig: string;
  readonly certificates: string;
  readonly controllers: readonly string[];
}

export function controllerManagerArgs(
  options: ControlPlaneOptions,
  { kubeconfig, certificates, controllers }: ControllerManagerSettings,
): readonly string[] {
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
