/** `npm run check`: types, lint and unit tests; nothing that needs a binary, a cluster or root. Under a minute. */
import { add, type Counts, command, tests } from './steps.ts';

export const UNIT_TESTS: readonly string[] = [
  'operator/**/*.test.ts',
  'tools/**/*.test.ts',
  'docs/**/*.test.ts',
  'e2e/**/*.test.ts',
];

/** Needs real programs, or a cluster. */
export const isReal = (file: string): boolean => file.endsWith('.real.test.ts') || file.startsWith('e2e/promises/');

export async function check(): Promise<Counts> {
  const lint = await command('lint and format', 'biome', ['check', '--error-on-warnings', '.']);
  const types = await command('types', 'tsc', ['-p', '.']);
  const unit = await tests('unit tests', UNIT_TESTS, isReal, { concurrency: 2, timeoutMs: 120_000 });
  return [types, unit].reduce(add, lint);
}

if (import.meta.main) {
  const { passed, failed } = await check();
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
