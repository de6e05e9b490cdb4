/** Runs test files by glob, in parallel by file, and says `N passed, N failed` last. */
import { tests } from './steps.ts';

const { passed, failed } = await tests('promises', process.argv.slice(2), () => false, {
  concurrency: 3,
  timeoutMs: 600_000,
});
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
