/**
 * Whether an address is one that a pod can have. The console of a pod is dialled where the Pod object says it is, and
 * that may be written by others than a kubelet: so never this machine itself, nor what clouds serve next to it.
 */
import { BlockList, isIP } from 'node:net';

const NO_PODS = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local: 169.254.169.254 hands out a cloud's credentials
  ['224.0.0.0', 3], // multicast, reserved, broadcast
] as const) {
  NO_PODS.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 127], // unspecified and loopback
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128], // the same of a cloud, in IPv6
] as const) {
  NO_PODS.addSubnet(net, prefix, 'ipv6');
}

/** @returns the address, or undefined for what no pod has; IPv4 in IPv6 counts as what it means */
export function podAddress(text: string | undefined): string | undefined {
  const family = isIP(text ?? '');
  if (text === undefined || family === 0 || text.includes('%')) return undefined;
  return NO_PODS.check(text, family === 4 ? 'ipv4' : 'ipv6') ? undefined : text;
}
