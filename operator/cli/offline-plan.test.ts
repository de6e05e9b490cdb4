import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { validSpec } from '../api/testing/arbitrary-spec.ts';
import { poolerOf } from '../api/testing/json.ts';
import { comparePoolers } from '../plan/compare.ts';
import { secretReferences } from '../plan/secret-references.ts';
import { secretOf } from '../plan/testing/planned.ts';
import { withoutFaults } from '../plan/testing/without-faults.ts';
import { fc } from '../testing/properties.ts';
import type { SecretDocument } from './documents.ts';
import { explain, printExplanations } from './explain.ts';
import { type OfflineOptions, type OfflinePlan, planOffline } from './offline-plan.ts';
import { renderYaml } from './render.ts';

const OPTIONS: OfflineOptions = {
  namespace: 'shop',
  defaultImage: 'pgbouncer:1.26.1',
  templateMode: 'restricted',
  secrets: [],
  showSecrets: false,
};
const secret = (name: string, values: Readonly<Record<string, string>>, namespace?: string): SecretDocument => ({
  name,
  values,
  namespace,
});
const ref = (name: string, key = 'password') => ({ passwordSecretRef: { name, key } });

const linesOf = (spec: object, options: Partial<OfflineOptions> = {}): readonly string[] => {
  const planned = planOffline(poolerOf({ backends: [{ host: 'pg' }], ...spec }), { ...OPTIONS, ...options });
  return planned.ok ? [] : planned.faults.map(formatFault);
};
const rendered = (spec: object, options: Partial<OfflineOptions> = {}): string => {
  const planned = planOffline(poolerOf({ backends: [{ host: 'pg' }], ...spec }), { ...OPTIONS, ...options });
  assert.ok(planned.ok, planned.ok ? '' : planned.faults.map(formatFault).join('\n'));
  return renderYaml(planned.plan);
};

