import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { ALL, type HbaRule, parseHba, printHba } from './hba.ts';
import { hbaRule, hostileText } from './testing/arbitrary.ts';

const RULE: HbaRule = { type: 'host', databases: [ALL], users: [ALL], address: '0.0.0.0/0', method: 'reject' };

describe('access rules', () => {
  it('have names in quotes and keywords without', () => {
    const rules: readonly HbaRule[] = [
      { ...RULE, databases: ['pgbouncer'], users: ['poolkeeper', 'all', 'a"b,c'], method: 'scram-sha-256' },
      RULE,
      { type: 'local', databases: [{ keyword: 'sameuser' }], users: [ALL], method: 'peer' },
    ];
    assert.equal(
      printHba(rules),
      'host "pgbouncer" "poolkeeper","all","a""b,c" 0.0.0.0/0 scram-sha-256\nhost all all 0.0.0.0/0 reject\nlocal sameuser all peer\n',
    );
  });

  it('are read back as what they were printed from', () => {
    fc.assert(
      fc.property(fc.array(hbaRule, { maxLength: 5 }), (rules) => {
        assert.deepEqual(parseHba(printHba(rules)), { ok: true, rules });
      }),
    );
  });

  it('have as many lines as rules, whatever a user is called, or are refused', () => {
    fc.assert(
      fc.property(hostileText, (name) => {
        try {
          const lines = printHba([{ ...RULE, users: [name] }, RULE]).split(/[\r\n]/);
          assert.deepEqual([lines.length, lines[1]], [3, 'host all all 0.0.0.0/0 reject']);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('have options behind the method, of which only a map is bare', () => {
    const rules: readonly HbaRule[] = [
      { ...RULE, type: 'hostssl', address: 'all', method: 'cert', options: { map: 'clients' } },
      { ...RULE, method: 'ldap', options: { ldapserver: 'ldap.example.com', ldapprefix: 'uid=', ldapsuffix: ',dc=x' } },
    ];
    const text =
      'hostssl all all all cert map=clients\nhost all all 0.0.0.0/0 ldap ldapserver="ldap.example.com" ldapprefix="uid=" ldapsuffix=",dc=x"\n';
    assert.equal(printHba(rules), text);
    assert.deepEqual(parseHba(text), { ok: true, rules });
  });

  it('are read with comments, empty lines and bare names', () => {
    assert.deepEqual(parseHba('# c\n\n  hostssl app,"b c" u  10.0.0.0/8 cert # c\n'), {
      ok: true,
      rules: [{ type: 'hostssl', databases: ['app', 'b c'], users: ['u'], address: '10.0.0.0/8', method: 'cert' }],
    });
  });

  for (const [what, text] of [
    ['an unknown type', 'hostgss all all 0.0.0.0/0 md5'],
    ['an unknown method', 'host all all 0.0.0.0/0 gss'],
    ['no method', 'host all all 0.0.0.0/0'],
    ['no address', 'host all all md5'],
    ['an address for local', 'local all all 10.0.0.0/8 md5'],
    ['a host name', 'host all all example.org md5'],
    ['a prefix that is too long', 'host all all 10.0.0.0/33 md5'],
    ['an address that is none', 'host all all 10.0.0.256/8 md5'],
    ['a mask of its own', 'host all all 10.0.0.0 255.0.0.0 md5'],
    ['an option that a method has not', 'host all all 0.0.0.0/0 md5 map=x'],
    ['an unknown option', 'host all all 0.0.0.0/0 ldap ldapfoo=x'],
    ['an option twice', 'hostssl all all 0.0.0.0/0 cert map=x map=y'],
    ['a map in quotes, which PgBouncer does not find', 'hostssl all all 0.0.0.0/0 cert map="m m"'],
    ['a method that only auth_type knows', 'host all all 0.0.0.0/0 pam'],
    ['no length of the network', 'host all all 10.0.0.1 md5'],
    ['an address beyond its network', 'host all all 10.0.0.1/8 md5'],
    ['a group', 'host all +admins 0.0.0.0/0 md5'],
    ['a file of names', 'host all @users 0.0.0.0/0 md5'],
    ['the keyword samerole', 'host samerole all 0.0.0.0/0 md5'],
    ['the keyword sameuser for users', 'host all sameuser 0.0.0.0/0 md5'],
    ['an open quote', 'host all "u 0.0.0.0/0 md5'],
    ['a comma too many', 'host all a,,b 0.0.0.0/0 md5'],
    ['a comma at the end', 'host all a, 0.0.0.0/0 md5'],
    ['an empty name', 'host all "" 0.0.0.0/0 md5'],
    ['a name glued to another', 'host all "a"b 0.0.0.0/0 md5'],
  ] as const) {
    it(`are refused with ${what}`, () => {
      const parsed = parseHba(`${printHba([RULE])}${text}\n`);
      assert.equal(parsed.ok, false);
      assert.equal(parsed.ok || parsed.line, 2);
    });
  }

  for (const [what, rule] of [
    ['no user', { ...RULE, users: [] }],
    ['an unknown method', { ...RULE, method: 'magic' }],
    ['an address that could bring a line with it', { ...RULE, address: '10.0.0.0/8 trust\nhost all all 0.0.0.0/0' }],
  ] as const) {
    it(`are not printed with ${what}`, () => assert.throws(() => printHba([rule]), RangeError));
  }
});
