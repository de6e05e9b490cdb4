import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../testing/properties.ts';
import { type IdentEntry, parseIdentLine, printIdent } from './ident.ts';
import { hostileText } from './testing/arbitrary.ts';

test('a map is printed with its names in quotes, so that none is a keyword', () => {
  assert.equal(
    printIdent([
      { map: 'm', systemUser: 'app.example.com', user: 'app' },
      { map: 'm', systemUser: 'a "b" # c', user: 'all' },
      { map: 'm', systemUser: 'admin', user: undefined },
    ]),
    'm "app.example.com" "app"\nm "a ""b"" # c" "all"\nm "admin" all\n',
  );
});

test('a map is read back as what it was printed from, or refused', () => {
  fc.assert(
    fc.property(hostileText, hostileText, (systemUser, user) => {
      const entry: IdentEntry = { map: 'm', systemUser, user };
      let line: string;
      try {
        line = printIdent([entry]);
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return;
      }
      assert.equal(line.split(/[\r\n]/).length, 2);
      assert.deepEqual(parseIdentLine(line.trimEnd()), { ok: true, entry });
    }),
    { numRuns: 1_000 },
  );
});

test('a name may hold what only Unicode takes for the end of a line', () => {
  const entry = { map: 'm', systemUser: 'a\u2028"b', user: '\u2029' };
  assert.deepEqual(parseIdentLine(printIdent([entry]).trimEnd()), { ok: true, entry });
});

for (const [line, problem] of [
  ['m cn', /2 words/],
  ['', /0 words/],
  ['m cn app more', /4 words/],
  ['m "cn app', /not closed/],
  ['"m m" cn app', /whose name/],
  ['m /^(.*)@x$ app', /regular expression/],
  ['m cn +staff', /group/],
  ['m cn ""', /empty/],
] as const) {
  test(`the map ${JSON.stringify(line)} is refused`, () => {
    const parsed = parseIdentLine(line);
    assert.match(parsed.ok ? '' : parsed.problem, problem);
  });
}
