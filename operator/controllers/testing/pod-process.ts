/**
 * A real pgbouncer as it runs in a pod: its own network with the pod's address, its own /etc/pgbouncer and /run/pgbouncer,
 * started by the pod's own command, as nobody. Only in a network made by own-network.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pgbouncerCommand } from '../../../e2e/cluster/rootfs.ts';
import { run } from '../../../e2e/cluster/run.ts';
import type { RealVersion } from '../../console/testing/real-pgbouncer.ts';

const NOBODY = 65_534;
/** What this process is to the pods. */
export const HERE = '10.77.255.254';

const CONTAIN = `set -e
mount --bind "$1/config" /etc/pgbouncer
mount --bind "$1/run" /run/pgbouncer
ip link set lo up
PATH="$1:$PATH"
shift
echo contained
exec setpriv --pdeathsig SIGKILL --reuid=${NOBODY} --regid=${NOBODY} --clear-groups -- "$@"
`;

export interface PodProcess {
  readonly pid: number;
  readonly address: string;
  /** How many RELOADs its log tells of. */
  reloads(): number;
  /** Resolves when it ends. */
  readonly ended: Promise<unknown>;
  readonly log: () => string;
  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
}

export interface PodProcessOptions {
  /** Holds `config`, its files; the rest is made. */
  readonly directory: string;
  readonly version: RealVersion;
  readonly address: string;
  /** A number that no other pod has. */
  readonly number: number;
  readonly command: readonly string[];
}

export async function startPodProcess(options: PodProcessOptions): Promise<PodProcess> {
  const { directory, address, number } = options;
  const program = await pgbouncerCommand(options.version);
  const words = [program.command, ...program.args].map((word) => `'${word}'`).join(' ');
  await chmod(directory, 0o755);
  await mkdir(join(directory, 'run'), { recursive: true });
  await chown(join(directory, 'run'), NOBODY, NOBODY);
  await writeFile(join(directory, 'pgbouncer'), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  const args = ['--net', '--mount', '--', 'sh', '-c', CONTAIN, 'sh', directory, ...options.command];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  const log = (): string => Buffer.concat(said).toString();
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  try {
    while (!log().includes('contained')) {
      if (child.exitCode !== null) throw new Error(`the pod's namespaces cannot be made: ${log()}`);
      await sleep(5);
    }
    const link = `pod${number}`;
    await batch(
      [],
      [
        `link add ${link} type veth peer name eth0 netns ${pid}`,
        `link set ${link} up`,
        `route replace ${address}/32 dev ${link} src ${HERE}`,
      ],
    );
    await batch(
      [`--net=/proc/${pid}/ns/net`],
      [`address add ${address}/32 dev eth0`, 'link set eth0 up', 'route add default dev eth0'],
    );
  } catch (error) {
    if (running(child)) throw error;
  }
  return {
    pid,
    address,
    reloads: () => log().split('RELOAD command issued').length - 1,
    ended,
    log,
    kill: (signal) => {
      if (running(child)) child.kill(signal);
    },
  };
}

const running = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

const batch = (enter: readonly string[], commands: readonly string[]): Promise<string> =>
  enter.length === 0
    ? run('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` })
    : run('nsenter', [...enter, 'ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
