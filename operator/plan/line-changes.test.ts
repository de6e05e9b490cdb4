import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../testing/properties.ts';
import { lineChanges } from './line-changes.ts';

const brief = (before: string, after: string): string =>
  lineChanges([...before], [...after])
    .map(({ name, change }) => `${change === 'added' ? '+' : '-'}${name}`)
    .join('');

test('what goes and what comes is told, and nothing of what stays', () => {
  assert.equal(brief('abc', 'abc'), '');
  assert.equal(brief('abc', 'axc'), '-b+x');
  assert.equal(brief('', 'ab'), '+a+b');
  assert.equal(brief('ab', ''), '-a-b');
});

test('a line that moves goes and comes', () => {
  assert.equal(brief('ab', 'ba'), '-a+a');
  assert.equal(brief('abcd', 'bcda'), '-a+a');
});

test('as many stay as can', () => {
  const list = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 8 });
  fc.assert(
    fc.property(list, list, (before, after) => {
      const changes = lineChanges(before, after);
      const removed = changes.filter(({ change }) => change === 'removed');
      const added = changes.filter(({ change }) => change === 'added');
      assert.equal(before.length - removed.length, after.length - added.length);
      const without = (list: readonly string[], gone: readonly { readonly name: string }[]) => {
        const counts = new Map<string, number>();
        for (const name of list) counts.set(name, (counts.get(name) ?? 0) + 1);
        for (const { name } of gone) counts.set(name, (counts.get(name) ?? 0) - 1);
        return [...counts].filter(([, count]) => count !== 0).toSorted();
      };
      assert.deepEqual(without(before, removed), without(after, added));
    }),
  );
});
