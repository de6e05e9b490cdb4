/**
 * What a container runtime would make of a pooler's pod: the image's own files, the pod's command, its configuration
 * mounted where the pod template says, an address of its own; and PgBouncer in it is the real one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PORT } from '../../operator/api/names.ts';
import { accepts } from '../../operator/console/testing/accepts.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from '../../operator/plan/main-section.ts';
import { waitFor } from '../cluster/processes.ts';
import { attach, podAddress } from './pod-network.ts';

export interface PodProcess {
  readonly address: string;
  readonly pid: number;
  /** How many RELOADs its log tells of. */
  reloads(): number;
  alive(): boolean;
  /** As the kubelet refreshes a volume; what is the same stays as it is. */
  refresh(files: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/** Arguments: root file system, configuration, address, command. Begins when a line comes in: then there is a network. */
const CONTAINER = `set -e
read -r attached
root=$1 config=$2 address=$3
shift 3
ip link set lo up
ip address add "$address/16" dev eth0
ip link set eth0 up
mount -t tmpfs pod /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
mkdir -p /mnt/root${CONFIG_DIRECTORY} /mnt/root${RUN_DIRECTORY}
mount --bind "$config" /mnt/root${CONFIG_DIRECTORY}
mount -t tmpfs run /mnt/root${RUN_DIRECTORY} -o mode=0777
mount --rbind /dev /mnt/root/dev
exec chroot --userspec=65532:65532 /mnt/root "$@"
`;

export async function startPodProcess(options: {
  readonly rootfs: string;
  readonly directory: string;
  /** Chooses its address. */
  readonly index: number;
  readonly command: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}): Promise<PodProcess> {
  const { rootfs, directory, index, command } = options;
  const address = podAddress(index);
  const config = join(directory, `pod-${index}`);
  await mkdir(config, { recursive: true, mode: 0o755 });
  await refresh(config, options.files);
  const child: ChildProcess = spawn(
    'unshare',
    ['--net', '--mount', 'sh', '-c', CONTAINER, 'pod', rootfs, config, address, ...command],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let log = '';
  let reloads = 0;
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      reloads += chunk.split('RELOAD command issued').length - 1;
      log = (log + chunk).slice(-4_000);
    });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  // The namespace is there when it is not this process's any more.
  await waitFor(`the network of pod ${index}`, async () => (await networkOf(pid)) !== (await networkOf('self')), {
    everyMs: 5,
  });
  await attach(pid, index);
  child.stdin?.end('attached\n');
  await waitFor(`the pooler at ${address}`, async () => !alive() || (await accepts(PORT, address)), { everyMs: 20 });
  if (!alive()) throw new Error(`the pooler at ${address} ended:\n${log}`);
  return {
    address,
    pid,
    reloads: () => reloads,
    alive,
    refresh: (files) => refresh(config, files),
    stop: async () => {
      if (!alive()) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const networkOf = (pid: number | 'self'): Promise<string> => readlink(`/proc/${pid}/ns/net`);

/** Each file a new inode. What an entry file may name is there before it. */
async function refresh(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  const late = ['proved.ini', 'entry.ini'];
  const names = Object.keys(files).sort((a, b) => late.indexOf(a) - late.indexOf(b));
  for (const name of names) {
    const path = join(directory, name);
    const text = files[name] ?? '';
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    await writeFile(`${path}.new`, text, { mode: 0o644 });
    await rename(`${path}.new`, path);
  }
  for (const name of await readdir(directory)) if (files[name] === undefined) await rm(join(directory, name));
}
