import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keyOf, splitKey } from './objects.ts';

describe('keys', () => {
  for (const [key, parts] of [
    ['shop/app', { namespace: 'shop', name: 'app' }],
    ['node-1', { name: 'node-1' }],
  ] as const) {
    it(`of objects are made and read: ${key}`, () => {
      assert.equal(keyOf({ metadata: parts }), key);
      assert.deepEqual(splitKey(key), parts);
    });
  }
});
