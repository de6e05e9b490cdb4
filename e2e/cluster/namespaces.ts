// The namespaces that make a node of a part of this machine: processes, mounts, IPC and host name of its own, in a
// network that exists already. One process holds them open; when it ends, the kernel ends and unmounts all the rest.
import { join } from 'node:path';
import { buildProgram } from './build.ts';
import { exists } from './exists.ts';
import { cacheDirectory, stateDirectory } from './paths.ts';
import { type Daemon, readDaemon, startDaemon, waitFor } from './processes.ts';
import { run } from './run.ts';

export interface NamespacesOptions {
  readonly directory: string;
  readonly networkPath: string;
  readonly hostname: string;
}

/** Opens the namespaces and resolves when they can be entered. Expects `resolv.conf` and `log/` in the directory. */
export async function openNamespaces(options: NamespacesOptions): Promise<Daemon> {
  const pause = await buildProgram('pause');
  const { directory } = options;
  const ready = join(directory, 'namespaces.ready');
  const daemon = await startDaemon({
    name: 'namespaces',
    directory,
    command: 'nsenter',
    args: [
      `--net=${options.networkPath}`,
      ...['unshare', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=SIGKILL', '--mount-proc'],
      ...['sh', '-c', `${coverHostDirectories(options)}\ntouch '${ready}'\nexec '${pause}'`],
    ],
  });
  await waitFor('the namespaces of the node', () => exists(ready), { daemon, everyMs: 20 });
  return daemon;
}

/** Starts a daemon in the namespaces whose record is in `directory`. */
export async function startInside(
  directory: string,
  name: string,
  command: string,
  args: readonly string[],
): Promise<Daemon> {
  const holder = await readDaemon(directory, 'namespaces');
  if (holder === undefined) throw new Error(`the node in ${directory} is not running`);
  // The holder's one child is process 1 of the node.
  const target = (await run('cat', [`/proc/${holder.pid()}/task/${holder.pid()}/children`])).trim();
  return startDaemon({
    name,
    directory,
    command: 'nsenter',
    args: [`--target=${target}`, '--net', '--mount', '--pid', '--ipc', '--uts', '--', command, ...args],
    signalsChild: true,
  });
}

/**
 * The shell script that hides what a node would otherwise share with the machine. containerd, the kubelet and the
 * network plugins write to fixed places below /run, /var/lib and /var/log, whatever they are told.
 */
function coverHostDirectories({ directory, hostname }: NamespacesOptions): string {
  // These may themselves lie below what is covered: they are held aside, then put back where they were.
  const kept = [stateDirectory(), cacheDirectory()];
  return [
    'set -e',
    'mount --make-rshared /', // volumes with mount propagation need it
    `mount --bind '${join(directory, 'resolv.conf')}' /etc/resolv.conf || true`, // it may be missing, or a link to nowhere
    'mount -t tmpfs aside /mnt',
    ...kept.map((path, index) => `mkdir /mnt/${index} && mount --bind '${path}' /mnt/${index}`),
    'mount -t tmpfs run /run',
    'mount -t tmpfs var-lib /var/lib',
    ...kept.map((path, index) => `mkdir -p '${path}' && mount --bind /mnt/${index} '${path}'`),
    'umount --recursive /mnt',
    `mount --bind '${join(directory, 'log')}' /var/log`,
    `hostname ${hostname}`,
  ].join('\n');
}
