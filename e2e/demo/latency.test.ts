import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarise } from './latency.ts';

test('a hundred latencies are summarised by rank, whatever their order', () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  const summary = { mean: 50.5, p50: 51, p95: 96, p99: 100, max: 100 };
  assert.deepEqual(summarise(values), summary);
  assert.deepEqual(summarise(values.toReversed()), summary);
});

test('one latency is all of them, and none are zero', () => {
  assert.deepEqual(summarise([1.234]), { mean: 1.23, p50: 1.23, p95: 1.23, p99: 1.23, max: 1.23 });
  assert.deepEqual(summarise([]), { mean: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});
