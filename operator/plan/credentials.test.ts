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

const each: SecretLookup = ({ name }) => ({ found: true, value: `password ${name}` });

test('a user may have another password at the server, for one database alone', () => {
  const both = spec({
    users: [{ name: 'app', ...ref('one') }],
    databases: [
      { name: 'a', serverUser: { name: 'app', ...ref('two') } },
      { name: 'b', serverUser: { name: 'app', ...ref('one') } },
      { name: 'c', serverUser: { name: 'pool', ...ref('three') } },
      { name: 'd', serverUser: { name: 'pool', ...ref('four') } },
    ],
  });
  const { faults, entries, serverPasswords } = planUserlist(both, NEWEST, OWN, each);
  assert.deepEqual(faults, []);
  assert.deepEqual(
    entries.slice(2).map(({ name, password }) => [name, password]),
    [
      ['app', 'password one'],
      ['pool', 'password three'],
    ],
  );
  assert.deepEqual(
    [...serverPasswords],
    [
      ['a', 'password two'],
      ['d', 'password four'],
    ],
  );
});

test('a line of a userlist is for clients, also of a user as whom databases log in', () => {
  const listed = spec({
    databases: [{ name: 'a', serverUser: { name: 'app', ...ref('one') } }],
    auth: { type: 'scram-sha-256', userlistSecretRefs: [{ name: 'list', key: 'k' }] },
  });
  const { entries, serverPasswords, warnings } = planUserlist(listed, NEWEST, OWN, (reference) =>
    reference.name === 'list' ? { found: true, value: '"app" "of clients"\n' } : each(reference),
  );
  assert.equal(entries.find(({ name }) => name === 'app')?.password, 'of clients');
  assert.deepEqual([...serverPasswords], [['a', 'password one']]);
  assert.deepEqual(warnings, []);
});

test('who asks for passwords has one alone, and two are told with both references', () => {
  const asking = spec({
    users: [{ name: 'asker', ...ref('one') }],
    auth: { type: 'scram-sha-256', query: { userSecretRef: { name: 'lookup' } } },
  });
  const { faults } = planUserlist(asking, NEWEST, OWN, (reference) =>
    reference.key === 'username' ? { found: true, value: 'asker' } : each(reference),
  );
  assert.deepEqual(faults.map(formatFault), [
    'spec.auth.query.userSecretRef: holds another password for asker than spec.users[0].passwordSecretRef ("lookup/password"); PgBouncer has one password for a user: let both refer to one Secret, or give one of the logins another name',
  ]);
});

test('lookups of two servers have one login each, or one Secret, and never one name with two passwords', () => {
  const two = (a: string, b: string): PoolerSpec =>
    spec({
      databases: [
        { name: 'a', authQuery: { userSecretRef: { name: a } } },
        { name: 'b', authQuery: { userSecretRef: { name: b } } },
      ],
    });
  const asker = (of: PoolerSpec, name: (secret: string) => string) =>
    planUserlist(of, NEWEST, OWN, (reference) =>
      reference.key === 'username' ? { found: true, value: name(reference.name) } : each(reference),
    );
  const apart = asker(two('one', 'two'), (secret) => `ask-${secret}`);
  assert.deepEqual(apart.faults, []);
  assert.deepEqual(
    [...(apart.known.lookupUsers ?? [])],
    [
      ['spec.databases[0].authQuery', 'ask-one'],
      ['spec.databases[1].authQuery', 'ask-two'],
    ],
  );
  assert.deepEqual(
    apart.entries.slice(2).map(({ name }) => name),
    ['ask-one', 'ask-two'],
  );
  assert.deepEqual(asker(two('one', 'one'), () => 'asker').faults, []);
  assert.match(
    asker(two('one', 'two'), () => 'asker')
      .faults.map(formatFault)
      .join('\n'),
    /^spec\.databases\[1\]\.authQuery\.userSecretRef: holds another password for asker than spec\.databases\[0\]\.authQuery\.userSecretRef \("two\/password"\); .*another name$/,
  );
  const missing = planUserlist(two('one', 'two'), NEWEST, OWN, ({ name }) =>
    name === 'two' ? { found: false, problem: 'does not exist' } : { found: true, value: 'x' },
  );
  assert.match(
    missing.faults.map(formatFault).join('\n'),
    /^spec\.databases\[1\]\.authQuery\.userSecretRef: does not exist \("two\/username"\)/,
  );
});

