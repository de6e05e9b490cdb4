import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import type { PoolerSpec, SecretKeyRef } from '../api/types.ts';
import { parseVersion, type Version } from '../pgbouncer/version.ts';
import { planUserlist } from './credentials.ts';
import { referencedSecrets, type SecretLookup, secretReferences } from './secret-references.ts';

const versionOf = (text: string): Version => {
  const version = parseVersion(text);
  assert.ok(version);
  return version;
};
const NEWEST = versionOf('1.26.1');
const OWN = { admin: 'admin', stats: 'stats' };
const ref = (name: string, key = 'password'): { readonly passwordSecretRef: SecretKeyRef } => ({
  passwordSecretRef: { name, key },
});
const spec = (fields: Partial<PoolerSpec>): PoolerSpec => ({
  replicas: 2,
  suspend: false,
  profile: 'balanced',
  backends: [{ name: 'primary', host: 'pg', port: 5432 }],
  ...fields,
});
const holding =
  (value: string): SecretLookup =>
  () => ({ found: true, value });

const withUser = spec({ users: [{ name: 'app', ...ref('db') }] });
const withServerUser = spec({ databases: [{ name: 'app', serverUser: { name: 'pool', ...ref('pool') } }] });

test("the operator's own users come first, whatever the others are called", () => {
  const users = ['zoe', 'Adam', '"', '0'].map((name) => ({ name, ...ref('db') }));
  const { entries } = planUserlist(spec({ users }), NEWEST, OWN, holding('x'));
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['poolkeeper', 'poolkeeper_stats', '"', '0', 'Adam', 'zoe'],
  );
});

test('a user that is a client and a login of PgBouncer is one line', () => {
  const both = spec({
    users: [{ name: 'app', ...ref('db') }],
    databases: ['a', 'b'].map((name) => ({ name, serverUser: { name: 'app', ...ref('db') } })),
  });
  const { entries, faults } = planUserlist(both, NEWEST, OWN, holding('x'));
  assert.deepEqual(faults, []);
  assert.deepEqual(entries.slice(2), [{ name: 'app', password: 'x' }]);
  assert.equal(secretReferences(both, 'app').length, 3);
  assert.deepEqual(referencedSecrets(both, 'app'), ['db']);
});

const FAULTS: readonly {
  readonly what: string;
  readonly spec?: PoolerSpec;
  readonly version?: string;
  readonly value: string;
  readonly line: RegExp | undefined;
}[] = [
  { what: 'a plain password', value: 'it\'s "quoted" \\ and € 🐘', line: undefined },
  { what: 'a hash, which clients can be checked with', value: `md5${'a'.repeat(32)}`, line: undefined },
  { what: 'nothing', value: '', line: /is empty \("db\/password"\); put the password into that key/ },
  { what: 'a line break at the end', value: 'x\n', line: /ends with a line break .*; write it without one/ },
  { what: 'a line break of Windows at the end', value: 'x\r\n', line: /ends with a line break/ },
  { what: 'a line break inside', value: 'x\ny', line: /holds a line break or another control character/ },
  { what: 'a NUL', value: 'x\0y', line: /another control character/ },
  { what: 'a tab', value: 'x\ty', line: /another control character/ },
  { what: 'half a character', value: 'x\ud800', line: /another control character/ },
  { what: 'as long as the newest takes', value: 'x'.repeat(65_530), line: undefined },
  { what: 'longer than the newest takes', value: 'x'.repeat(65_531), line: /is longer than the 65530 bytes/ },
  { what: 'as long as an old one takes', version: '1.24.1', value: 'x'.repeat(2047), line: undefined },
  {
    what: 'longer than an old one takes',
    version: '1.24.1',
    value: 'x'.repeat(2048),
    line: /longer than the 2047 bytes/,
  },
  {
    what: 'longer than it takes once quotes are doubled',
    version: '1.24.1',
    value: '"'.repeat(1024),
    line: /2047 bytes/,
  },
  { what: 'a plain password for the server', spec: withServerUser, value: 'x', line: undefined },
  {
    what: 'a hash for the server',
    spec: withServerUser,
    value: `md5${'a'.repeat(32)}`,
    line: /^spec\.databases\[0\]\.serverUser\.passwordSecretRef: is a hash, .*\("pool\/password"\); put the plain/,
  },
];

for (const { what, spec: of = withUser, version = '1.26.1', value, line } of FAULTS) {
  test(`a Secret holds ${what}: ${line === undefined ? 'fine' : 'a fault that does not show it'}`, () => {
    const { faults } = planUserlist(of, versionOf(version), OWN, holding(value));
    assert.equal(faults.length, line === undefined ? 0 : 1);
    const said = faults.map(formatFault).join();
    if (line !== undefined) assert.match(said, line);
    if (value.length > 40) assert.ok(!said.includes(value.slice(0, 40)));
  });
}

test('a Secret that is not there is told with the reference, and the others are still looked at', () => {
  const users = [
    { name: 'a', ...ref('missing') },
    { name: 'b', ...ref('db') },
  ];
  const lookup: SecretLookup = ({ name }) =>
    name === 'db' ? { found: true, value: '' } : { found: false, problem: 'does not exist: there is no such Secret' };
  const { faults } = planUserlist(spec({ users }), NEWEST, OWN, lookup);
  assert.deepEqual(faults.map(formatFault), [
    'spec.users[0].passwordSecretRef: does not exist: there is no such Secret ("missing/password"); create it, or correct the reference',
    'spec.users[1].passwordSecretRef: is empty ("db/password"); put the password into that key',
  ]);
});

test('two passwords for one user are told with both references', () => {
  const both = spec({
    users: [{ name: 'app', ...ref('one') }],
    databases: [{ name: 'app', serverUser: { name: 'app', ...ref('two') } }],
  });
  const { faults } = planUserlist(both, NEWEST, OWN, ({ name }) => ({ found: true, value: `password ${name}` }));
  assert.deepEqual(faults.map(formatFault), [
    'spec.databases[0].serverUser.passwordSecretRef: holds another password for app than spec.users[0].passwordSecretRef ("two/password"); PgBouncer has one password for a user: let both refer to one Secret',
  ]);
});
