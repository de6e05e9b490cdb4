import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { type IniFile, printIni } from './ini.ts';
import { parseIni } from './parse-ini.ts';
import { hostileText, iniFile } from './testing/arbitrary.ts';
import { parseVersion, type Version } from './version.ts';

const version = (text: string): Version => {
  const parsed = parseVersion(text);
  assert.ok(parsed);
  return parsed;
};
const VERSIONS = ['1.18.0', '1.24.1', '1.26.1'].map(version);
const NEWEST = version('1.26.1');

const sorted = (ini: IniFile): IniFile => ({
  ...ini,
  databases: ini.databases.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  users: ini.users.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
});

describe('a printed pgbouncer.ini', () => {
  it('has its sections in order, its entries sorted and quoted, and its settings as they come', () => {
    const ini: IniFile = {
      databases: [
        { name: 'b', params: { port: '5432', host: "it's" } },
        { name: 'a', params: {} },
        { name: '*', params: { host: 'h' } },
      ],
      users: [{ name: 'u', params: { pool_mode: 'session' } }],
      peers: [{ name: '1', params: { host: 'p' } }],
      pgbouncer: [
        ['listen_addr', '*'],
        ['auth_type', 'hba'],
        ['ignore_startup_parameters', ''],
        ['syslog_ident', 'abc'],
      ],
    };
    assert.equal(
      printIni(ini, NEWEST),
      [
        '[databases]',
        "* = host='h'",
        'a =',
        "b = host='it''s' port='5432'",
        '',
        '[users]',
        "u = pool_mode='session'",
        '',
        '[peers]',
        "1 = host='p'",
        '',
        '[pgbouncer]',
        'listen_addr = *',
        'auth_type = hba',
        'ignore_startup_parameters =',
        'syslog_ident = abc',
        '',
      ].join('\n'),
    );
  });

  for (const each of VERSIONS) {
    it(`is read back as what it was printed from, in 1.${each.minor}`, () => {
      fc.assert(
        fc.property(iniFile(each), (ini) => {
          const parsed = parseIni(printIni(ini, each), each);
          assert.deepEqual(parsed, { ok: true, ini: sorted(ini), includes: [] });
        }),
      );
    });
  }

  it('is read back with the line separators of Unicode in it, which are no line breaks to PgBouncer', () => {
    const ini: IniFile = {
      databases: [{ name: 'app', params: { dbname: 'a\u2028b\u2029c' } }],
      users: [],
      pgbouncer: [['application_name_add_host', '1']],
    };
    assert.deepEqual(parseIni(printIni(ini, NEWEST), NEWEST), { ok: true, ini, includes: [] });
  });

  it('does not depend on the order of entries or parameters', () => {
    fc.assert(
      fc.property(iniFile(NEWEST), (ini) => {
        const turned: IniFile = {
          ...ini,
          databases: ini.databases
            .toReversed()
            .map(({ name, params }) => ({ name, params: Object.fromEntries(Object.entries(params).reverse()) })),
          users: ini.users.toReversed(),
        };
        assert.equal(printIni(turned, NEWEST), printIni(ini, NEWEST));
      }),
    );
  });

  it('never gains a directive, whatever stands in any field: it has the lines it is meant to have, or is refused', () => {
    const place = fc.constantFrom('database', 'databaseValue', 'databaseKey', 'user', 'userValue', 'key', 'value');
    let printed = 0;
    fc.assert(
      fc.property(place, hostileText, (where, text) => {
        const at = (name: string, usual: string): string => (where === name ? text : usual);
        const ini: IniFile = {
          databases: [
            {
              name: at('database', 'app'),
              params: { [at('databaseKey', 'application_name')]: at('databaseValue', 'x') },
            },
          ],
          users: [{ name: at('user', 'u'), params: { pool_mode: at('userValue', 'session') } }],
          pgbouncer: [
            [at('key', 'server_reset_query'), at('value', 'x')],
            ['syslog_ident', 'end'],
          ],
        };
        let file: string;
        try {
          file = printIni(ini, NEWEST);
        } catch (error) {
          assert.ok(error instanceof RangeError);
          return;
        }
        printed += 1;
        // Three headers, four pairs, two empty lines and the end: and each line begins as it should.
        const lines = file.split(/[\n\r\0]/);
        assert.equal(lines.length, 10);
        assert.deepEqual(
          lines.filter((line) => /^\s*(\[|%)/.test(line)),
          ['[databases]', '[users]', '[pgbouncer]'],
        );
        assert.equal(
          lines.findLast((line) => line !== ''),
          'syslog_ident = end',
        );
      }),
      { numRuns: 2_000 },
    );
    assert.ok(printed > 200, 'enough of them were printed');
  });

  for (const [what, ini] of [
    ['a name of 64 bytes', { databases: [{ name: 'd'.repeat(64), params: {} }] }],
    ['an empty value in an entry', { databases: [{ name: 'd', params: { host: '' } }] }],
    [
      'a database twice',
      {
        databases: [
          { name: 'd', params: {} },
          { name: 'd', params: {} },
        ],
      },
    ],
    [
      'a setting twice',
      {
        pgbouncer: [
          ['verbose', '0'],
          ['verbose', '1'],
        ],
      },
    ],
    ['a value that begins with a space', { pgbouncer: [['server_reset_query', ' x']] }],
    ['a name with a single quote', { users: [{ name: "o'hara", params: {} }] }],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.throws(() => printIni({ databases: [], users: [], pgbouncer: [], ...ini }, NEWEST), RangeError));
  }

  it('refuses a name that this version cannot read', () => {
    const ini: IniFile = { databases: [{ name: 'my db', params: {} }], users: [], pgbouncer: [] };
    assert.throws(() => printIni(ini, version('1.24.1')), /\[databases\] cannot hold the name "my db"/);
    assert.match(printIni(ini, version('1.25.0')), /^'my db' =$/m);
  });

  it('refuses without showing values', () => {
    const ini: IniFile = {
      databases: [{ name: 'd', params: { password: 'secret\n' } }],
      users: [],
      pgbouncer: [['user', 'secret\n']],
    };
    for (const each of [ini, { ...ini, databases: [] }]) {
      assert.throws(
        () => printIni(each, NEWEST),
        (error) => error instanceof RangeError && !error.message.includes('secret'),
      );
    }
  });
});
