// One builder at a time, over processes: test files run in parallel and each may ask for the same binary. The lock is
// the kernel's (flock), so that a killed holder leaves nothing to clean up.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Runs `work` while holding an exclusive lock on `file` (made when missing), waiting for it as long as needed. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  // The holder lives as long as its standard input: it ends with us, however we end.
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const failed = once(holder, 'error').then(([error]) => {
    throw new Error(`flock is missing (Debian package util-linux): ${String(error)}`);
  });
  await Promise.race([once(holder.stdout, 'data'), failed]);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await once(holder, 'close');
  }
}
