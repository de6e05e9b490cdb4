/**
 * The real operator, operator/main.ts, as a process of its own, with as little memory as its image gives it: what it
 * logs, how much memory it takes, what it counts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../console/testing/free-port.ts';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

export interface OperatorProcess {
  /** Everything it wrote, as it wrote it. */
  output(): string;
  alive(): boolean;
  /** Megabytes: now, and the most it ever had. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>;
  /** Resolves when it has said that it is healthy. */
  healthy(): Promise<void>;
  /** The sum of a metric over all its labels, or over those lines that hold `filter`. */
  metric(name: string, filter?: string): Promise<number>;
  stop(): Promise<void>;
  /** SIGKILL: it finishes nothing. */
  kill(): Promise<void>;
}

export async function startOperator(kubeconfig: string, flags: readonly string[] = []): Promise<OperatorProcess> {
  const port = await freePort();
  const image = await readFile(fileURLToPath(new URL('../../../Dockerfile', import.meta.url)), 'utf8');
  const limits = image.match(/--max-[a-z-]+-size=\d+/g) ?? [];
  const args = [...limits, MAIN, `--listen=127.0.0.1:${port}`, '--leader-elect=false', ...flags];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, KUBECONFIG: kubeconfig, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  process.once('exit', () => child.kill('SIGKILL'));
  const megabytes = (status: string, field: string): number =>
    Math.round(Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1024);
  return {
    output: () => Buffer.concat(chunks).toString(),
    alive,
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return { now: megabytes(status, 'VmRSS'), peak: megabytes(status, 'VmHWM') };
    },
    healthy: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`);
      if (!response.ok) throw new Error(await response.text());
    },
    metric: async (name, filter = '') => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return text
        .split('\n')
        .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(filter))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    kill: async () => {
      if (!alive()) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    stop: async () => {
      if (!alive()) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await once(child, 'exit');
      clearTimeout(timer);
    },
  };
}
