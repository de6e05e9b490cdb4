/**
 * One real operator as a process of its own, with what its image sets: what it says, how it ends, what it takes, and ways
 * to disturb it. It does not outlive the process that started it, however that ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../e2e/cluster/ports.ts';
import { waitFor } from '../../e2e/cluster/processes.ts';
import { linesOf } from '../kube/lines.ts';
import { imageEnvironment, imageNodeFlags } from './image-settings.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const SKEWED_CLOCK = new URL('./skewed-clock.ts', import.meta.url).href;

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** Where the lease lies; none: it leads without asking. */
  readonly leaseNamespace?: string;
  /** Of the process in the lease; default `operator`. */
  readonly identity?: string;
  /** None: all. */
  readonly namespaces?: readonly string[];
  /** Default a free one. */
  readonly port?: number;
  readonly args?: readonly string[];
  /** Default the source; the bundle is what the image holds. */
  readonly program?: string;
  /** Default those of the image. */
  readonly nodeFlags?: readonly string[];
  /** Its wall clock is so far ahead of everybody else's. */
  readonly skewMs?: number;
  /** A network namespace to run in, as a path. */
  readonly networkNamespace?: string;
}

export interface Line {
  readonly level: string;
  /** By its own clock, RFC 3339. */
  readonly time: string;
  readonly msg: string;
  /** When it was heard here, milliseconds of the wall clock. */
  readonly heard: number;
  readonly [field: string]: unknown;
}

export interface OperatorProcess {
  readonly identity: string;
  readonly port: number;
  readonly lines: readonly Line[];
  /** Everything it wrote, as it wrote it. */
  output(): string;
  /** @returns the first line with that message, as soon as there is one */
  says(msg: string | RegExp, withinMs?: number): Promise<Line>;
  signal(name: NodeJS.Signals): void;
  readonly running: () => boolean;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Resident memory, MiB: now, and at its highest since the start or the last `resetPeak`. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>;
  resetPeak(): Promise<void>;
  /** Seconds on a processor since the start. */
  cpuSeconds(): Promise<number>;
  /** Resolves when it has said that it is healthy. */
  healthy(): Promise<void>;
  /** The sum of a metric over all its labels, or over those lines that hold `filter`. */
  metric(name: string, filter?: string): Promise<number>;
  /** SIGTERM, and SIGKILL when it takes too long. */
  stop(): Promise<void>;
  /** SIGKILL, unless it has ended. */
  kill(): Promise<void>;
}

const STOP_MS = 30_000;
const TICKS_A_SECOND = 100;

export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const { identity = 'operator', leaseNamespace, namespaces = [], networkNamespace, skewMs } = options;
  const [free = 0] = options.port === undefined ? await freePorts(1) : [];
  const port = options.port ?? free;
  const enter = networkNamespace === undefined ? [] : ['nsenter', `--net=${networkNamespace}`];
  const skew = skewMs === undefined ? [] : ['--import', SKEWED_CLOCK];
  const node = [process.execPath, ...(options.nodeFlags ?? (await imageNodeFlags())), ...skew];
  const flags = [
    ...(namespaces.length === 0 ? [] : [`--namespaces=${namespaces.join(',')}`]),
    ...(leaseNamespace === undefined ? ['--leader-elect=false'] : [`--lease-namespace=${leaseNamespace}`]),
    `--listen=127.0.0.1:${port}`,
    ...(options.args ?? []),
  ];
  const child: ChildProcess = spawn(
    'setpriv',
    ['--pdeathsig', 'SIGKILL', ...enter, ...node, options.program ?? MAIN, ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(await imageEnvironment()),
        KUBECONFIG: options.kubeconfig,
        POD_NAME: identity,
        NODE_TEST_CONTEXT: undefined,
        ...(skewMs === undefined ? {} : { CHAOS_SKEW_MS: String(skewMs) }),
      },
    },
  );
  const lines: Line[] = [];
  const said: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => said.push(chunk));
  const reading = (async () => {
    if (child.stdout === null) return;
    for await (const text of linesOf(child.stdout)) {
      said.push(`${text}\n`);
      lines.push({ ...JSON.parse(text), heard: Date.now() });
    }
  })();
  reading.catch((error: unknown) => said.push(String(error)));
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(String(error)));
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'gone'));
  });
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  const find = (msg: string | RegExp): Line | undefined =>
    lines.find((line) => (typeof msg === 'string' ? line.msg === msg : msg.test(line.msg)));
  const about = (file: string): Promise<string> => readFile(`/proc/${child.pid}/${file}`, 'utf8');
  const kill = async (): Promise<void> => {
    if (running()) child.kill('SIGKILL');
    await ended;
  };
  return {
    identity,
    port,
    lines,
    output: () => said.join(''),
    running,
    ended,
    says: async (msg, withinMs = 60_000) => {
      await waitFor(`${identity} to say "${msg}"`, () => find(msg) !== undefined || !running(), {
        timeoutMs: withinMs,
        everyMs: 10,
      });
      // What was written before the end is read after it.
      if (!running()) await ended;
      const line = find(msg);
      if (line === undefined)
        throw new Error(
          `${identity} ended (${child.exitCode ?? child.signalCode}) without saying "${msg}"\n${said.join('').slice(-4_000)}`,
        );
      return line;
    },
    signal: (name) => void child.kill(name),
    memory: async () => {
      const status = await about('status');
      const mib = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
      return { now: mib('VmRSS'), peak: mib('VmHWM') };
    },
    resetPeak: () => writeFile(`/proc/${child.pid}/clear_refs`, '5'),
    cpuSeconds: async () => {
      const fields = (await about('stat')).replace(/^.*\) /, '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
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
    stop: async () => {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(late);
    },
    kill,
  };
}
