import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../e2e/cluster/run.ts';

const FILE = `import { after, before, describe, it } from 'node:test';
const fails = () => { throw new Error('on purpose'); };
describe('what comes after fails', () => { after(fails); it('passes', () => {}); });
describe('what comes before fails', () => { before(fails); it('never runs', () => {}); });
describe('a test fails', () => { it('fails', fails); });
`;

test('a suite whose tests pass, and what stands around them fails, is a failure', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'steps-'));
  try {
    await writeFile(join(directory, 'a.test.mjs'), FILE);
    const program = `
      const { tests } = await import(${JSON.stringify(new URL('./steps.ts', import.meta.url).href)});
      await tests('all', [${JSON.stringify(join(directory, '*.test.mjs'))}], () => false, { concurrency: 1, timeoutMs: 20_000 });`;
    // Not as part of this run: a run within a run is skipped.
    await writeFile(join(directory, 'run.mjs'), program);
    const said = await run('env', ['-u', 'NODE_TEST_CONTEXT', process.execPath, join(directory, 'run.mjs')]);
    assert.match(said, /all: 1 passed, 4 failed/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
