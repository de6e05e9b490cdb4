import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectIn } from './annotation.ts';

for (const [text, object] of [
  [undefined, undefined],
  ['', undefined],
  ['{"a":', undefined],
  ['"a"', undefined],
  ['null', undefined],
  ['["a"]', undefined],
  ['{}', {}],
  ['{"a":1}', { a: 1 }],
] as const) {
  test(`an annotation of ${text}`, () => assert.deepEqual(objectIn(text), object));
}