/** What the operator would refuse of a stored object, `validate` must know before. */
const FAULTS: readonly {
  readonly what: string;
  readonly spec: object;
  readonly options?: Partial<OfflineOptions>;
  readonly line: RegExp;
}[] = [
  {
    what: 'an unknown parameter, with the one that was meant',
    spec: { parameters: { server_idle_timeuot: 1 } },
    line: /^spec\.parameters\.server_idle_timeuot: is not a setting .*; did you mean `server_idle_timeout`\?$/,
  },
  {
    what: 'a parameter of a newer PgBouncer',
    spec: { image: 'pgbouncer:1.18.0', parameters: { max_prepared_statements: 5 } },
    line: /^spec\.parameters\.max_prepared_statements: needs PgBouncer 1\.21\.0 or newer.*\(5\); use a newer image/,
  },
  {
    what: 'a field of a newer PgBouncer, as it was written',
    spec: { image: 'pgbouncer:1.18.0', databases: [{ name: 'app', serverLifetime: '2h' }] },
    line: /^spec\.databases\[0\]\.serverLifetime: needs PgBouncer 1\.23\.0 or newer.*\("2h"\); use a newer image/,
  },
  {
    what: 'a key that belongs to the operator',
    spec: { parameters: { pidfile: 'me' } },
    line: /^spec\.parameters\.pidfile: belongs to the operator: .*\("me"\); remove it$/,
  },
  {
    what: 'a key of the logins, with the field that makes it',
    spec: { parameters: { auth_query: 'SELECT 1' } },
    line: /^spec\.parameters\.auth_query: has a field of its own \("SELECT 1"\); set `spec\.auth\.query\.sql` instead$/,
  },
  {
    what: 'a key that has a field of its own',
    spec: { parameters: { pool_mode: 'session' } },
    line: /^spec\.parameters\.pool_mode: has a field of its own \("session"\); set `spec\.defaults\.poolMode` instead$/,
  },
  {
    what: 'a password where a Secret belongs, and it is not shown',
    spec: { databases: [{ name: 'app', parameters: { password: 'planted-secret' } }] },
    line: /^spec\.databases\[0\]\.parameters\.password: has a field of its own; set `spec\.databases\[\]\.serverUser` instead$/,
  },
  {
    what: 'a value out of range',
    spec: { parameters: { server_login_retry: -1 } },
    line: /^spec\.parameters\.server_login_retry: .*\(-1\); write a number from 0 to/,
  },
  {
    what: 'a duration that is no duration',
    spec: { databases: [{ name: 'app', serverLifetime: '0s' }] },
    line: /^spec\.databases\[0\]\.serverLifetime: is not a duration \("0s"\); write whole seconds/,
  },
  {
    what: 'a duration longer than PgBouncer takes',
    spec: { databases: [{ name: 'app', serverLifetime: '999999h' }] },
    line: /^spec\.databases\[0\]\.serverLifetime: is too long \("999999h"\); give at most 8760h$/,
  },
  {
    what: 'a budget smaller than one connection for each pod',
    spec: { databases: [{ name: 'app', connectionBudget: 3 }] },
    line: /^spec\.databases\[0\]\.connectionBudget: is less than one connection for each of the 4 pods.*\(3\); give at least 4/,
  },
  {
    what: 'a budget of the backend that is too small for its databases says what would do for all of them',
    spec: {
      backends: [{ host: 'pg', connectionBudget: 7 }],
      databases: [{ name: 'a', connectionBudget: 4 }, { name: 'b' }, { name: 'c' }],
    },
    line: /^spec\.backends\[0\]\.connectionBudget: leaves spec\.databases\[1\] \(b\) 1, .*; give at least 12/,
  },
  {
    what: 'explicit sizes above the budget, with the sum',
    spec: { databases: [{ name: 'app', connectionBudget: 20, poolSize: 4, reservePoolSize: 2 }] },
    line: /^spec\.databases\[0\]\.poolSize: breaks the connection budget: poolSize 4 \+ reservePoolSize 2 = 6, .* share is 5 \(4\); lower it/,
  },
  {
    what: 'a name that this version cannot read',
    spec: { image: 'pgbouncer:1.24.1', databases: [{ name: 'my shop' }] },
    line: /^spec\.databases\[0\]\.name: has characters that PgBouncer 1\.24\.1 cannot read in a name \("my shop"\); use letters/,
  },
  {
    what: 'a name with more bytes than characters',
    spec: { users: [{ name: '🐘'.repeat(16), ...ref('s') }] },
    line: /^spec\.users\[0\]\.name: has 64 bytes \(".*"\); shorten it to 63$/,
  },
  {
    what: 'an image without a version',
    spec: { image: 'pgbouncer:latest' },
    line: /^spec\.image: has no tag that begins with a PgBouncer version \("pgbouncer:latest"\); set spec\.version/,
  },
  {
    what: 'a version that nobody knows',
    spec: { version: '1.17.0' },
    line: /^spec\.version: is PgBouncer 1\.17\.0, which this operator does not know \("1\.17\.0"\); use 1\.18 to 1\.26$/,
  },
  {
    what: 'a template that takes what it may not',
    spec: { template: { spec: { hostNetwork: true } } },
    line: /^spec\.template\.spec\.hostNetwork: is not allowed; .*--pod-template=full$/,
  },
  {
    what: 'a template that removes the container',
    spec: { template: { spec: { containers: [{ name: 'pgbouncer', $patch: 'delete' }] } } },
    line: /^spec\.template\.spec\.containers\[0\]\.\$patch "delete": is a patch directive; .*cannot be removed$/,
  },
  {
    what: 'a key that the Secret in the file does not have',
    spec: { users: [{ name: 'app', ...ref('s', 'pw') }] },
    options: { secrets: [secret('s', { password: 'x' })] },
    line: /^spec\.users\[0\]\.passwordSecretRef: does not exist: the Secret in this file has the keys password \("s\/pw"\); add it/,
  },
  {
    what: 'a key that only objects of JavaScript have',
    spec: { users: [{ name: 'app', ...ref('s', 'constructor') }] },
    options: { secrets: [secret('s', {})] },
    line: /the Secret in this file has the keys \(none\) \("s\/constructor"\)/,
  },
  {
    what: 'an empty password',
    spec: { users: [{ name: 'app', ...ref('s') }] },
    options: { secrets: [secret('s', { password: '' })] },
    line: /^spec\.users\[0\]\.passwordSecretRef: is empty \("s\/password"\); put the password into that key$/,
  },
  {
    what: 'a password with a line break at its end',
    spec: { users: [{ name: 'app', ...ref('s') }] },
    options: { secrets: [secret('s', { password: 'planted\n' })] },
    line: /ends with a line break \("s\/password"\); write it without one \(printf, not echo\)$/,
  },
  {
    what: 'a hash for a user that PgBouncer itself must log in as',
    spec: { databases: [{ name: 'app', serverUser: { name: 'x', ...ref('s') } }] },
    options: { secrets: [secret('s', { password: `md5${'0'.repeat(32)}` })] },
    line: /^spec\.databases\[0\]\.serverUser\.passwordSecretRef: is a hash, .*; put the plain password there$/,
  },
];

