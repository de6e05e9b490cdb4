import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIni } from './parse-ini.ts';

const V124 = { major: 1, minor: 24, patch: 1 };
const V126 = { major: 1, minor: 26, patch: 1 };

describe('reading a pgbouncer.ini', () => {
  it('takes comments, indentation, CR LF within limits of the grammar, and unquoted pairs', () => {
    const parsed = parseIni(
      '; c\n# c\n\n[databases]\n  app = host=h port=5432\n[pgbouncer]\nmax_client_conn=5\n  syslog_ident = r  \n',
      V126,
    );
    assert.deepEqual(parsed, {
      ok: true,
      ini: {
        databases: [{ name: 'app', params: { host: 'h', port: '5432' } }],
        users: [],
        pgbouncer: [
          ['max_client_conn', '5'],
          ['syslog_ident', 'r'],
        ],
      },
      includes: [],
    });
  });

  for (const [what, text, line, problem] of [
    ['a second [pgbouncer]', '[pgbouncer]\nverbose = 0\n[pgbouncer]\n', 3, /\[pgbouncer\] stands there twice/],
    ['no [pgbouncer]', '[databases]\n', 0, /no section \[pgbouncer\]/],
    ['an unknown section', '[servers]\n', 1, /not a section/],
    ['something behind a header', '[pgbouncer] verbose = 1\n', 1, /not a section/],
    ['a pair before the first header', 'verbose = 1\n', 1, /before the first section/],
    [
      'an unknown key',
      '[pgbouncer]\nno_such_key = 1\n',
      2,
      /no_such_key is not a setting of \[pgbouncer\] in PgBouncer 1.24.1/,
    ],
    ['a key of a newer version', '[pgbouncer]\nscram_iterations = 4096\n', 2, /scram_iterations is not a setting/],
    ['a key of another section', '[pgbouncer]\npool_size = 5\n', 2, /pool_size is not a setting of \[pgbouncer\]/],
    ['a key twice', '[pgbouncer]\nverbose = 0\nverbose = 0\n', 3, /verbose stands there twice/],
    ['a number out of range', '[pgbouncer]\nmax_client_conn = 0\n', 2, /max_client_conn is too small; write/],
    ['a comment behind a value', '[pgbouncer]\nmax_client_conn = 5 ; five\n', 2, /not a whole number/],
    [
      'a pool size of garbage',
      '[databases]\napp = pool_size=abc\n[pgbouncer]\n',
      2,
      /app: pool_size is not a whole number/,
    ],
    [
      'an unknown key of a database',
      '[databases]\napp = sslmode=require\n[pgbouncer]\n',
      2,
      /app: sslmode is not a setting/,
    ],
    ['a database twice', '[databases]\na = host=h\na = host=h\n[pgbouncer]\n', 3, /a stands there twice/],
    ['a database called pgbouncer', '[databases]\npgbouncer = host=h\n[pgbouncer]\n', 2, /the name of the console/],
    [
      'a database with a long name',
      `[databases]\n${'d'.repeat(64)} = host=h\n[pgbouncer]\n`,
      2,
      /longer than 63 bytes/,
    ],
    [
      'a user with a long name',
      `[users]\n${'u'.repeat(128)} = pool_mode=session\n[pgbouncer]\n`,
      2,
      /longer than 127 bytes/,
    ],
    [
      'a quoted name before 1.25',
      "[databases]\n'my db' = host=h\n[pgbouncer]\n",
      2,
      /cannot stand in a file of PgBouncer 1.24.1/,
    ],
    ['a name in double quotes', '[databases]\n"my db" = host=h\n[pgbouncer]\n', 2, /not a key/],
    ['a peer id out of range', '[peers]\n16384 = host=h\n[pgbouncer]\n', 2, /not a peer id/],
    ['a tab between pairs', '[databases]\napp = host=h\tport=5\n[pgbouncer]\n', 2, /control character/],
    ['a carriage return', '[pgbouncer]\r\nverbose = 0\n', 1, /control character/],
    ['NUL', '[pgbouncer]\nverbose = 0\0\n', 2, /control character/],
    ['a byte order mark', '\ufeff[pgbouncer]\n', 1, /before the first section/],
    ['an include', '%include /etc/passwd\n[pgbouncer]\n', 1, /includes another file/],
    ['an include inside a section', '[pgbouncer]\n  %include /x\n', 2, /includes another file/],
    ['a value without a key', '[pgbouncer]\n= 5\n', 2, /not a key/],
    ['a key alone', '[pgbouncer]\nverbose\n', 2, /not a key/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const parsed = parseIni(text, V124);
      assert.equal(parsed.ok, false);
      assert.equal(parsed.ok || parsed.line, line);
      assert.match(parsed.ok ? '' : parsed.problem, problem);
    });
  }

  it('refuses [peers] before 1.19', () => {
    const parsed = parseIni('[peers]\n[pgbouncer]\n', { major: 1, minor: 18, patch: 0 });
    assert.match(parsed.ok ? '' : parsed.problem, /needs PgBouncer 1.19/);
  });

  it('takes a file that only includes another where that is allowed, and names it', () => {
    assert.deepEqual(parseIni('%include /etc/pgbouncer/proved.ini', V126, { allowInclude: true }), {
      ok: true,
      ini: { databases: [], users: [], pgbouncer: [] },
      includes: ['/etc/pgbouncer/proved.ini'],
    });
  });

  it('never repeats a value, for it may be a password', () => {
    for (const text of [
      "[databases]\na = password='secret' port=secret\n[pgbouncer]\n",
      "[databases]\na = password='secret\n[pgbouncer]\n",
      '[pgbouncer]\nmax_client_conn = secret\n',
      '[databases]\na = host=h nonsense=secret\n[pgbouncer]\n',
    ]) {
      const parsed = parseIni(text, V126);
      assert.ok(!parsed.ok && !parsed.problem.includes('secret'), text);
    }
  });
});
