/**
 * npm test: everything. Types, lint and unit tests; generated files; tests against real programs and a real API server;
 * the promises on a real cluster; and the demo, shortened. The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { buildProgram } from '../e2e/cluster/build.ts';
import { connect, down, up } from '../e2e/cluster/cluster.ts';
import { check, isReal } from './check.ts';
import { add, type Counts, command, passedAlone, type SecondChance, seconds, testsWithSecondChance } from './steps.ts';

const started = performance.now();
const node = process.execPath;
let counts = await check();
const doubtful: string[] = [];
const count = async (work: Promise<Counts & Partial<SecondChance>>): Promise<void> => {
  const result = await work;
  counts = add(counts, result);
  doubtful.push(...(result.passedAlone ?? []));
  console.log(`    so far: ${counts.passed} passed, ${counts.failed} failed, ${seconds(started)}`);
};

// Every program that the rest needs is built first, with progress; what is cached costs nothing.
for (const program of ['kubernetes', 'coredns', 'helm'] as const) await buildProgram(program);
await count(command('generated files are up to date', node, ['tools/generate.ts', '--check']));
await count(
  testsWithSecondChance(
    'tests against real programs',
    ['{operator,e2e,charts,tools}/**/*.real.test.ts'],
    (file) => !isReal(file),
    {
      concurrency: 2,
      timeoutMs: 600_000,
    },
  ),
);

const wasUp = await connect().then(
  () => true,
  () => false,
);
await up();
await count(counted('promises on a real cluster', ['e2e/promises/main.ts']));
await count(command('the demo, shortened', node, ['e2e/demo/main.ts', '--seconds', '20', '--clients', '300']));
if (!wasUp) await down();

console.log(`\nall in ${seconds(started)}`);
if (doubtful.length > 0) console.log(`failed beside others, and passed alone: ${doubtful.join(', ')}`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** A program whose last line says how many of its tests passed. */
async function counted(name: string, args: readonly string[]): Promise<SecondChance> {
  const begun = performance.now();
  console.log(`\n==> ${name}`);
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    process.stdout.write(chunk);
    printed += chunk;
  });
  const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? 1)));
  const said = /(\d+) passed, (\d+) failed\s*$/.exec(printed);
  const result = {
    passed: Number(said?.[1] ?? 0),
    failed: Number(said?.[2] ?? 1),
    passedAlone: passedAlone(printed),
  };
  console.log(`    ${name}: ${seconds(begun)}`);
  return code !== 0 && result.failed === 0 ? { ...result, failed: 1 } : result;
}