test('another password at the server stands with its database, and is shown by nobody', () => {
  const spec = {
    users: [{ name: 'app', ...ref('s') }],
    databases: [{ name: 'app', serverUser: { name: 'app', ...ref('t') } }],
  };
  const secrets = [secret('s', { password: 'one-secret' }), secret('t', { password: 'two-secret' })];
  const planned = (showSecrets: boolean): OfflinePlan => {
    const result = planOffline(poolerOf({ backends: [{ host: 'pg' }], ...spec }), { ...OPTIONS, secrets, showSecrets });
    assert.ok(result.ok, JSON.stringify(result));
    return result.plan;
  };
  const masked = planned(false);
  assert.match(renderYaml(masked), /^ +app = .*password='<t\/password>'/m);
  const said = [
    renderYaml(masked),
    printExplanations([explain(planned(true))], 'yaml'),
    JSON.stringify(comparePoolers(planned(true), masked)),
  ].join('\n');
  assert.doesNotMatch(said, /one-secret|two-secret/);
  assert.match(renderYaml(planned(true)), /password='two-secret'/);
});

for (const { what, spec, options, line } of FAULTS) {
  test(`found without a cluster: ${what}`, () => {
    const lines = linesOf(spec, options);
    assert.ok(
      lines.some((text) => line.test(text)),
      lines.join('\n'),
    );
    assert.ok(!lines.join().includes('planted'), lines.join('\n'));
  });
}

test('Secrets that are not in the file may be in the cluster: nothing is wrong with them', () => {
  assert.deepEqual(linesOf({ users: [{ name: 'app', ...ref('elsewhere') }] }), []);
});

test('two references of one user may hold the same password, as far as it is not known', () => {
  const spec = {
    users: [
      { name: 'app', ...ref('s') },
      { name: 'other', ...ref('u') },
    ],
    databases: [
      { name: 'app', serverUser: { name: 'app', ...ref('t') } },
      { name: 'two', serverUser: { name: 'other', ...ref('t') } },
    ],
  };
  assert.deepEqual(linesOf(spec), []);
  assert.deepEqual(linesOf(spec, { secrets: [secret('t', { password: 'known' })] }), []);
  assert.deepEqual(linesOf(spec, { showSecrets: true, secrets: [secret('u', { password: 'known' })] }), []);
});

test('two references of one user that do hold the same password are no fault, masked or not', () => {
  const spec = {
    users: [{ name: 'app', ...ref('s') }],
    databases: [{ name: 'app', serverUser: { name: 'app', ...ref('t') } }],
  };
  const secrets = [secret('s', { password: 'planted' }), secret('t', { password: 'planted' })];
  assert.match(rendered(spec, { secrets }), /"app" "<s\/password>"/);
  assert.match(rendered(spec, { secrets, showSecrets: true }), /"app" "planted"/);
});

test('a Secret of another namespace is not the one that is meant', () => {
  const spec = { users: [{ name: 'app', ...ref('s') }] };
  const elsewhere = [secret('s', { password: '' }, 'elsewhere')];
  assert.deepEqual(linesOf(spec, { secrets: elsewhere }), []);
  assert.notDeepEqual(linesOf(spec, { secrets: elsewhere, namespace: 'elsewhere' }), []);
});

