import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConnectionString } from './connection-string.ts';

describe('a connection string', () => {
  for (const [text, pairs] of [
    ['', []],
    [
      "host='pg' port='5432'",
      [
        ['host', 'pg'],
        ['port', '5432'],
      ],
    ],
    [
      'host=pg  port = 5432 ',
      [
        ['host', 'pg'],
        ['port', '5432'],
      ],
    ],
    ['password=a=b\'c"d', [['password', `a=b'c"d`]]],
    ['password=a=b"d', [['password', 'a=b"d']]],
    ["q='it''s'", [['q', "it's"]]],
    ["q=''''", [['q', "'"]]],
    [
      "q='a b' r='c'",
      [
        ['q', 'a b'],
        ['r', 'c'],
      ],
    ],
    ["q='\\'", [['q', '\\']]],
    ["q=''", undefined],
    ['q=', undefined],
    ['q', undefined],
    ["q='open", undefined],
    ["q='a'r='b'", undefined],
    ["q='a'x", undefined],
    ['=x', undefined],
  ] as const) {
    it(`${JSON.stringify(text)} is ${pairs === undefined ? 'refused' : JSON.stringify(pairs)}`, () => {
      const parsed = parseConnectionString(text);
      assert.deepEqual(parsed.ok ? parsed.pairs : undefined, pairs);
    });
  }

  it('that is refused does not show its values', () => {
    const parsed = parseConnectionString("password='' user='secret");
    assert.ok(!parsed.ok && !parsed.problem.includes('secret'));
  });
});
