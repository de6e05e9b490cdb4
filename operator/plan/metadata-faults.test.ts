import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { metadataFaults } from './metadata-faults.ts';

const lines = (labels: Record<string, string>, annotations: Record<string, string> = {}): readonly string[] =>
  metadataFaults('spec.x', { labels, annotations }).map(formatFault);

test('labels and annotations as Kubernetes takes them', () => {
  assert.deepEqual(
    lines(
      { team: 'a', 'example.com/a_b.c-d': '', e: 'x'.repeat(63) },
      { 'service.beta.kubernetes.io/aws-load-balancer-type': 'a value, with anything: {}\n', ['n'.repeat(63)]: '' },
    ),
    [],
  );
});

for (const [what, labels, annotations, says] of [
  ['a name with a space', { 'a b': 'x' }, {}, /^spec\.x\.labels\.a b: cannot be the name of a label/],
  ['a name that is too long', {}, { ['n'.repeat(64)]: 'x' }, /cannot be the name of a label or an annotation/],
  ['two slashes', {}, { 'a/b/c': 'x' }, /cannot be the name/],
  ['nothing behind the slash', {}, { 'a/': 'x' }, /cannot be the name/],
  ['a prefix that is no domain', {}, { 'a_b/c': 'x' }, /cannot be the name/],
  [
    'a value with a space',
    { a: 'b c' },
    {},
    /^spec\.x\.labels\.a: cannot be the value of a label \("b c"\); write at most 63/,
  ],
  ['a value that ends with a hyphen', { a: 'b-' }, {}, /cannot be the value/],
  [
    'a name of the operator',
    {},
    { 'poolkeeper.dev/applied-hash': 'x' },
    /belongs to the operator; choose another name/,
  ],
] as const) {
  test(`${what} is named before the API server refuses the object`, () => {
    const [line, ...others] = lines({ ...labels }, { ...annotations });
    assert.match(line ?? '', says);
    assert.deepEqual(others, []);
  });
}