const FAULT_NONE = { path: '', problem: '', remedy: '' };
const asked = (auth: object = {}, more: Partial<PoolerSpec> = {}): PoolerSpec =>
  spec({ auth: { type: 'scram-sha-256', query: { userSecretRef: { name: 'asker' }, ...auth } }, ...more });
const named =
  (username: string, password = 'x'): SecretLookup =>
  ({ key }) => ({ found: true, value: key === 'username' ? username : password });

test('the login that asks for passwords is in the userlist, by the name in its Secret', () => {
  const { entries, known, faults } = planUserlist(asked(), NEWEST, OWN, named('pooler_auth', 'y'));
  assert.deepEqual(faults, []);
  assert.deepEqual(entries.slice(2), [{ name: 'pooler_auth', password: 'y' }]);
  assert.equal(known.lookupUsers?.get('spec.auth.query'), 'pooler_auth');
  assert.deepEqual(
    secretReferences(asked(), 'app').map(({ ref: found }) => `${found.name}/${found.key}`),
    ['asker/username', 'asker/password'],
  );
});

for (const [what, username, password, line] of [
  ['a name that belongs to the operator', 'poolkeeper', 'x', /is the name of a user that belongs to the operator/],
  ['a name with a line break', 'asker\n', 'x', /\("asker\/username"\); write it without one \(printf, not echo\)/],
  ['a name with spaces around it', ' asker', 'x', /begins or ends with a space/],
  ['a name that is too long', 'x'.repeat(64), 'x', /has 64 bytes .*; shorten it to 63/],
  ['no name', '', 'x', /is empty .*; put the name into that key/],
  ['a hash', 'asker', `md5${'0'.repeat(32)}`, /is a hash, and PgBouncer itself must log in with it/],
] as const) {
  test(`the login that asks for passwords cannot have ${what}`, () => {
    const { faults } = planUserlist(asked(), NEWEST, OWN, named(username, password));
    assert.equal(faults.length, 1);
    assert.match(faults.map(formatFault).join(), /^spec\.auth\.query\.userSecretRef: /);
    assert.match(faults.map(formatFault).join(), line);
  });
}

for (const [what, stored, version, lines] of [
  [
    'by SCRAM nobody could log in as it',
    spec({ users: [{ name: 'app' }] }),
    '1.26.1',
    [/users\[0\]\.passwordSecretRef: is missing, .* nobody could log in \("app"\); give it, or set/],
  ],
  [
    'by trust it is a name without a password',
    spec({ users: [{ name: 'app' }], auth: { type: 'trust' } }),
    '1.26.1',
    [],
  ],
  ['the server is asked', asked({}, { users: [{ name: 'app', poolMode: 'session' }] }), '1.24.1', []],
  [
    'the server is asked by an old version about those without limits',
    asked({}, { users: [{ name: 'app' }] }),
    '1.18.0',
    [],
  ],
  [
    'the server is not asked by an old version about those with limits',
    asked({}, { users: [{ name: 'app', poolMode: 'session' }] }),
    '1.18.0',
    [/is missing, and a PgBouncer before 1\.24 asks the server for no user that has limits/],
  ],
  [
    'nobody is let in to the console by it',
    spec({ auth: { type: 'trust', adminUsers: ['dba'] } }),
    '1.26.1',
    [/adminUsers\[0\]: has no password to log in to the console with \("dba"\); add it to spec\.users/],
  ],
  [
    'the console asks only a query with a database',
    spec({ auth: { type: 'md5', statsUsers: ['dba'], query: { userSecretRef: { name: 'asker' } } } }),
    '1.26.1',
    [/statsUsers\[0\]: has no password .*, or set auth\.query\.database/],
  ],
] as const) {
  test(`a user without a password: ${what}`, () => {
    const { faults } = planUserlist(stored, versionOf(version), OWN, named('asker'));
    assert.equal(faults.length, lines.length, faults.map(formatFault).join('\n'));
    for (const [index, line] of lines.entries()) assert.match(formatFault(faults[index] ?? FAULT_NONE), line);
  });
}
