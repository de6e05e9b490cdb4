import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printHba } from '../pgbouncer/hba.ts';
import { type KnownFromSecrets, planAccessRules } from './access-rules.ts';
import { validated } from './testing/planned.ts';

const NEWEST = { major: 1, minor: 26, patch: 1 };
const NOTHING: KnownFromSecrets = { listed: new Set() };
const TLS = { client: { mode: 'verify-full', secretRef: { name: 'tls' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } };
const OPERATOR = '"poolkeeper","poolkeeper_stats","poolkeeper_proof"';

/** The lines for IPv4; those for IPv6 are their twins, which is checked. */
function linesOf(spec: object, known = NOTHING): readonly string[] {
  const { spec: whole } = validated({ backends: [{ host: 'pg' }], databases: [{ name: 'app' }], tls: TLS, ...spec });
  assert.ok(whole);
  const lines = printHba(planAccessRules(whole, NEWEST, known))
    .trimEnd()
    .split('\n');
  const twins = lines.filter((line) => line.includes(' ::/0 ')).map((line) => line.replace('::/0', '0.0.0.0/0'));
  const first = lines.filter((line) => line.includes(' 0.0.0.0/0 '));
  assert.deepEqual(twins, first);
  return lines.filter((line) => !line.includes(' ::/0 ')).map((line) => line.replace(' 0.0.0.0/0', ''));
}

describe('the access rules', () => {
  it("begin with the operator's, and end with what the type means", () => {
    assert.deepEqual(linesOf({}), [
      `host "pgbouncer" ${OPERATOR} scram-sha-256`,
      'host "pgbouncer" all reject',
      `host all ${OPERATOR} reject`,
      'host all all scram-sha-256',
    ]);
  });

  for (const [type, clients, console] of [
    ['scram-sha-256', 'host all all scram-sha-256', 'host "pgbouncer" "dba" scram-sha-256'],
    ['md5', 'host all all md5', 'host "pgbouncer" "dba" md5'],
    ['plain', 'host all all password', 'host "pgbouncer" "dba" password'],
    ['trust', 'host all all trust', 'host "pgbouncer" "dba" scram-sha-256'],
    ['cert', 'hostssl all all cert', 'hostssl "pgbouncer" "dba" cert'],
    ['ldap', 'host all all ldap ldapserver="x"', 'host "pgbouncer" "dba" ldap ldapserver="x"'],
  ] as const) {
    it(`of type ${type} ask clients so, and never trust anybody on the console`, () => {
      const ldap = type === 'ldap' ? { ldap: { options: { ldapserver: 'x' } } } : {};
      const lines = linesOf({ auth: { type, adminUsers: ['dba'], ...ldap } });
      assert.deepEqual([lines[1], lines.at(-1)], [console, clients]);
      assert.equal(lines[2], 'host "pgbouncer" all reject');
    });
  }

  it('admit to the console whoever administers or watches, each once', () => {
    const lines = linesOf({ auth: { adminUsers: ['dba', 'both'], statsUsers: ['both', 'grafana'] } });
    assert.equal(lines[1], 'host "pgbouncer" "dba","both","grafana" scram-sha-256');
  });

  it("have a user's lines in place of the type, and after the operator's", () => {
    const hba = ['hostssl "my db" all 10.0.0.0/8 cert map=m', 'hostnossl all app 10.1.0.0/16 password'];
    assert.deepEqual(linesOf({ auth: { type: 'trust', hba, ident: ['m cn app'] } }).slice(3), [
      'hostssl "my db" all 10.0.0.0/8 cert map=m',
      'hostnossl all "app" 10.1.0.0/16 password',
    ]);
  });

  it('close replication to the operator and to users of the console when a line opens it to others', () => {
    const lines = linesOf({ auth: { hba: ['host all,replication all 10.0.0.0/8 trust'], adminUsers: ['dba'] } });
    assert.deepEqual(lines.slice(3), [
      `host replication ${OPERATOR},"dba" reject`,
      `host all ${OPERATOR} reject`,
      'host all,replication all 10.0.0.0/8 trust',
    ]);
  });

  it('let nobody in as a user of the server, unless it is a client too, by a field or by a list', () => {
    const serverUser = (name: string) => ({ name, passwordSecretRef: { name: 's', key: 'k' } });
    const databases = ['a', 'b', 'c'].map((name) => ({ name, serverUser: serverUser(`own_${name}`) }));
    const known = { listed: new Set(['own_b']), lookupUsers: new Map([['spec.auth.query', 'asker']]) };
    assert.equal(
      linesOf({ databases, users: [{ name: 'own_c' }], auth: { type: 'trust' } }, known)[2],
      `host all ${OPERATOR},"asker","own_a" reject`,
    );
  });

  it('close the database that is there for the query only', () => {
    const auth = { query: { userSecretRef: { name: 'asker' }, database: 'postgres' } };
    assert.equal(linesOf({ auth })[3], 'host "postgres" all reject');
    for (const name of ['postgres', '*']) assert.equal(linesOf({ auth, databases: [{ name }] }).length, 4, name);
  });

  it('hand the password of the directory to the lines that ask it', () => {
    const ldap = {
      options: { ldapserver: 'x', ldapbinddn: 'cn=reader' },
      bindPasswordSecretRef: { name: 's', key: 'k' },
    };
    const lines = linesOf(
      { auth: { hba: ['host all all 10.0.0.0/8 ldap', 'host all dba 10.0.0.0/8 md5'], ldap } },
      { ...NOTHING, ldapBindPassword: 'a b,c' },
    );
    assert.deepEqual(lines.slice(3), [
      'host all all 10.0.0.0/8 ldap ldapserver="x" ldapbinddn="cn=reader" ldapbindpasswd="a b,c"',
      'host all "dba" 10.0.0.0/8 md5',
    ]);
  });

  it('let users in by name: who is gone from the userlist is refused by the next RELOAD', () => {
    const serverUser = { name: 'forced', passwordSecretRef: { name: 's', key: 'k' } };
    const databases = [{ name: 'app', serverUser }];
    const known = { ...NOTHING, everybody: ['app', 'forced', 'zoe'] };
    assert.equal(linesOf({ databases }, known).at(-1), 'host all "app","zoe" scram-sha-256');
  });

  it('have so many names in a line and no more', () => {
    const everybody = Array.from({ length: 70 }, (_, index) => `user${index}`);
    const lines = linesOf({}, { ...NOTHING, everybody }).slice(3);
    assert.deepEqual(
      lines.map((line) => line.split(',').length),
      [32, 32, 6],
    );
  });

  it('let in anybody where names are not known beforehand: the server or a directory is asked', () => {
    const known = { ...NOTHING, everybody: ['app'] };
    assert.equal(
      linesOf({ auth: { query: { userSecretRef: { name: 'asker' } } } }, known).at(-1),
      'host all all scram-sha-256',
    );
    const ldap = { options: { ldapserver: 'x' } };
    assert.match(linesOf({ auth: { type: 'ldap', ldap } }, known).at(-1) ?? '', /^host all all ldap/);
  });
});
