import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { parseVersion } from '../pgbouncer/version.ts';
import { authFaults } from './auth-faults.ts';
import { validated } from './testing/planned.ts';

const TLS = { client: { mode: 'verify-full', secretRef: { name: 'tls' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } };

function linesOf(auth: object, image = '1.26.1', tls: object | undefined = TLS): readonly string[] {
  const version = parseVersion(image);
  const { spec } = validated({ backends: [{ host: 'pg' }], auth, ...(tls && { tls }) });
  assert.ok(version && spec);
  return authFaults(spec, version).map(formatFault);
}

const LDAP = { options: { ldapserver: 'ldap.example.com', ldapbasedn: 'dc=x' } } as const;
const QUERY = { userSecretRef: { name: 'asker' } } as const;

describe('access rules that are sound', () => {
  for (const [what, auth, image] of [
    ['an allow-list', { hba: ['hostssl all app 10.0.0.0/8 scram-sha-256', 'host all all ::/0 reject'] }, '1.18.0'],
    ['a comment behind a rule', { hba: ['host all all 10.0.0.0/8 md5 # office'] }, '1.18.0'],
    ['every address', { hba: ['host all all all scram-sha-256'] }, '1.24.1'],
    ['replication', { hba: ['host replication all 10.0.0.0/8 scram-sha-256'] }, '1.24.1'],
    ['a map', { hba: ['hostssl all all ::/0 cert map=m'], ident: ['m cn app'] }, '1.24.1'],
    ['a directory', { hba: ['host all all 10.0.0.0/8 ldap'], ldap: LDAP }, '1.26.1'],
    ['a query', { query: { ...QUERY, database: 'postgres' } }, '1.24.1'],
    ['a query without a database, of any version', { query: QUERY }, '1.18.0'],
  ] as const) {
    it(`are taken: ${what}`, () => assert.deepEqual(linesOf(auth, image), []));
  }
});

describe('what is wrong names its line, the rule and the way out', () => {
  for (const [what, auth, line, image] of [
    [
      'no rule at all',
      { hba: ['host all all 10.0.0.0/8 md5', '# nothing'] },
      /^spec\.auth\.hba\[1\]: begins with none of host, local, hostssl, hostnossl \("# nothing"\); write it as `host/,
    ],
    ['no method', { hba: ['host all all 10.0.0.0/8'] }, /^spec\.auth\.hba\[0\]: has no method/],
    [
      'a mask',
      { hba: ['host all all 10.0.0.0 255.0.0.0 md5'] },
      /has a mask of its own, 255\.0\.0\.0: write .* 10\.0\.0\.0\/8/,
    ],
    ['one machine', { hba: ['host all all 10.0.0.1 md5'] }, /10\.0\.0\.1\/32 is one machine/],
    ['bits beyond the network', { hba: ['host all all 10.0.0.1/8 md5'] }, /the first 8 bits are 10\.0\.0\.0\/8/],
    ['a name of a host', { hba: ['host all all web.shop.svc md5'] }, /no address like 10\.0\.0\.0\/8/],
    ['pam', { hba: ['host all all ::/0 pam'] }, /has the method pam, which is none of trust/],
    ['a group', { hba: ['host all +staff ::/0 md5'] }, /a file, a group or a hole/],
    ['the Unix socket', { hba: ['local all all trust'] }, /is about the Unix socket.*; write it for host/],
    ['the identity of the socket', { hba: ['host all all ::/0 peer'] }, /is about the Unix socket/],
    [
      'the console',
      { hba: ['host app,pgbouncer dba ::/0 md5'] },
      /names the console, and is never reached.*; list the user in auth\.adminUsers/,
    ],
    [
      'the operator',
      { hba: ['host all "poolkeeper_proof" ::/0 trust'] },
      /names poolkeeper_proof, who belongs to the op/,
    ],
    [
      'a certificate without TLS',
      { hba: ['host all all ::/0 cert'] },
      /where there may be no TLS.*; begin it with hostssl/,
    ],
    [
      'a map that there is not',
      { hba: ['hostssl all all ::/0 cert map=m'] },
      /names the map m, which no line of auth\.ident/,
    ],
    ['a map of a password', { hba: ['host all all ::/0 md5 map=m'] }, /an option that md5 does not take: map/],
    [
      'a directory that nobody named',
      { hba: ['host all all ::/0 ldap'] },
      /auth\.ldap does not say which .*; set auth\.ldap/,
    ],
    [
      'a directory in the line',
      { hba: ['host all all ::/0 ldap ldapserver=x'], ldap: LDAP },
      /may hold a password.*; move what follows ldap to auth\.ldap\.options/,
    ],
    [
      'replication before 1.23',
      { hba: ['host replication all ::/0 md5'] },
      /needs PgBouncer 1\.23 or newer for repl/,
      '1.18.0',
    ],
    [
      'every address before 1.23',
      { hba: ['host all all all md5'] },
      /needs PgBouncer 1\.23 .* pooler has 1\.18\.0 .*; write two lines, for 0\.0\.0\.0\/0 and for ::\/0/,
      '1.18.0',
    ],
    [
      'a directory before 1.25',
      { hba: ['host all all ::/0 ldap'], ldap: LDAP },
      /needs PgBouncer 1\.25 or newer/,
      '1.24.1',
    ],
    [
      'a map of two words',
      { ident: ['m app'] },
      /^spec\.auth\.ident\[0\]: has 2 words and not three.*; write it as `MAP/,
    ],
    ['maps before 1.23', { ident: ['m cn app'] }, /^spec\.auth\.ident: needs PgBouncer 1\.23/, '1.18.0'],
    [
      'type ldap before 1.25',
      { type: 'ldap', ldap: LDAP },
      /^spec\.auth\.type: needs PgBouncer 1\.25 .*\("ldap"\)/,
      '1.24.1',
    ],
    [
      'an option that ldap has not',
      { ldap: { options: { ...LDAP.options, ldaphost: 'x' } } },
      /ldaphost: is not an option/,
    ],
    ['a quote for ldap', { ldap: { options: { ...LDAP.options, ldapserver: 'a"b' } } }, /ldapserver: holds a quote/],
    [
      'no way to find a user',
      { ldap: { options: { ldapserver: 'x' } } },
      /does not say how a user is found; add ldapprefix/,
    ],
    [
      'one database for all queries before 1.19',
      { query: { ...QUERY, database: 'postgres' } },
      /^spec\.auth\.query\.database: needs PgBouncer 1\.19 .*; remove it, and install the function in each database/,
      '1.18.0',
    ],
    ['a query in the console', { query: { ...QUERY, database: 'pgbouncer' } }, /is no database of the server/],
    [
      'a query for nobody',
      { query: { ...QUERY, sql: 'SELECT 1' } },
      /^spec\.auth\.query\.sql: asks for no user .*; write \$1/,
    ],
  ] as const) {
    it(what, () => {
      const lines = linesOf(auth, image);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', line);
    });
  }

  it('a password among the options, which is not shown', () => {
    const [line = ''] = linesOf({ ldap: { options: { ...LDAP.options, ldapbindpasswd: 'planted' } } });
    assert.match(line, /^spec\.auth\.ldap\.options\.ldapbindpasswd: is a password; put it into a Secret/);
    assert.doesNotMatch(line, /planted/);
  });

  it('TLS that clients do not find, and certificates of nobody in particular', () => {
    const hba = ['hostssl all all ::/0 md5'];
    assert.match(
      linesOf({ hba }, '1.26.1', {}).join(),
      /hba\[0\]: is for clients with TLS, and they find none .*; set tls\.client/,
    );
    const require = { client: { mode: 'require', secretRef: { name: 'tls' } } };
    assert.deepEqual(linesOf({ hba }, '1.26.1', require), []);
    assert.match(
      linesOf({ hba: ['hostssl all all ::/0 cert'] }, '1.26.1', require).join(),
      /asks for certificates of nobody in particular .*; set tls\.client\.caSecretRef/,
    );
  });
});
