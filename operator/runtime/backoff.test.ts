import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoffMs } from './backoff.ts';

const CASES: readonly (readonly [failures: number, random: number, ms: number])[] = [
  [1, 0.5, 100],
  [2, 0.5, 200],
  [3, 0.5, 400],
  [1, 0, 50],
  [1, 1, 150],
  [11, 0.5, 40_000],
  [11, 0, 20_000],
  [11, 1, 60_000],
  [10_000, 0.5, 40_000],
  [0, 0.5, 100],
];

describe('the pause after failures', () => {
  for (const [failures, random, ms] of CASES) {
    it(`is ${ms} ms after ${failures} with the die at ${random}`, () => {
      assert.equal(backoffMs(failures, { firstMs: 100, limitMs: 60_000, jitter: 0.5, random: () => random }), ms);
    });
  }
});
