/** Apply → Ready with 3 replicas, image present: the median of 20. */
import { readFile } from 'node:fs/promises';
import { summarise } from '../demo/latency.ts';
import { note, table } from '../demo/output.ts';
import type { Target } from '../demo/target.ts';
import { type BenchOptions, NAMESPACE } from './installation.ts';

export async function benchReady(target: Target, { rounds = 20 }: BenchOptions): Promise<object> {
  const sample = await readFile('manifests/samples/high-concurrency.yaml', 'utf8');
  const milliseconds: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const applied = performance.now();
    await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: sample });
    await target.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', 'cpool/app', '--timeout=120s']);
    milliseconds.push(performance.now() - applied);
    note(`round ${round}: ${((milliseconds.at(-1) ?? 0) / 1000).toFixed(2)} s`);
    await target.kubectl(['-n', NAMESPACE, 'delete', 'cpool', 'app', '--wait=true']);
    await target.kubectl([
      '-n',
      NAMESPACE,
      'wait',
      '--for=delete',
      'pod',
      '-l',
      'app.kubernetes.io/instance=app',
      '--timeout=120s',
    ]);
  }
  const seconds = summarise(milliseconds.map((value) => value / 1000));
  table([
    ['apply → Ready, 3 replicas', 'median', 'p95', 'worst'],
    [`${rounds} rounds`, `${seconds.p50} s`, `${seconds.p95} s`, `${seconds.max} s`],
  ]);
  return { bench: 'ready', rounds, seconds };
}
