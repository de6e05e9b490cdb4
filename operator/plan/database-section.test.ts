import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EffectiveEntry } from './database-section.ts';
import { faultsOf, planned, validated } from './testing/planned.ts';

/** `key=value (source)` of an entry. */
function settingsOf(spec: object, section: 'databases' | 'users', name: string): readonly string[] {
  const { spec: whole } = validated({ backends: [{ name: 'one', host: 'pg' }], ...spec });
  assert.ok(whole);
  const plan = planned(whole, { major: 1, minor: 26, patch: 1 });
  assert.deepEqual(faultsOf(plan), []);
  const entry: EffectiveEntry | undefined = plan.config?.entries[section].find((found) => found.name === name);
  return (entry?.settings ?? []).map(({ key, value, source }) => `${key}=${value} (${source})`);
}

test('a database says of each value which field it comes from', () => {
  const databases = [
    { name: 'other' },
    { name: 'app', dbname: 'real', poolSize: 4, serverLifetime: '2m', parameters: { timezone: 'UTC' } },
  ];
  assert.deepEqual(settingsOf({ databases }, 'databases', 'app'), [
    'host=pg (spec.backends[0].host)',
    'port=5432 (spec.backends[0].port)',
    'dbname=real (spec.databases[1].dbname)',
    'pool_size=4 (spec.databases[1].poolSize)',
    'server_lifetime=120 (spec.databases[1].serverLifetime)',
    'timezone=UTC (spec.databases[1].parameters.timezone)',
  ]);
});

test('sizes that follow a budget say which one, with the arithmetic', () => {
  const databases = [{ name: 'app', connectionBudget: 20, reservePoolSize: 2 }, { name: 'rest' }];
  const backends = [{ name: 'one', service: { name: 'pg' }, connectionBudget: 29 }];
  const own = 'spec.databases[0].connectionBudget: 20 / 4 pods = 5';
  assert.deepEqual(settingsOf({ backends, databases }, 'databases', 'app').slice(3), [
    `pool_size=3 (${own})`,
    'reserve_pool_size=2 (spec.databases[0].reservePoolSize)',
    `max_db_connections=5 (${own})`,
  ]);
  const ofBackend = 'spec.backends[0].connectionBudget: 9 / 4 pods = 2';
  assert.ok(
    settingsOf({ backends, databases }, 'databases', 'rest').includes(`max_db_connections=2 (${ofBackend})`),
    'what is left of the backend',
  );
});

test('a fallback stands behind the hosts of the backend, and decides that the first that works is kept', () => {
  const backends = [
    { name: 'replicas', hosts: ['a', 'b'] },
    { name: 'one', service: { name: 'pg' } },
  ];
  const databases = [{ name: 'app', backend: 'replicas', fallbackBackend: 'one' }];
  assert.deepEqual(settingsOf({ backends, databases }, 'databases', 'app'), [
    'host=a,b,pg.shop.svc (spec.backends[0].hosts, spec.backends[1].service)',
    'port=5432 (spec.backends[0].port)',
    'load_balance_hosts=disable (spec.databases[0].fallbackBackend)',
    'dbname=app (spec.databases[0].name)',
  ]);
});

test('a user says which field a limit comes from, and without limits has no entry', () => {
  const ref = { passwordSecretRef: { name: 's', key: 'k' } };
  const users = [
    { name: 'free', ...ref },
    { name: 'app', ...ref, queryTimeout: '30s', parameters: { query_wait_timeout: 9 } },
  ];
  assert.deepEqual(settingsOf({ users }, 'users', 'app'), [
    'query_timeout=30 (spec.users[1].queryTimeout)',
    'query_wait_timeout=9 (spec.users[1].parameters.query_wait_timeout)',
  ]);
  assert.deepEqual(settingsOf({ users }, 'users', 'free'), []);
});
