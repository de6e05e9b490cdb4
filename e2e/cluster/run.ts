// Runs other programs to their end. A failure carries the command and the end of what it printed, so that the message
// alone tells what to do.
import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Text for standard input; none means an empty one. */
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Called with each line of standard output and error, as it comes. */
  readonly onLine?: (line: string) => void;
}

/** A program that ended with a code other than 0, or could not be started (`code` undefined). */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly code: number | undefined;
  readonly output: string;

  constructor(command: readonly string[], code: number | undefined, output: string, cause?: Error) {
    const tail = output.trimEnd().split('\n').slice(-20).join('\n');
    super(`${command.join(' ')} ended with ${code ?? 'no exit code'}${tail === '' ? '' : `:\n${tail}`}`, { cause });
    this.code = code;
    this.output = output;
  }
}

/** Whether the program itself is missing. */
export function isNotFound(error: unknown): boolean {
  return (
    error instanceof CommandFailed &&
    error.cause instanceof Error &&
    'code' in error.cause &&
    error.cause.code === 'ENOENT'
  );
}

/** Standard output of `command`, trimmed at its end. Throws {@link CommandFailed} unless it ends with 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.signal ? { signal: options.signal } : {}),
  });
  let stdout = '';
  let everything = '';
  let partial = '';
  const take = (chunk: string): void => {
    everything = (everything + chunk).slice(-100_000);
    if (options.onLine === undefined) return;
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    lines.forEach(options.onLine);
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    take(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', take);
  child.stdin.on('error', () => {}); // a program that ends without reading its input is no error of ours
  child.stdin.end(options.input ?? '');
  child.on('error', (error) =>
    reject(new CommandFailed([command, ...args], undefined, `${everything}\n${error.message}`, error)),
  );
  child.on('close', (code, signal) => {
    if (code === 0) resolve(stdout.trimEnd());
    else
      reject(
        new CommandFailed([command, ...args], code ?? undefined, signal ? `${everything}\n${signal}` : everything),
      );
  });
  return promise;
}

/** Runs `command` on this process's own standard streams, in the directory that the user is in, and gives its exit code. */
export async function runAttached(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // npm starts scripts in the package's directory and tells here where it was called.
  const cwd = process.env['INIT_CWD'] ?? process.cwd();
  const child = spawn(command, args, { stdio: 'inherit', cwd, env: { ...process.env, ...environment } });
  // The terminal sends these to the child too, and its exit code is the answer.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  child.on('error', reject);
  child.on('close', (code) => {
    process.off('SIGINT', ignore);
    resolve(code ?? 1);
  });
  return promise;
}
