import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRow } from './rows.ts';

const of = (value: string | null) => readRow('SHOW X', { a: value });

describe('a column of a row', () => {
  it('is a text that can be shown', () => {
    assert.equal(of('app').text('a'), 'app');
    assert.equal(of('').text('a'), '');
    const hosts = Array.from({ length: 16 }, () => 'h'.repeat(253)).join(',');
    assert.equal(of(hosts).text('a'), hosts);
    assert.equal(of('a\u001b[2J\nb\u009b\u202e').text('a'), 'a\\u001b[2J\\u000ab\\u009b\\u202e');
    assert.equal(of('a\u001bb').optionalText('a'), 'a\\u001bb');
  });

  it('is no text when it is missing, NULL, or longer than anything that PgBouncer has', () => {
    assert.throws(() => of(null).text('a'), /SHOW X: column a is missing/);
    assert.throws(() => of('app').text('b'), /SHOW X: column b is missing/);
    assert.throws(() => of('x'.repeat(9_000)).text('a'), /SHOW X: column a has 9000 characters/);
  });

  it('is a whole number, however it is padded', () => {
    assert.equal(of(' 42 ').number('a'), 42);
    assert.equal(of('-1').number('a'), -1);
    assert.equal(of('18446744073709551615').number('a'), 2 ** 64);
    for (const other of ['1e400', 'NaN', 'Infinity', '0x10', '1.5', 'many', '9'.repeat(21), '١'])
      assert.throws(() => of(other).number('a'), /SHOW X: column a is no number/, other);
  });

  it('is a count when a process can have so many', () => {
    assert.equal(of('2147483647').count('a'), 2_147_483_647);
    assert.throws(() => of('2147483648').count('a'), /column a is beyond what PgBouncer counts/);
  });
});
