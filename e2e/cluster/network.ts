// The network that the cluster lives in: a namespace with no way out. Whatever runs in it reaches the cluster and
// nothing else, so that no test can depend on, or disturb, the world.
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './exists.ts';
import { clusterName } from './paths.ts';
import { CommandFailed, run } from './run.ts';

const namespaceDirectory = '/run/netns';

export const serviceCidr = '10.96.0.0/16';
export const dnsAddress = '10.96.0.10';

/** One namespace with one address in it. */
export interface Network {
  readonly name: string;
  /** /run/netns/NAME, for `nsenter --net=PATH`. */
  readonly path: string;
  readonly address: string;
}

/** The namespace of a node; the addresses follow from its number (1 and up). */
export function networkOf(node: number): Network {
  const name = `${clusterName()}-${node}`;
  return { name, path: join(namespaceDirectory, name), address: `10.200.0.${node}` };
}

/** Pods' addresses on that node. */
export function podCidrOf(node: number): string {
  return `10.244.${node}.0/24`;
}

/** Makes the namespace. It must not exist. */
export async function createNetwork(network: Network): Promise<void> {
  const inside = (...args: readonly string[]): Promise<string> => run('ip', ['-netns', network.name, ...args]);
  await run('ip', ['netns', 'add', network.name]);
  await inside('link', 'set', 'lo', 'up');
  // A bridge counts as up only with something in it, and not every kernel has dummy devices: one end of a veth pair is.
  await inside('link', 'add', 'node0', 'type', 'bridge');
  await inside('link', 'add', 'node0-a', 'type', 'veth', 'peer', 'name', 'node0-b');
  await inside('link', 'set', 'node0-a', 'master', 'node0');
  for (const device of ['node0-a', 'node0-b', 'node0']) await inside('link', 'set', device, 'up');
  await inside('address', 'add', `${network.address}/24`, 'dev', 'node0');
  // The kubelet looks for a default route to find its address; packets that take it reach nobody.
  await inside('route', 'add', 'default', 'dev', 'node0', 'src', network.address);
}

/** Removes the namespace with its devices, routes and iptables rules, and kills what still runs in it. Fine when it is gone. */
export async function removeNetwork(network: Network): Promise<void> {
  if (!(await exists(network.path))) return;
  const pids = await run('ip', ['netns', 'pids', network.name]).catch((error: unknown) => {
    if (error instanceof CommandFailed) return ''; // half-made: a file without a namespace behind it
    throw error;
  });
  for (const pid of pids.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  await run('ip', ['netns', 'delete', network.name]);
  await removeNamespaceDirectory();
}

/** `ip netns add` mounts its directory onto itself and leaves that behind; it makes it again when it needs it. */
async function removeNamespaceDirectory(): Promise<void> {
  if ((await readdir(namespaceDirectory)).length > 0) return;
  await run('umount', [namespaceDirectory]).catch(() => {}); // in use, or not a mount: then it is not ours to remove
  await rmdir(namespaceDirectory).catch(() => {});
}
