// One node: containerd, kubelet and kube-proxy in namespaces of their own (network, mounts, processes), as in a
// container. Its first process holds them open, and the kernel ends and unmounts everything in it when that one ends:
// so nothing a node does can outlive it, whatever state it was killed in.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildProgram } from './build.ts';
import { issueCertificate, writeKubeconfig } from './certificates.ts';
import { createControlGroup, removeControlGroup } from './cgroups.ts';
import type { ControlPlane } from './control-plane.ts';
import { openNamespaces, startInside } from './namespaces.ts';
import { type Network, podCidrOf } from './network.ts';
import { containerdConfig, kubeletConfig, kubeProxyConfig, networkConfig } from './node-configuration.ts';
import { clusterName } from './paths.ts';
import { readDaemon, waitFor } from './processes.ts';
import { run } from './run.ts';

export interface NodeOptions {
  /** 1 and up: its name, addresses and control group follow from it. */
  readonly number: number;
  /** Everything the node writes. */
  readonly directory: string;
  readonly network: Network;
}

export function nodeName(number: number): string {
  return `node-${number}`;
}

/** Starts the namespaces and containerd; images can be loaded from here on. */
export async function startContainerd(options: NodeOptions): Promise<void> {
  const { directory } = options;
  await mkdir(join(directory, 'cni'), { recursive: true });
  await mkdir(join(directory, 'log'), { recursive: true });
  await writeFile(join(directory, 'resolv.conf'), '# no resolver outside the cluster\n');
  await writeFile(join(directory, 'containerd.toml'), containerdConfig(directory));
  await writeFile(join(directory, 'cni', '10-pods.conflist'), networkConfig(podCidrOf(options.number)));
  await createControlGroup(controlGroup(options.number));
  await openNamespaces({ directory, networkPath: options.network.path, hostname: nodeName(options.number) });
  const containerd = await startInside(directory, 'containerd', 'containerd', [
    '--config',
    join(directory, 'containerd.toml'),
  ]);
  await waitFor('containerd to answer', () => ctr(options.directory, ['version']).then(() => true, () => false), { daemon: containerd }); // biome-ignore format: one thought
}

/** Starts the kubelet and kube-proxy beside a running containerd, and waits until the node is Ready. */
export async function joinControlPlane(options: NodeOptions, controlPlane: ControlPlane): Promise<void> {
  const binary = await buildProgram('kubernetes');
  const { directory, number, network } = options;
  const name = nodeName(number);
  const { certificates } = controlPlane;
  const authority = { certificate: join(certificates, 'ca.crt'), key: join(certificates, 'ca.key') };
  const client = await issueCertificate(certificates, `kubelet-${name}`, {
    commonName: `system:node:${name}`,
    organizations: ['system:nodes'],
    hosts: [name, network.address],
  });
  const proxy = await issueCertificate(certificates, 'kube-proxy', { commonName: 'system:kube-proxy' });
  const kubeletKubeconfig = await writeKubeconfig(
    join(directory, 'kubelet.kubeconfig'),
    controlPlane.url,
    authority,
    client,
  );
  const proxyKubeconfig = await writeKubeconfig(
    join(directory, 'kube-proxy.kubeconfig'),
    controlPlane.url,
    authority,
    proxy,
  );
  await writeFile(
    join(directory, 'kubelet.json'),
    kubeletConfig({ directory, authority: authority.certificate, serving: client, controlGroup: controlGroup(number) }),
  );
  await writeFile(
    join(directory, 'kube-proxy.json'),
    kubeProxyConfig({ kubeconfig: proxyKubeconfig, podCidr: podCidrOf(number) }),
  );

  const kubelet = await startInside(directory, 'kubelet', binary, [
    'kubelet',
    `--config=${join(directory, 'kubelet.json')}`,
    `--kubeconfig=${kubeletKubeconfig}`,
    `--hostname-override=${name}`,
    `--node-ip=${network.address}`,
  ]);
  await startInside(directory, 'kube-proxy', binary, [
    'kube-proxy',
    `--config=${join(directory, 'kube-proxy.json')}`,
    `--hostname-override=${name}`,
  ]);
  await waitFor(
    `${name} to be Ready`,
    () =>
      controlPlane
        .kubectl(['get', 'node', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'])
        .then(
          (status) => status === 'True',
          () => false,
        ),
    { daemon: kubelet, everyMs: 300 },
  );
}

/** Ends the node at once and removes its control groups; its directory stays. Fine when it is gone. */
export async function removeNode(directory: string, number: number): Promise<void> {
  const namespaces = await readDaemon(directory, 'namespaces');
  await namespaces?.kill();
  await removeControlGroup(controlGroup(number));
}

/** Runs containerd's own client on the node's containerd. */
export function ctr(directory: string, args: readonly string[]): Promise<string> {
  return run('ctr', ['--address', socket(directory), '--namespace', 'k8s.io', ...args]);
}

function controlGroup(number: number): string {
  return `${clusterName()}-${nodeName(number)}`;
}

function socket(directory: string): string {
  return join(directory, 'containerd.sock');
}
