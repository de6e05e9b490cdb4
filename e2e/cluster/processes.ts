// Daemons of the embedded cluster: started detached, logged to a file, remembered on disk, and ended by their own
// process id only. What is remembered includes when the process started, so that an id that the kernel gave to another
// program since is never signalled.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How to start one daemon. */
export interface DaemonSpec {
  readonly name: string;
  /** Holds `<name>.log` and `<name>.process.json`. */
  readonly directory: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends when this process ends, however it ends: for the control planes of tests. */
  readonly endsWithParent?: boolean;
  /** `command` only waits for its one child (nsenter into a process namespace does): signals go to the child. */
  readonly signalsChild?: boolean;
}

/** A daemon that was started. Its methods work in any process that read it from disk with {@link readDaemon}. */
export interface Daemon {
  readonly spec: DaemonSpec;
  readonly logFile: string;
  /** The process id now, as this process sees it; another one after `restart`. */
  pid(): number;
  alive(): boolean;
  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGTERM, and SIGKILL after `graceMs` (default 10 s). Fine when it is gone already. Any process can restart it. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again as before; stops it first when it is alive (an API server with open watches would use the grace up). */
  restart(graceMs?: number): Promise<void>;
}

interface Remembered {
  readonly spec: DaemonSpec;
  readonly pid: number;
  readonly startTime: string;
}

/** Starts a daemon; does not wait for it to be of use. Fails when its program cannot be run. */
export async function startDaemon(spec: DaemonSpec): Promise<Daemon> {
  await mkdir(spec.directory, { recursive: true });
  return daemonOf(await launch(spec));
}

/** A daemon started earlier, by this or another process; undefined when there is no record of it. */
export async function readDaemon(directory: string, name: string): Promise<Daemon | undefined> {
  try {
    return daemonOf(JSON.parse(await readFile(recordFile({ directory, name }), 'utf8')) as Remembered);
  } catch {
    return undefined;
  }
}

function daemonOf(first: Remembered): Daemon {
  let current = first;
  const { spec } = first;
  const alive = (): boolean => startTimeOf(current.pid) === current.startTime;
  const pid = (): number => (spec.signalsChild ? (childOf(current.pid) ?? current.pid) : current.pid);
  const signal = (name: NodeJS.Signals): void => {
    if (!alive()) return;
    process.kill(pid(), name);
    // A waiting parent stops along with its child and must be woken with it.
    if (name === 'SIGCONT' && pid() !== current.pid) process.kill(current.pid, name);
  };
  const stop = async (graceMs = 10_000): Promise<void> => {
    signal('SIGTERM');
    signal('SIGCONT'); // a paused process takes no notice of SIGTERM
    if (!(await within(graceMs, () => !alive()))) signal('SIGKILL');
    if (!(await within(10_000, () => !alive()))) throw new Error(`${spec.name} (process ${current.pid}) does not end`);
  };
  return {
    spec,
    logFile: logFile(spec),
    pid,
    alive,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop,
    kill: () => stop(0),
    restart: async (graceMs = 1000) => {
      await stop(graceMs);
      current = await launch(spec);
    },
  };
}

async function launch(spec: DaemonSpec): Promise<Remembered> {
  const log = openSync(logFile(spec), 'a');
  const [command, args] = spec.endsWithParent
    ? ['setpriv', ['--pdeathsig', 'SIGKILL', spec.command, ...spec.args]]
    : [spec.command, [...spec.args]];
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...spec.environment },
  });
  closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('spawn', resolve).once('error', reject);
  await promise.catch((cause: unknown) => {
    throw new Error(`cannot start ${spec.name} (${command})`, { cause });
  });
  child.unref();
  const pid = child.pid ?? 0;
  const remembered: Remembered = { spec, pid, startTime: startTimeOf(pid) ?? 'gone' };
  // Written aside and renamed: a reader never sees half a record.
  const file = recordFile(spec);
  await writeFile(`${file}.partial`, JSON.stringify(remembered), { mode: 0o600 });
  await rename(`${file}.partial`, file);
  return remembered;
}

/** Waits until `check` holds, asking every `everyMs`; throws with `what` and the end of the daemon's log otherwise. */
export async function waitFor(
  what: string,
  check: () => boolean | Promise<boolean>,
  { timeoutMs = 120_000, everyMs = 100, daemon }: { timeoutMs?: number; everyMs?: number; daemon?: Daemon } = {},
): Promise<void> {
  let ended = false;
  const reached = await within(
    timeoutMs,
    async () => {
      if (await check()) return true;
      ended = daemon !== undefined && !daemon.alive();
      return ended;
    },
    everyMs,
  );
  if (reached && !ended) return;
  const log = daemon === undefined ? '' : `\n${readFileSync(daemon.logFile, 'utf8').slice(-2000)}`;
  throw new Error(`${ended ? `${daemon?.spec.name} ended before` : `waited ${timeoutMs / 1000} s for`}: ${what}${log}`);
}

/** Whether `check` came to hold within `timeoutMs`. */
async function within(timeoutMs: number, check: () => boolean | Promise<boolean>, everyMs = 20): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return true;
}

function childOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}

/** When the kernel started this process, in clock ticks since boot; undefined when it is gone or only waits to be reaped. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may itself hold spaces: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function logFile({ directory, name }: Pick<DaemonSpec, 'directory' | 'name'>): string {
  return join(directory, `${name}.log`);
}

function recordFile({ directory, name }: Pick<DaemonSpec, 'directory' | 'name'>): string {
  return join(directory, `${name}.process.json`);
}
