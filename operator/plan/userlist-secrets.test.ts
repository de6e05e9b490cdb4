import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { hostileText } from '../pgbouncer/testing/arbitrary.ts';
import { parseUserlist } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import { fc } from '../testing/properties.ts';
import { validated } from './testing/planned.ts';
import { readUserlistSecrets, type UserlistSecrets } from './userlist-secrets.ts';

const NEWEST: Version = { major: 1, minor: 26, patch: 1 };
const OLDEST: Version = { major: 1, minor: 18, patch: 0 };

function read(texts: readonly (string | undefined)[], version = NEWEST): UserlistSecrets {
  const userlistSecretRefs = texts.map((_, index) => ({ name: `list-${index}`, key: 'users' }));
  const { spec } = validated({ backends: [{ host: 'pg' }], auth: { userlistSecretRefs } });
  assert.ok(spec);
  return readUserlistSecrets(spec, version, ({ name }) => {
    const value = texts[Number(name.slice(5))];
    return value === undefined ? { found: false, problem: 'does not exist' } : { found: true, value };
  });
}
const linesOf = (...read_: Parameters<typeof read>): readonly string[] => read(...read_).faults.map(formatFault);

test('lists are merged, and a user who stands there twice with one password is one', () => {
  const { users, faults } = read(['; a comment\n"a" "1"\r\n\n"b""" "2" tail', '"a" "1"\n  "c"\t"3"']);
  assert.deepEqual(faults, []);
  assert.deepEqual(
    [...users.values()].map(({ name, password, place }) => [name, password, place]),
    [
      ['a', '1', 'line 2 of list-0/users'],
      ['b"', '2', 'line 4 of list-0/users'],
      ['c', '3', 'line 2 of list-1/users'],
    ],
  );
});

for (const [what, text, line, version] of [
  ['a comment of another kind', '# planted', /list-0\/users.*/],
  ['a comment of another kind, by its line', '"a" "1"\n# planted', /line 2 begins with #, and in a userlist only ;/],
  ['no quotes', 'planted md5', /line 1 is not "user" "password", both in double quotes/],
  [
    'an md5 string that is not hex',
    '"planted" "md5zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"',
    /begins like an md5 hash and is none/,
  ],
  ['an md5 hash in capitals', `"planted" "md5${'A'.repeat(32)}"`, /begins like an md5 hash and is none/],
  [
    'two passwords for one user',
    '"planted" "1"\n"planted" "2"',
    /line 2 has another password for the user of line 1 of list-0/,
  ],
  ["the operator's name", '"poolkeeper" "planted"', /is for a user that belongs to the operator.*; remove it/],
  ['no name', '"" "planted"', /line 1 has an empty name/],
  ['a control character', '"a" "planted\u0007"', /line 1 has a control character/],
  ['a name that is too long', `"${'x'.repeat(64)}" "planted"`, /a user of 64 bytes.*; shorten the name to 63/],
  ['a password that this version does not take', `"a" "${'x'.repeat(2048)}"`, /more than the 2047 bytes/, OLDEST],
] as const) {
  test(`a line is refused by Secret, key and number, without its content: ${what}`, () => {
    const lines = linesOf([text], version);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', /^spec\.auth\.userlistSecretRefs\[0\]: line \d+ .*\("list-0\/users"\); /);
    assert.match(lines[0] ?? '', line);
    assert.doesNotMatch(lines[0] ?? '', /planted|zzz|AAA/);
  });
}

test('every line is judged, not only the first that is wrong, and a list that is missing is told', () => {
  const lines = linesOf(['#\n"a" "1"\nx', undefined]);
  assert.deepEqual(
    lines.map((line) => line.slice(0, 46)),
    [
      'spec.auth.userlistSecretRefs[0]: line 1 begins',
      'spec.auth.userlistSecretRefs[0]: line 3 is not',
      'spec.auth.userlistSecretRefs[1]: does not exis',
    ],
  );
});

test('whatever stands in a list, a fault shows nothing of it, and what is taken is what PgBouncer would read', () => {
  fc.assert(
    fc.property(hostileText, hostileText, (name, password) => {
      const text = `"secret-name ${name}" "secret-password ${password}"\n`;
      const { users, faults } = read([text]);
      for (const fault of faults) assert.doesNotMatch(formatFault(fault), /secret-/);
      if (faults.length > 0) return;
      const parsed = parseUserlist(text);
      assert.ok(parsed.ok);
      assert.deepEqual(
        [...users.values()].map((user) => [user.name, user.password]),
        parsed.entries.map((entry) => [entry.name, entry.password]),
      );
    }),
    { numRuns: 1_000 },
  );
});
