import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { allEnded } from './all-ended.ts';

test('gives what each resolved with, in order', async () => {
  const [word, number, nothing] = await allEnded([Promise.resolve('a'), 2, undefined]);
  assert.deepEqual([word, number, nothing], ['a', 2, undefined]);
});

test('waits for those that go on when one has failed', async () => {
  const slow = Promise.withResolvers<void>();
  const told: unknown[] = [];
  const all = allEnded([Promise.reject(new Error('first')), slow.promise]).catch((error: unknown) => told.push(error));
  await turn();
  assert.deepEqual(told, []);
  slow.resolve();
  await all;
  assert.match(String(told), /first/);
});

test('throws the first failure of the list, whichever came first in time', async () => {
  const late = Promise.withResolvers<void>();
  const all = allEnded([late.promise, Promise.reject(new Error('sooner'))]);
  late.reject(new Error('later'));
  await assert.rejects(all, /later/);
});
