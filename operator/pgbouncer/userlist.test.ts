import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { hostileText, userlistEntry } from './testing/arbitrary.ts';
import { classifySecret, parseUserlist, printUserlist } from './userlist.ts';

describe('a userlist', () => {
  it('has a line for each user, in the order given, with quotes doubled', () => {
    const entries = [
      { name: 'z', password: 'p"w' },
      { name: 'a"', password: '' },
    ];
    assert.equal(printUserlist(entries), '"z" "p""w"\n"a""" ""\n');
  });

  it('is read back as what it was printed from', () => {
    fc.assert(
      fc.property(fc.array(userlistEntry, { maxLength: 6 }), (entries) => {
        assert.deepEqual(parseUserlist(printUserlist(entries)), { ok: true, entries });
      }),
    );
  });

  it('has as many lines as users, whatever stands in them, or is refused without showing a password', () => {
    fc.assert(
      fc.property(hostileText, hostileText, (name, password) => {
        try {
          const lines = printUserlist([
            { name, password },
            { name: 'last', password: 'x' },
          ]).split(/[\r\n]/);
          assert.deepEqual([lines.length, lines[1]], [3, '"last" "x"']);
        } catch (error) {
          assert.ok(error instanceof RangeError);
          const shown = error.message.replace(JSON.stringify(name), '');
          assert.ok(password.length < 4 || !shown.includes(password));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('is read with comments, empty lines, and whatever follows the two fields', () => {
    assert.deepEqual(parseUserlist('; old\n\n  "a" "b" "" trailing\r\n"c"\t"d";x\n'), {
      ok: true,
      entries: [
        { name: 'a', password: 'b' },
        { name: 'c', password: 'd' },
      ],
    });
  });

  for (const [what, text, line] of [
    ['a comment with #', '"a" "b"\n# no\n', 2],
    ['a name without quotes', 'a "b"\n', 1],
    ['a password without quotes', '"a" b\n', 1],
    ['a quote that is not closed', '"a" "b\n', 1],
    ['a line break in a password', '"a" "b\nc"\n', 1],
    ['an empty name', '"" "b"\n', 1],
    ['a name of 128 bytes', `"${'a'.repeat(128)}" "b"\n`, 1],
    ['a name that is too long with its quotes doubled', `"${'""'.repeat(64)}" "b"\n`, 1],
    ['a password that is too long', `"a" "${'b'.repeat(65_531)}"\n`, 1],
  ] as const) {
    it(`is refused with ${what}, by line and without showing it`, () => {
      const parsed = parseUserlist(text);
      assert.equal(parsed.ok, false);
      assert.equal(parsed.ok || parsed.line, line);
      assert.ok(!parsed.ok && !parsed.problem.includes('b"'));
    });
  }
});

describe('a stored password', () => {
  const hash = 'A'.repeat(43);
  for (const [password, kind] of [
    ['secret', 'plain'],
    ['', 'plain'],
    ['md5', 'plain'],
    [`md5${'0'.repeat(32)}`, 'md5'],
    [`md5${'A'.repeat(32)}`, 'plain'],
    [`md5${'0'.repeat(33)}`, 'plain'],
    [`SCRAM-SHA-256$4096:c2FsdA==$${hash}=:${hash}=`, 'scram'],
    ['SCRAM-SHA-256$4096:c2FsdA==$x:y', 'plain'],
    ['SCRAM-SHA-256$', 'plain'],
  ] as const) {
    it(`${JSON.stringify(password)} is ${kind}`, () => assert.equal(classifySecret(password), kind));
  }
});
