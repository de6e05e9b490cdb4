import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../testing/properties.ts';
import { cutText, describeValue, formatFault } from './fault.ts';

const remedy = 'correct it';

test('a fault is one line: path, problem, value, remedy', () => {
  assert.equal(
    formatFault({ path: 'spec.replicas', value: -1, problem: 'is too small', remedy: 'give at least 0' }),
    'spec.replicas: is too small (-1); give at least 0',
  );
  assert.equal(formatFault({ path: 'spec', problem: 'is missing', remedy }), 'spec: is missing; correct it');
});

test('an empty value is shown, a missing one is not', () => {
  assert.equal(formatFault({ path: 'a', value: '', problem: 'is empty', remedy }), 'a: is empty (""); correct it');
  assert.equal(formatFault({ path: 'a', value: null, problem: 'is wrong', remedy }), 'a: is wrong (null); correct it');
});

test('a long value is cut', () => {
  assert.equal(describeValue('x'.repeat(200)).length, 81);
  assert.equal(describeValue('x'.repeat(78)), `"${'x'.repeat(78)}"`);
});

test('a text is never cut in the middle of a character: the API server would store another one', () => {
  assert.equal(cutText('🐘🐘', 3), '🐘');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 20 }), (text, limit) => {
      assert.ok(cutText(text, limit).isWellFormed() || !text.isWellFormed());
    }),
  );
});

test('nothing that a user wrote can begin another line, or move the cursor of a terminal', () => {
  const hostile = fc.string({ unit: fc.constantFrom('\n', '\r', '\x1b', '\u009b', '\u2028', '\u202e', 'x', '"') });
  fc.assert(
    fc.property(hostile, hostile, hostile, (path, value, problem) => {
      assert.ok(!/[\p{Cc}\u2028\u202e]/u.test(formatFault({ path, value, problem, remedy })));
    }),
  );
});
