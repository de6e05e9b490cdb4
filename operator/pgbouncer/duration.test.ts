import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration } from './duration.ts';

describe('a duration', () => {
  for (const [text, seconds] of [
    ['90s', 90],
    ['30m', 1800],
    ['90m', 5400],
    ['1h30m', 5400],
    ['1h30m15s', 5415],
    ['2h', 7200],
    ['0s', 0],
  ] as const) {
    it(`of ${text} is ${seconds} seconds`, () => assert.equal(parseDuration(text), seconds));
  }

  for (const text of [
    '',
    '90',
    's',
    '1.5h',
    '500ms',
    '1d',
    '30m1h',
    '-5s',
    ' 5s',
    '5s ',
    '5 s',
    '5S',
    '1h30',
    '9999999999999999s',
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), undefined));
  }
});
