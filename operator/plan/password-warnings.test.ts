import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatWarning } from '../api/warning.ts';
import { scramVerifier } from '../pgbouncer/scram-verifier.ts';
import { planned, validated } from './testing/planned.ts';

const NEWEST = { major: 1, minor: 26, patch: 1 };
const VERIFIER = scramVerifier('planted', Buffer.alloc(16), 1);
const HASH = `md5${'0'.repeat(32)}`;
const ref = (name: string) => ({ passwordSecretRef: { name, key: 'password' } });
const TLS = { client: { mode: 'verify-full', secretRef: { name: 'tls' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } };
const APP = { name: 'app', ...ref('app') };

function linesOf(spec: object, password: string): readonly string[] {
  const { spec: whole } = validated({ backends: [{ host: 'pg' }], databases: [{ name: 'app' }], tls: TLS, ...spec });
  assert.ok(whole);
  const { config, credentialWarnings, faults } = planned(whole, NEWEST, { password: () => password });
  assert.ok(config, JSON.stringify(faults));
  return (credentialWarnings ?? []).map(formatWarning);
}

describe('a stored password', () => {
  it('in plain text needs no warning, of whatever type', () => {
    for (const type of ['scram-sha-256', 'md5', 'plain', 'cert', 'trust'])
      assert.deepEqual(linesOf({ users: [APP], auth: { type } }, 'a plain one'), []);
  });

  for (const [what, spec, password, line] of [
    [
      'that is a verifier serves with the client only',
      { users: [APP] },
      VERIFIER,
      /^warning: spec\.users\[0\]\.passwordSecretRef: holds a SCRAM verifier for app: .* only after the client itself has.*; and a change to the plain password later needs a restart; put the plain password there/,
    ],
    [
      'that is a verifier warms no pool',
      { users: [APP], databases: [{ name: 'app', minPoolSize: 2 }] },
      VERIFIER,
      /minPoolSize opens nothing before that/,
    ],
    [
      'that is a verifier is no use without SCRAM',
      { users: [APP], auth: { type: 'plain' } },
      VERIFIER,
      /never after a login by password/,
    ],
    [
      'that is a verifier is no use for some lines',
      { users: [APP], auth: { hba: ['hostssl all all ::/0 cert', 'host all all ::/0 md5'] } },
      VERIFIER,
      /never after a login by cert;/,
    ],
    [
      'that is an md5 hash lets nobody in by SCRAM',
      { users: [APP] },
      HASH,
      /^warning: .*: holds an md5 hash for app: where SCRAM is asked for nobody can log in with it/,
    ],
    [
      'that is an md5 hash serves only older servers',
      { users: [APP], auth: { type: 'md5' } },
      HASH,
      /PostgreSQL 14 and newer/,
    ],
    [
      'that nearly is a hash is none',
      { users: [APP] },
      HASH.replace('0', 'x'),
      /begins like an md5 hash for app and is none/,
    ],
  ] as const) {
    it(what, () => {
      const lines = linesOf(spec, password);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', line);
      assert.ok(!lines.join().includes(password));
    });
  }

  it('that nobody has leaves PgBouncer none for the server', () => {
    const users = [{ name: 'app' }];
    assert.match(
      linesOf({ users, auth: { type: 'trust' } }, '')[0] ?? '',
      /^warning: spec\.users: let app in without a password, so PgBouncer has none for the server of app; give each such/,
    );
    const databases = [{ name: 'app', serverUser: { name: 'pool', ...ref('pool') } }];
    assert.deepEqual(linesOf({ users, databases, auth: { type: 'trust' } }, 'x'), []);
  });

  it('that the server tells is a verifier, which serves only with a login by SCRAM', () => {
    const query = { userSecretRef: { name: 'asker' } };
    assert.deepEqual(linesOf({ auth: { query } }, 'x'), []);
    assert.match(
      linesOf({ auth: { type: 'cert', query } }, 'x').join(),
      /^warning: spec\.auth\.query: finds SCRAM verifiers, .* the server of app after a login by cert; let clients log in by scram/,
    );
    const databases = [{ name: 'app', serverUser: { name: 'pool', ...ref('pool') } }];
    assert.deepEqual(linesOf({ databases, auth: { type: 'cert', query } }, 'x'), []);
  });

  it('of many users is one warning for each list', () => {
    const auth = { userlistSecretRefs: [{ name: 'legacy', key: 'users' }] };
    const { spec } = validated({ backends: [{ host: 'pg' }], users: [{ name: 'listed', ...ref('a') }], auth });
    assert.ok(spec);
    const { credentialWarnings = [] } = planned(spec, NEWEST);
    assert.deepEqual(credentialWarnings.map(formatWarning), [
      'warning: spec.auth.userlistSecretRefs[0]: has another password in line 2 of legacy/users than spec.users[0].passwordSecretRef, which counts; remove one of the two',
    ]);
  });
});
