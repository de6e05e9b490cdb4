import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { faultsOf, planned, validated } from './testing/planned.ts';

const NEWEST = { major: 1, minor: 26, patch: 1 };
const AUTH = { query: { userSecretRef: { name: 'asker' }, database: 'postgres' } } as const;

function plan(fields: object, version = NEWEST) {
  const { spec } = validated({ backends: [{ host: 'pg' }], databases: [{ name: 'app' }], auth: AUTH, ...fields });
  assert.ok(spec);
  const plan_ = planned(spec, version);
  const settings = new Map(plan_.config?.ini.pgbouncer);
  const sources = plan_.config?.entries.databases.find(({ name }) => name === 'postgres')?.settings;
  const entry = plan_.config?.ini.databases.find(({ name }) => name === 'postgres')?.params;
  return { settings, entry, sources, budget: plan_.budget, lines: faultsOf(plan_).map(formatFault) };
}

describe('the query for passwords', () => {
  it('asks a function of its own as a user of its own, in a database of its own', () => {
    const { settings } = plan({});
    assert.equal(settings.get('auth_user'), 'asker');
    assert.equal(settings.get('auth_dbname'), 'postgres');
    assert.equal(settings.get('auth_query'), 'SELECT uname, phash FROM pooler.user_lookup($1)');
  });

  it('has a small pool of its own, whatever others have', () => {
    const { entry } = plan({ defaults: { poolSize: 50, minPoolSize: 5, poolMode: 'session' } });
    assert.deepEqual(entry, {
      dbname: 'postgres',
      host: 'pg',
      max_db_connections: '2',
      min_pool_size: '0',
      pool_mode: 'transaction',
      pool_size: '2',
      port: '5432',
      reserve_pool_size: '0',
    });
  });

  it('says of that pool which field it comes from', () => {
    const sources = new Set((plan({}).sources ?? []).map(({ source }) => source));
    assert.deepEqual(sources, new Set(['spec.backends[0].host', 'spec.backends[0].port', 'spec.auth.query.database']));
  });

  it('uses the entry that is there, as it is', () => {
    const databases = [{ name: 'postgres', dbname: 'admin', poolSize: 9 }];
    assert.equal(plan({ databases }).entry?.['pool_size'], '9');
    assert.equal(plan({ databases }).entry?.['dbname'], 'admin');
  });

  it('counts against the budget: two connections for each pod that can hold some', () => {
    const backends = [{ host: 'pg', connectionBudget: 40 }];
    const { entry, budget, lines } = plan({ replicas: 3, backends });
    assert.deepEqual(lines, []);
    assert.equal(entry?.['max_db_connections'], '2');
    assert.deepEqual(budget, [{ backend: 'primary', budget: 40, committed: 40 }]);
    const stated = plan({ replicas: 3, backends, databases: [{ name: 'app', connectionBudget: 35 }] });
    assert.match(stated.lines.join(), /connectionBudget: is 40 .* sum to 45 \(app 35 \+ postgres 10\)/);
  });

  it('is told at its own field when its database cannot be an entry', () => {
    const auth = { query: { ...AUTH.query, database: 'my db' } };
    assert.match(
      plan({ auth }, { major: 1, minor: 24, patch: 1 }).lines.join(),
      /^spec\.auth\.query\.database: has characters that PgBouncer 1\.24\.1 cannot read in a name \("my db"\)/,
    );
  });
});