test('a userlist shows its users and hides their passwords; one that is elsewhere is one line', () => {
  const spec = { auth: { userlistSecretRefs: [{ name: 'legacy', key: 'users' }] } };
  const secrets = [secret('legacy', { users: '; team a\n"old" "planted-one"\n"a""b" "planted-two"\n' })];
  const masked = rendered(spec, { secrets });
  assert.match(masked, /"a""b" "<legacy\/users>"\n +"old" "<legacy\/users>"/);
  assert.doesNotMatch(masked, /planted/);
  assert.match(rendered(spec, { secrets, showSecrets: true }), /"old" "planted-one"/);
  assert.match(rendered(spec), /"<auth\.userlistSecretRefs\[0\]>" "<legacy\/users>"/);
});

test('what only the cluster knows is no fault: who stands in a userlist, what the asking user is called', () => {
  const auth = {
    userlistSecretRefs: [{ name: 'legacy', key: 'users' }],
    query: { userSecretRef: { name: 'x'.repeat(253) }, database: 'postgres' },
    adminUsers: ['dba'],
  };
  assert.deepEqual(linesOf({ auth, users: [{ name: 'app' }] }), []);
  const without = { ...auth, query: undefined };
  assert.deepEqual(linesOf({ auth: without, users: [{ name: 'app' }] }), []);
  const secrets = [secret('legacy', { users: '"old" "x"' })];
  assert.match(
    linesOf({ auth: without, users: [{ name: 'app' }] }, { secrets }).join('\n'),
    /users\[0\].*is missing.*\n?.*adminUsers\[0\]/,
  );
});

test('what a stored password cannot do is a warning, as far as the Secret is at hand', () => {
  const spec = { backends: [{ host: 'pg' }], users: [{ name: 'app', ...ref('s') }] };
  const reasons = (secrets: readonly SecretDocument[]): readonly string[] => {
    const planned = planOffline(poolerOf(spec), { ...OPTIONS, secrets });
    assert.ok(planned.ok);
    return planned.plan.warnings.map(({ reason }) => reason).filter((reason) => /Password/.test(reason));
  };
  assert.deepEqual(reasons([secret('s', { password: `md5${'0'.repeat(32)}` })]), ['Md5Password']);
  assert.deepEqual(reasons([secret('s', { password: 'plain' })]), []);
  assert.deepEqual(reasons([]), []);
});

test('in full mode the template may do more', () => {
  const spec = { template: { spec: { hostNetwork: true } } };
  assert.match(rendered(spec, { templateMode: 'full' }), /hostNetwork: true/);
});

test('planted values stand nowhere in what is rendered, not even their revision depends on them', () => {
  const planted = fc.stringMatching(/^[A-Za-z0-9]{16,24}$/);
  fc.assert(
    fc.property(validSpec, planted, planted, (input, first, second) => {
      const { spec } = withoutFaults(input, { major: 1, minor: 26, patch: 1 }, { password: () => first });
      // Certificates are public, and their Secrets may be those of passwords here.
      const { image: _image, version: _version, template: _template, tls, ...rest } = spec;
      // And what needs them cannot go without them.
      fc.pre(tls === undefined || (rest.auth?.hba === undefined && rest.auth?.type !== 'cert'));
      const keys = secretReferences(rest, 'app').map((reference) => reference.ref);
      const secretsWith = (value: string) => {
        const secretIn = secretOf(rest, { password: () => value });
        return [...Map.groupBy(keys, ({ name }) => name)].map(([name, refs]) =>
          secret(name, Object.fromEntries(refs.map((one) => [one.key, secretIn(one).replaceAll('password', value)]))),
        );
      };
      const text = rendered(rest, { secrets: secretsWith(first) });
      assert.ok(!text.includes(first));
      assert.equal(rendered(rest, { secrets: secretsWith(second) }), text);
      // A directory that nobody asks needs no password.
      const { type, hba = [] } = rest.auth ?? {};
      const asked = type === 'ldap' || hba.some((line) => /\bldap\b/.test(line));
      if (secretReferences(rest, 'app').some(({ path }) => asked || !path.startsWith('spec.auth.ldap')))
        assert.ok(rendered(rest, { secrets: secretsWith(first), showSecrets: true }).includes(first));
    }),
    { numRuns: 60 },
  );
});
