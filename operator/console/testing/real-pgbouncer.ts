/**
 * The real programs, for tests: a pgbouncer of any version on files that the test writes, and how such a pgbouncer
 * judges files without serving. Everything is on loopback, in a temporary directory, and gone when it is stopped.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pgbouncerCommand } from '../../../e2e/cluster/rootfs.ts';
import { parseVersion, type Version } from '../../pgbouncer/version.ts';
import { accepts } from './accepts.ts';
import { freePort } from './free-port.ts';

export const REAL_VERSIONS = ['1.18.0', '1.24.1', '1.26.1'] as const;
export type RealVersion = (typeof REAL_VERSIONS)[number];

/** Where a pgbouncer lives; its files may name both. */
export interface Place {
  readonly directory: string;
  readonly port: number;
}

/** File name → text; `pgbouncer.ini` is the one it starts on. */
export type Files = Readonly<Record<string, string>>;

export interface RealPgbouncer extends Place {
  readonly host: string;
  readonly version: Version;
  readonly pid: number;
  /** Replaces files as Kubernetes does: each is a new inode. */
  readonly write: (files: Files) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
  /** What it logged so far. */
  readonly log: () => string;
  /** SIGSTOP and SIGCONT: it keeps its connections and answers nothing. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => Promise<void>;
}

/** The user that everything runs as when the tests run as root, which pgbouncer refuses. */
const NOBODY = 65_534;
const START_DEADLINE_MS = 10_000;

/** Ready to serve when it resolves. */
export async function startPgbouncer(version: RealVersion, files: (place: Place) => Files): Promise<RealPgbouncer> {
  const place = { directory: await makeDirectory(), port: await freePort() };
  const write = (some: Files): Promise<void> => writeFiles(place.directory, some);
  await write(files(place));
  const child = await launch(version, [join(place.directory, 'pgbouncer.ini')]);
  const log = collectOutput(child);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(place.directory, { recursive: true, force: true });
  };
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await accepts(place.port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`pgbouncer ${version} did not start:\n${log()}`);
    }
    await sleep(20);
  }
  return {
    ...place,
    host: '127.0.0.1',
    version: versionOf(version),
    pid: child.pid ?? 0,
    write,
    remove: (name) => rm(join(place.directory, name)),
    log,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop,
  };
}

/**
 * Lets pgbouncer read files to their end without serving: for a user that does not exist it gives up right after.
 * @returns its complaints; none when it takes every file
 */
export async function complaintsOf(version: RealVersion, files: (place: Place) => Files): Promise<readonly string[]> {
  const place = { directory: await makeDirectory(), port: await freePort() };
  try {
    await writeFiles(place.directory, files(place));
    const child = await launch(version, ['-u', '__nouser__', join(place.directory, 'pgbouncer.ini')]);
    const output = collectOutput(child);
    await once(child, 'close');
    const lines = output().split('\n');
    const complaints = lines.filter((line) => / (ERROR|WARNING|FATAL) /.test(line));
    return complaints.filter((line) => !line.includes("could not find user '__nouser__'"));
  } finally {
    await rm(place.directory, { recursive: true, force: true });
  }
}

export function versionOf(text: RealVersion): Version {
  const version = parseVersion(text);
  if (version === undefined) throw new TypeError(text);
  return version;
}

async function launch(version: RealVersion, args: readonly string[]): Promise<ChildProcess> {
  const program = await pgbouncerCommand(version);
  const asNobody = process.getuid?.() === 0 ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  const child = spawn(
    'setpriv',
    // Nothing is left behind when the test dies.
    ['--pdeathsig', 'SIGKILL', ...asNobody, '--', program.command, ...program.args, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  await once(child, 'spawn');
  return child;
}

function collectOutput(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-test-'));
  if (process.getuid?.() === 0) await chown(directory, NOBODY, NOBODY);
  return directory;
}

async function writeFiles(directory: string, files: Files): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    await writeFile(`${path}.new`, text, { mode: 0o644 });
    await rename(`${path}.new`, path);
  }
}

/** The text of a file of a running pgbouncer. */
export const readFileOf = ({ directory }: Place, name: string): Promise<string> =>
  readFile(join(directory, name), 'utf8');
