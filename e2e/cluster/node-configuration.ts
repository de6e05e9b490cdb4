// The configuration files of a node's parts. Each setting that is not a default is here because the node would not
// start, or would not stay, without it.
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import { dnsAddress } from './network.ts';

/** The image of every pod's sandbox; loaded before the first pod. */
export const sandboxImage = 'localhost/pause:1';

export function containerdConfig(directory: string): string {
  return `version = 2
root = "${join(directory, 'containerd')}"
state = "${join(directory, 'containerd-run')}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
address = "${join(directory, 'containerd.sock')}"

[debug]
level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${sandboxImage}"
# Lowering a process's OOM score is not allowed everywhere, and containers fail to start where it is not.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${join(directory, 'cni')}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`;
}

/** How pods are connected: a bridge on the node. */
export function networkConfig(podCidr: string): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'poolkeeper',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipMasq: false,
        // A pod reaches itself through its own Service.
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });
}

interface KubeletSettings {
  readonly directory: string;
  readonly authority: string;
  readonly serving: KeyPair;
  readonly controlGroup: string;
}

export function kubeletConfig({ directory, authority, serving, controlGroup }: KubeletSettings): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: authority } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: serving.certificate,
    tlsPrivateKeyFile: serving.key,
    containerRuntimeEndpoint: `unix://${join(directory, 'containerd.sock')}`,
    clusterDNS: [dnsAddress],
    clusterDomain: 'cluster.local',
    resolvConf: join(directory, 'resolv.conf'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${controlGroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    // A developer's disk that is 90 % full is no reason to evict pods or remove images that nobody can pull again.
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    oomScoreAdj: 0,
    maxPods: 200,
  });
}

export function kubeProxyConfig({
  kubeconfig,
  podCidr,
}: {
  readonly kubeconfig: string;
  readonly podCidr: string;
}): string {
  return JSON.stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clientConnection: { kubeconfig },
    clusterCIDR: podCidr,
    // The connection tracking table is the machine's, not the namespace's.
    conntrack: { maxPerCore: 0, min: 0 },
    oomScoreAdj: 0,
  });
}
