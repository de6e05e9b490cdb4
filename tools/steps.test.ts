import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../e2e/cluster/run.ts';
import { passedAlone } from './steps.ts';

const FILE = `import { after, before, describe, it } from 'node:test';
const fails = () => { throw new Error('on purpose'); };
describe('what comes after fails', () => { after(fails); it('passes', () => {}); });
describe('what comes before fails', () => { before(fails); it('never runs', () => {}); });
describe('a test fails', () => { it('fails', fails); });
`;

/** Fails unless it was begun before. */
const SECOND_TIME = `import { existsSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
const mark = new URL('./begun', import.meta.url);
const begun = existsSync(mark);
writeFileSync(mark, '');
it('passes the second time', () => { if (!begun) throw new Error('the first time'); });
it('passes', () => {});
`;

/** What `steps.ts` says of the test files in a directory. */
async function saidOf(step: 'tests' | 'testsWithSecondChance', files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), 'steps-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const program = `
      const { ${step} } = await import(${JSON.stringify(new URL('./steps.ts', import.meta.url).href)});
      const { passed, failed, passedAlone = [] } = await ${step}('all', ['*.test.mjs'], () => false, { concurrency: 1, timeoutMs: 20_000 });
      console.log(passed + ' in all, ' + failed + ' for good, alone: ' + passedAlone);`;
    await writeFile(join(directory, 'run.mjs'), program);
    // Not as part of this run: a run within a run is skipped.
    return await run('env', ['-C', directory, '-u', 'NODE_TEST_CONTEXT', process.execPath, 'run.mjs']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('a suite whose tests pass, and what stands around them fails, is a failure', async () => {
  assert.match(await saidOf('tests', { 'a.test.mjs': FILE }), /1 in all, 4 for good/);
});

test('what fails beside others is asked once more alone, and passes only if it passes then', async () => {
  const said = await saidOf('testsWithSecondChance', { 'a.test.mjs': SECOND_TIME, 'b.test.mjs': FILE });
  assert.match(said, /a\.test\.mjs: failed beside others, passed alone/);
  assert.doesNotMatch(said, /b\.test\.mjs: failed beside others/);
  assert.match(said, /2 in all, 4 for good, alone: a\.test\.mjs$/m);
  assert.deepEqual(passedAlone(said), ['a.test.mjs']);
});

test('a run that finds no tests fails, with a second chance too', async () => {
  assert.match(await saidOf('testsWithSecondChance', {}), /0 in all, 1 for good/);
});
