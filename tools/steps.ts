/** The parts of the test run: each is a step with a name, a duration, and tests that passed and failed. */
import { spawn } from 'node:child_process';
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** A command that passes or fails as a whole: one test. */
export async function command(
  name: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  const started = performance.now();
  console.log(`\n==> ${name}`);
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  const code = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      console.error(String(error));
      resolve(127);
    });
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  console.log(`    ${name}: ${code === 0 ? 'ok' : `failed (exit code ${code})`}, ${seconds(started)}`);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

export interface TestOptions {
  /** Files that run at the same time. */
  readonly concurrency: number;
  readonly timeoutMs: number;
}

export interface FileCounts extends Counts {
  /** Where the failed ones stand. */
  readonly failedFiles: readonly string[];
  /** Failed ones that stand in none of them. */
  readonly failedNowhere: number;
}

/** The tests of the files that match, with their names as they end. */
export async function tests(
  name: string,
  globs: readonly string[],
  exclude: (file: string) => boolean,
  options: TestOptions,
): Promise<FileCounts> {
  const started = performance.now();
  console.log(`\n==> ${name}`);
  const files = await matching(globs, exclude);
  let passed = 0;
  let failedNowhere = 0;
  let failed = 0;
  const failedFiles = new Set<string>();
  const stream = run({ files, concurrency: options.concurrency, timeout: options.timeoutMs });
  stream.on('test:pass', (event) => {
    if (event.details.type !== 'suite' && event.skip === undefined) passed += 1;
  });
  stream.on('test:fail', (event) => {
    // A suite fails with its tests, which are counted; by itself only when what stands before or after them does.
    if (event.details.type === 'suite' && !isOfHook(event.details.error)) return;
    failed += 1;
    if (event.file === undefined) failedNowhere += 1;
    else failedFiles.add(relative(process.cwd(), event.file));
  });
  await new Promise<void>((resolve, reject) => {
    const printed = stream.compose(new spec());
    printed.on('end', resolve);
    printed.on('error', reject);
    printed.pipe(process.stdout, { end: false });
  });
  if (files.length === 0) {
    console.error(`no test file matches ${globs.join(' ')}`);
    failed += 1;
    failedNowhere += 1;
  }
  console.log(`    ${name}: ${passed} passed, ${failed} failed, ${seconds(started)}`);
  return { passed, failed, failedFiles: [...failedFiles], failedNowhere };
}

const PASSED_ALONE = 'failed beside others, passed alone';

/** The files of which `testsWithSecondChance` said that, in what a process printed. */
export const passedAlone = (said: string): readonly string[] =>
  [...said.matchAll(new RegExp(`^ *(\\S+): ${PASSED_ALONE}$`, 'gm'))].map(([, file = '']) => file);

export interface SecondChance extends Counts {
  /** Files that failed beside others. */
  readonly passedAlone: readonly string[];
}

/**
 * As `tests`, for those that share this machine with servers, clusters and clients of each other: a file that failed
 * beside others is asked once more alone, and it is said so. What fails then counts.
 */
export async function testsWithSecondChance(
  name: string,
  globs: readonly string[],
  exclude: (file: string) => boolean,
  options: TestOptions,
): Promise<SecondChance> {
  const first = await tests(name, globs, exclude, options);
  let counts: Counts = { passed: first.passed, failed: first.failedNowhere };
  const passedAlone: string[] = [];
  for (const file of first.failedFiles) {
    const alone = { ...options, concurrency: 1 };
    const again = await tests(`${file}, once more and alone`, [file], () => false, alone);
    // What passed at the first attempt was counted then.
    counts = add(counts, { passed: 0, failed: again.failed });
    if (again.failed > 0) continue;
    passedAlone.push(file);
    console.log(`    ${file}: ${PASSED_ALONE}`);
  }
  return { ...counts, passedAlone };
}

const isOfHook = (error: unknown): boolean =>
  error instanceof Error && 'failureType' in error && error.failureType === 'hookFailed';

async function matching(globs: readonly string[], exclude: (file: string) => boolean): Promise<string[]> {
  const { glob } = await import('node:fs/promises');
  const files: string[] = [];
  for (const pattern of globs) for await (const file of glob(pattern)) if (!exclude(file)) files.push(file);
  return files.sort();
}

export const add = (a: Counts, b: Counts): Counts => ({ passed: a.passed + b.passed, failed: a.failed + b.failed });

export const seconds = (started: number): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
