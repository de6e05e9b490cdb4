/**
 * Runs test files by glob, in parallel by file, and says `N passed, N failed` last. `--` begins another group, which
 * runs when the one before has ended: for tests that would disturb the others.
 */
import { add, type Counts, testsWithSecondChance } from './steps.ts';

const groups = process.argv
  .slice(2)
  .join('\n')
  .split('\n--\n')
  .map((group) => group.split('\n').filter((glob) => glob !== ''))
  .filter((globs) => globs.length > 0);
let counts: Counts = { passed: 0, failed: 0 };
for (const [index, globs] of groups.entries()) {
  const name = groups.length === 1 ? 'promises' : `promises, group ${index + 1} of ${groups.length}`;
  counts = add(counts, await testsWithSecondChance(name, globs, () => false, { concurrency: 2, timeoutMs: 900_000 }));
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
