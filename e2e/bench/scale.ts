/**
 * npm run bench -- scale: 1, 100, 1000 and 5000 poolers on a real API server with the controllers of Kubernetes, with
 * simulated kubelets and consoles. It runs in a network namespace of its own, which has no way out and is gone with it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export async function benchScale(args: readonly string[]): Promise<number> {
  // Every address of 10.128.0.0/12 is this namespace's own: pods get theirs from there.
  const script = 'ip link set lo up && ip route add local 10.128.0.0/12 dev lo && exec "$@"';
  const child = spawn(
    'unshare',
    ['--net', 'sh', '-c', script, 'sh', process.execPath, 'e2e/bench/scale/inside.ts', ...args],
    { stdio: 'inherit' },
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
