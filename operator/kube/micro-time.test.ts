import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { microTime } from './micro-time.ts';

describe('MicroTime', () => {
  for (const [ms, text] of [
    [0, '1970-01-01T00:00:00.000000Z'],
    [1_795_000_000_001, '2026-11-18T11:06:40.001000Z'],
    [1_795_000_000_120.7, '2026-11-18T11:06:40.120000Z'],
  ] as const) {
    it(`has six digits: ${text}`, () => assert.equal(microTime(ms), text));
  }
});
