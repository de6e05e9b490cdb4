import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withLock } from './lock.ts';

test('two holders of one lock never work at the same time', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lock-'));
  let working = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    working += 1;
    most = Math.max(most, working);
    await new Promise((resolve) => setTimeout(resolve, 30));
    working -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(join(directory, 'deep', 'lock'), work)));
  assert.equal(most, 1);
  await rm(directory, { recursive: true });
});

test('a lock is free again when its holder failed, or was killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lock-'));
  const file = join(directory, 'lock');
  await assert.rejects(
    withLock(file, async () => {
      throw new Error('failed');
    }),
    /failed/,
  );
  const script = `
    const { withLock } = await import(${JSON.stringify(new URL('./lock.ts', import.meta.url).href)});
    await withLock(${JSON.stringify(file)}, () => { console.log('held'); return new Promise(() => setInterval(() => {}, 1000)); });`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  assert.equal(await withLock(file, async () => 'mine'), 'mine');
  await rm(directory, { recursive: true });
});
