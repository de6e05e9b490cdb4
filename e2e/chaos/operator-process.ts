/** One operator as a process of its own, as a pod would run it: what it logs, how it ends, and ways to disturb it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { linesOf } from '../../operator/kube/lines.ts';
import { waitFor } from '../cluster/processes.ts';

const MAIN = fileURLToPath(new URL('../../operator/main.ts', import.meta.url));
const SKEWED_CLOCK = new URL('./skewed-clock.ts', import.meta.url).href;

export interface OperatorOptions {
  /** Of the process in the lease, and of its user. */
  readonly identity: string;
  readonly kubeconfig: string;
  readonly leaseNamespace: string;
  /** None: all. */
  readonly namespaces?: readonly string[];
  readonly port: number;
  readonly args?: readonly string[];
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
  /** @returns the first line with that message, as soon as there is one */
  says(msg: string | RegExp, withinMs?: number): Promise<Line>;
  signal(name: NodeJS.Signals): void;
  readonly running: () => boolean;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** SIGKILL, unless it has ended. */
  stop(): Promise<void>;
}

export function startOperator(options: OperatorOptions): OperatorProcess {
  const { identity, namespaces = [], networkNamespace, skewMs } = options;
  const enter = networkNamespace === undefined ? [] : ['nsenter', `--net=${networkNamespace}`];
  const skew = skewMs === undefined ? [] : ['--import', SKEWED_CLOCK];
  const flags = [
    `--namespaces=${namespaces.join(',')}`,
    `--lease-namespace=${options.leaseNamespace}`,
    `--listen=127.0.0.1:${options.port}`,
    ...(options.args ?? []),
  ];
  const child: ChildProcess = spawn(
    'setpriv',
    // It does not outlive the test, however that ends.
    ['--pdeathsig', 'SIGKILL', ...enter, process.execPath, ...skew, MAIN, ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        KUBECONFIG: options.kubeconfig,
        POD_NAME: identity,
        ...(skewMs === undefined ? {} : { CHAOS_SKEW_MS: String(skewMs) }),
      },
    },
  );
  const lines: Line[] = [];
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    complaints = (complaints + chunk).slice(-4_000);
  });
  const reading = (async () => {
    if (child.stdout === null) return;
    for await (const text of linesOf(child.stdout)) lines.push({ ...JSON.parse(text), heard: Date.now() });
  })();
  reading.catch((error: unknown) => {
    complaints += String(error);
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(String(error)));
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'gone'));
  });
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  const find = (msg: string | RegExp): Line | undefined =>
    lines.find((line) => (typeof msg === 'string' ? line.msg === msg : msg.test(line.msg)));
  return {
    identity,
    port: options.port,
    lines,
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
          `${identity} ended (${child.exitCode ?? child.signalCode}) without saying "${msg}"\n${complaints}`,
        );
      return line;
    },
    signal: (name) => void child.kill(name),
    stop: async () => {
      if (running()) child.kill('SIGKILL');
      await ended;
    },
  };
}
