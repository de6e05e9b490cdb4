import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolerSpec } from '../api/types.ts';
import { parseVersion } from '../pgbouncer/version.ts';
import { planMainSection } from './main-section.ts';

const spec = (fields: Partial<PoolerSpec>): PoolerSpec => ({
  replicas: 2,
  suspend: false,
  profile: 'balanced',
  backends: [{ name: 'primary', host: 'pg', port: 5432 }],
  ...fields,
});
function planOf(fields: Partial<PoolerSpec>, text = '1.26.1') {
  const version = parseVersion(text);
  assert.ok(version);
  return planMainSection(spec(fields), version, 'rev');
}
const settingOf = (fields: Partial<PoolerSpec>, key: string, version?: string) =>
  planOf(fields, version).settings.find((setting) => setting.key === key);

/** Highest first, as the documents say it. */
const PRECEDENCE: readonly {
  readonly what: string;
  readonly fields: Partial<PoolerSpec>;
  readonly key: string;
  readonly value: string | undefined;
  readonly source?: string;
}[] = [
  {
    what: 'a field before the profile',
    fields: { maxClientConnections: 7 },
    key: 'max_client_conn',
    value: '7',
    source: 'spec.maxClientConnections',
  },
  {
    what: 'a parameter before the profile',
    fields: { parameters: { query_wait_timeout: 9 } },
    key: 'query_wait_timeout',
    value: '9',
    source: 'spec.parameters.query_wait_timeout',
  },
  {
    what: "a parameter before Poolkeeper's default",
    fields: { parameters: { server_lifetime: 100 } },
    key: 'server_lifetime',
    value: '100',
    source: 'spec.parameters.server_lifetime',
  },
  {
    what: 'defaults before the profile',
    fields: { defaults: { poolSize: 3 } },
    key: 'default_pool_size',
    value: '3',
    source: 'spec.defaults.poolSize',
  },
  {
    what: 'the pool mode of defaults before that of the profile',
    fields: { profile: 'highThroughput', defaults: { poolMode: 'session' } },
    key: 'pool_mode',
    value: 'session',
    source: 'spec.defaults.poolMode',
  },
  { what: 'the profile', fields: {}, key: 'default_pool_size', value: '30', source: 'profile balanced' },
  {
    what: "the profile before Poolkeeper's default",
    fields: { profile: 'lowLatency' },
    key: 'server_idle_timeout',
    value: '300',
    source: 'profile lowLatency',
  },
  { what: "Poolkeeper's default", fields: {}, key: 'server_lifetime', value: '600', source: "Poolkeeper's default" },
  { what: "PgBouncer's default where nobody says anything", fields: {}, key: 'query_timeout', value: undefined },
  {
    what: "PgBouncer's sizes under the profile pgbouncer",
    fields: { profile: 'pgbouncer' },
    key: 'default_pool_size',
    value: undefined,
  },
  {
    what: "PgBouncer's timeouts under the profile pgbouncer",
    fields: { profile: 'pgbouncer' },
    key: 'server_login_retry',
    value: undefined,
  },
  {
    what: 'logging and TLS mode also under the profile pgbouncer',
    fields: { profile: 'pgbouncer' },
    key: 'log_connections',
    value: '0',
    source: "Poolkeeper's default",
  },
  {
    what: 'ignored startup parameters are joined, each once',
    fields: { parameters: { ignore_startup_parameters: 'search_path, options,,search_path' } },
    key: 'ignore_startup_parameters',
    value: 'extra_float_digits,options,search_path',
  },
];

for (const { what, fields, key, value, source } of PRECEDENCE) {
  test(`${key} comes from ${what}`, () => {
    const setting = settingOf(fields, key);
    assert.equal(setting?.value, value);
    if (source !== undefined) assert.equal(setting?.source, source);
  });
}

test('no profile but those that promise speed changes what SQL may do', () => {
  assert.equal(settingOf({ profile: 'balanced' }, 'pool_mode'), undefined);
  assert.equal(settingOf({ profile: 'pgbouncer' }, 'pool_mode'), undefined);
  assert.equal(settingOf({ profile: 'highThroughput' }, 'pool_mode')?.value, 'transaction');
  assert.equal(settingOf({ profile: 'lowLatency' }, 'pool_mode')?.value, 'transaction');
});

test('a default that an old PgBouncer does not know is left out', () => {
  const gated = [
    { key: 'cancel_wait_timeout', before: '1.18.0', since: '1.19.0' },
    { key: 'max_prepared_statements', before: '1.20.1', since: '1.21.0' },
  ];
  for (const { key, before, since } of gated) {
    assert.equal(settingOf({}, key, before), undefined);
    assert.notEqual(settingOf({}, key, since), undefined);
  }
});

test('keys that protect the server and the console come first, each key once', () => {
  const keys = planOf({ parameters: { max_db_connections: 5, autodb_idle_timeout: 9 } }).settings.map(({ key }) => key);
  assert.deepEqual(keys.slice(0, 8), [
    'listen_addr',
    'listen_port',
    'unix_socket_dir',
    'auth_hba_file',
    'auth_type',
    'auth_file',
    'admin_users',
    'stats_users',
  ]);
  assert.ok(keys.indexOf('max_db_connections') < keys.indexOf('autodb_idle_timeout'));
  assert.equal(new Set(keys).size, keys.length);
  const rest = keys.slice(keys.indexOf('autodb_idle_timeout'));
  assert.deepEqual(rest, rest.toSorted());
});

test("nothing that a user writes replaces the operator's own keys", () => {
  const { settings, faults } = planOf({ parameters: { admin_users: 'me', auth_type: 'trust', syslog_ident: 'x' } });
  assert.equal(faults.length, 3);
  const values = new Map(settings.map(({ key, value }) => [key, value]));
  assert.equal(values.get('admin_users'), 'poolkeeper,poolkeeper_proof');
  assert.equal(values.get('auth_type'), 'hba');
  assert.equal(values.get('syslog_ident'), undefined);
});
