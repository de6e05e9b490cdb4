/**
 * The operator as its image runs it: the bundle, with the flags of the Dockerfile's entry point, logged in by the token
 * of its service account. Its memory and time come from the kernel, not from itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../../cluster/control-plane.ts';

export interface OperatorProcess {
  readonly pid: number;
  /** Resident memory now and at its highest since the start or the last `resetPeak`, MiB. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>;
  resetPeak(): Promise<void>;
  /** Seconds on a processor since the start. */
  cpuSeconds(): Promise<number>;
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

const SYSTEM = 'poolkeeper-system';
const PORT = 18_080;
const TICKS_A_SECOND = 100;

export async function startOperator(
  { kubectl, url, certificates }: ControlPlane,
  directory: string,
  nodeFlags: readonly string[],
): Promise<OperatorProcess> {
  const account = join(directory, 'service-account');
  await mkdir(account, { recursive: true });
  await copyFile(join(certificates, 'ca.crt'), join(account, 'ca.crt'));
  await writeFile(
    join(account, 'token'),
    await kubectl(['-n', SYSTEM, 'create', 'token', 'poolkeeper', '--duration=24h']),
  );
  const log = createWriteStream(join(directory, 'operator.log'), { flags: 'a' });
  const { hostname, port } = new URL(url);
  const started = Date.now();
  const child = spawn(
    'unshare',
    [
      '--mount',
      'sh',
      '-c',
      // Where a pod finds its token, seen by this process alone.
      `mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && ln -s "$1" /run/secrets/kubernetes.io/serviceaccount && shift && exec "$@"`,
      'sh',
      account,
      process.execPath,
      ...nodeFlags,
      'dist/operator/operator.js',
      `--listen=127.0.0.1:${PORT}`,
      `--lease-namespace=${SYSTEM}`,
    ],
    {
      env: {
        PATH: process.env['PATH'],
        ...(await imageEnvironment()),
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port,
        POD_NAME: `poolkeeper-${started}`,
        POD_NAMESPACE: SYSTEM,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  return {
    pid,
    memory: async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const mib = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
      return { now: mib('VmRSS'), peak: mib('VmHWM') };
    },
    resetPeak: () => writeFile(`/proc/${pid}/clear_refs`, '5'),
    cpuSeconds: async () => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
    },
    metrics: async () => (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text(),
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const ended = once(child, 'exit');
  await Promise.race([ended, sleep(30_000)]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

/** What the image sets. */
async function imageEnvironment(): Promise<Readonly<Record<string, string>>> {
  const lines = (await readFile('Dockerfile', 'utf8')).matchAll(/^ENV (\w+)=(\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}

/** What stands between node and the program in the image's entry point. */
export async function imageNodeFlags(): Promise<readonly string[]> {
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(await readFile('Dockerfile', 'utf8'))?.[1];
  if (entry === undefined) throw new Error('the Dockerfile has no entry point in the form of a list');
  return (JSON.parse(entry) as readonly string[]).filter((word) => word.startsWith('--'));
}
