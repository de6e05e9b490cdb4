/** A pool size changed on 3 replicas until all were proved: at ease (4 s apart) and in quick succession. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChanges } from '../demo/change.ts';
import { summarise } from '../demo/latency.ts';
import { SYSTEM } from '../demo/operator.ts';
import { note, table } from '../demo/output.ts';
import type { Target } from '../demo/target.ts';
import { type BenchOptions, NAMESPACE } from './installation.ts';

const AT_EASE = 200;
const QUICK = 50;
const PAUSE_MS = 4_000;

export async function benchChange(target: Target, { rounds = AT_EASE }: BenchOptions): Promise<object> {
  const sample = await readFile('manifests/samples/high-concurrency.yaml', 'utf8');
  await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: sample });
  await target.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', 'cpool/app', '--timeout=120s']);
  await using changes = await openChanges(target, NAMESPACE, 'app');
  let size = 0;
  const change = async (): Promise<number> => {
    size += 1;
    return (await changes.time({ defaults: { poolSize: 100 + size } })).milliseconds;
  };
  const easy: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await sleep(PAUSE_MS);
    easy.push(await change());
    if (round % 20 === 0) note(`${round} of ${rounds} changes, ${PAUSE_MS / 1000} s apart`);
  }
  const steps = await stepMedians(target, rounds);
  const quick: number[] = [];
  for (let round = 1; round <= Math.min(QUICK, rounds); round += 1) quick.push(await change());
  const [atEase, inSuccession] = [summarise(easy), summarise(quick)];
  table([
    ['change → proved on 3 replicas', 'changes', 'median', 'p95', 'worst'],
    ['4 s apart', easy.length, `${atEase.p50} ms`, `${atEase.p95} ms`, `${atEase.max} ms`],
    ['in quick succession', quick.length, `${inSuccession.p50} ms`, `${inSuccession.p95} ms`, `${inSuccession.max} ms`],
  ]);
  table([
    ['where the time goes (4 s apart)', 'median'],
    ...Object.entries(steps).map(([step, milliseconds]) => [step, `${milliseconds} ms`]),
  ]);
  return { bench: 'change', atEase, inSuccession, steps };
}

/** The operator logs how long each step of a change took. */
async function stepMedians(target: Target, rounds: number): Promise<Readonly<Record<string, number>>> {
  const log = await target.kubectl(['-n', SYSTEM, 'logs', 'deployment/poolkeeper', '--tail=-1']);
  const changes = log
    .split('\n')
    .filter((line) => line.includes('"a change was proved"') && line.includes(`"${NAMESPACE}/app"`))
    .slice(-rounds)
    .map((line) => (JSON.parse(line) as { readonly milliseconds: Readonly<Record<string, number>> }).milliseconds);
  const names = Object.keys(changes[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, summarise(changes.map((change) => change[name] ?? 0)).p50]));
}
