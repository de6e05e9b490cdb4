import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nearestName } from './nearest-name.ts';

const NAMES = ['server_lifetime', 'server_idle_timeout', 'query_timeout', 'pool_mode', 'timezone'];

describe('the nearest name', () => {
  for (const [name, expected] of [
    ['server_life_time', 'server_lifetime'],
    ['SERVER_LIFETIME', 'server_lifetime'],
    ['qeury_timeout', 'query_timeout'],
    ['pool_mod', 'pool_mode'],
    ['zone', undefined],
    ['frobnicate', undefined],
    ['', undefined],
  ] as const) {
    it(`to ${JSON.stringify(name)} is ${expected ?? 'none'}`, () => assert.equal(nearestName(name, NAMES), expected));
  }

  it('is the first of those that are equally near', () => assert.equal(nearestName('ab', ['aa', 'ac', 'ad']), 'aa'));
});
