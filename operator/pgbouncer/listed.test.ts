import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atMost, listed } from './listed.ts';

for (const [limit, names, text, items] of [
  [2, [], '', []],
  [2, ['a'], 'a', ['a']],
  [2, ['a', 'b'], 'a, b', ['a', 'b']],
  [2, ['a', 'b', 'c'], 'a, b and 1 more', ['a', 'b', 'and 1 more']],
] as const) {
  test(`${names.length} names, of which at most ${limit} are named`, () => {
    assert.equal(listed(names, limit), text);
    assert.deepEqual(atMost(names, limit), items);
  });
}
