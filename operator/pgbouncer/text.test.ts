import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasControlCharacter, maxPasswordBytes, quoteConnectionValue, quoteKey } from './text.ts';

const OLD = { major: 1, minor: 24, patch: 1 };
const NEW = { major: 1, minor: 25, patch: 0 };

describe('text in a file', () => {
  it('has no control characters', () => {
    for (const text of ['\n', 'a\rb', '\0', '\t', '\x1b[0m', '\x7f', '\u0085', '\ud800', 'a\udc00']) {
      assert.equal(hasControlCharacter(text), true, JSON.stringify(text));
    }
    for (const text of ['', 'a b', '\'"\\', 'ä', '🐘']) assert.equal(hasControlCharacter(text), false, text);
  });

  it('is quoted in a connection string with every quote doubled and no backslash', () => {
    assert.equal(quoteConnectionValue("it's \\n"), "'it''s \\n'");
    assert.equal(quoteConnectionValue("'"), "''''");
  });

  it('cannot be quoted when it is empty or could begin a line, and the complaint does not show it', () => {
    assert.throws(() => quoteConnectionValue(''), RangeError);
    assert.throws(
      () => quoteConnectionValue('secret\nadmin_users = me'),
      (error) => error instanceof RangeError && !error.message.includes('secret'),
    );
  });

  for (const [name, old, current] of [
    ['app-1.x_Y*', 'app-1.x_Y*', 'app-1.x_Y*'],
    ['*', '*', '*'],
    ['my db', undefined, "'my db'"],
    ['ä', undefined, "'ä'"],
    ['[pgbouncer]', undefined, "'[pgbouncer]'"],
    ['', undefined, undefined],
    ["it's", undefined, undefined],
    ['a\nb', undefined, undefined],
  ] as const) {
    it(`as the name ${JSON.stringify(name)} is ${old} before 1.25 and ${current} since`, () => {
      assert.equal(quoteKey(name, OLD), old);
      assert.equal(quoteKey(name, NEW), current);
    });
  }

  it('may be longer as a password since 1.26', () => {
    assert.equal(maxPasswordBytes({ major: 1, minor: 25, patch: 2 }), 2_047);
    assert.equal(maxPasswordBytes({ major: 1, minor: 26, patch: 0 }), 65_530);
  });
});
