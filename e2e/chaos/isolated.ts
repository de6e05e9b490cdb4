/**
 * Runs a program of this repository in a network and with process ids of its own: what it starts ends with it, however it
 * ends, its addresses are nobody else's, and nothing leaves the machine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linesOf } from '../../operator/kube/lines.ts';

/** @returns the JSON object that the program printed; its other lines are passed to `onLine` as they come */
export async function runIsolated<T>(
  program: URL,
  args: readonly string[],
  onLine: (line: string) => void,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'chaos-'));
  const child: ChildProcess = spawn(
    'setpriv',
    [
      ...[
        '--pdeathsig',
        'SIGKILL',
        'unshare',
        '--net',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child=SIGKILL',
        '--mount-proc',
      ],
      ...[process.execPath, program.pathname, '--directory', directory, ...args],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const ended = new Promise<number>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('close', (code) => resolve(code ?? 1));
    });
    let report = '';
    if (child.stdout !== null) {
      for await (const line of linesOf(child.stdout)) {
        if (line.startsWith('{')) report = line;
        else onLine(line);
      }
    }
    const code = await ended;
    if (code !== 0) throw new Error(`${program.pathname} ended with ${code}`);
    return JSON.parse(report) as T;
  } finally {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}
