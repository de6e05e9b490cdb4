import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectedDatabases, expectedUser, expectedUsers } from './expected-rows.ts';
import type { IniFile } from './ini.ts';

const V118 = { major: 1, minor: 18, patch: 0 };
const V126 = { major: 1, minor: 26, patch: 1 };
const ini = (some: Partial<IniFile>): IniFile => ({ databases: [], users: [], pgbouncer: [], ...some });

describe('what the console is expected to say', () => {
  it('of an entry that says nothing is its name and the compiled defaults', () => {
    const file = ini({ databases: [{ name: 'app', params: {} }] });
    const old = {
      name: 'app',
      port: 5432,
      database: 'app',
      poolSize: 20,
      minPoolSize: 0,
      reservePoolSize: 0,
      maxConnections: 0,
    };
    assert.deepEqual(expectedDatabases(file, V118), [old]);
    assert.deepEqual(expectedDatabases(file, V126), [{ ...old, serverLifetime: 3600, maxClientConnections: 0 }]);
  });

  it('of an entry that leaves sizes open is what [pgbouncer] says', () => {
    const file = ini({
      databases: [{ name: 'app', params: { pool_size: '5' } }],
      pgbouncer: [
        ['default_pool_size', '9'],
        ['min_pool_size', '2'],
        ['reserve_pool_size', '3'],
        ['max_db_connections', '4'],
        ['server_lifetime', '600.9'],
      ],
    });
    const [found] = expectedDatabases(file, V126);
    assert.deepEqual(
      [found?.poolSize, found?.minPoolSize, found?.reservePoolSize, found?.maxConnections, found?.serverLifetime],
      [5, 2, 3, 4, 600],
    );
  });

  it('of the reserve is the newer name when both are there', () => {
    const reserve = (params: Record<string, string>) =>
      expectedDatabases(ini({ databases: [{ name: 'a', params }] }), V126)[0]?.reservePoolSize;
    assert.equal(reserve({ reserve_pool: '1' }), 1);
    assert.equal(reserve({ reserve_pool: '1', reserve_pool_size: '2' }), 2);
  });

  it('of a list of hosts is how they are chosen, of one host nothing', () => {
    const choice = (params: Record<string, string>) =>
      expectedDatabases(ini({ databases: [{ name: 'a', params }] }), V126)[0]?.loadBalanceHosts;
    assert.equal(choice({ host: 'a,b' }), 'round-robin');
    assert.equal(choice({ host: 'a,b', load_balance_hosts: 'Disable' }), 'disable');
    assert.equal(choice({ host: 'a', load_balance_hosts: 'disable' }), undefined);
  });

  it('of a name that cannot be shown is what rows are read as', () => {
    const params = { dbname: 'b\u202eb', user: 'u\u2028u' };
    const [found] = expectedDatabases(ini({ databases: [{ name: 'a\u2028a', params }] }), V126);
    assert.deepEqual([found?.name, found?.database, found?.forceUser], ['a\\u2028a', 'b\\u202eb', 'u\\u2028u']);
  });

  it('of `*` is nothing', () =>
    assert.deepEqual(expectedDatabases(ini({ databases: [{ name: '*', params: {} }] }), V126), []));

  it('of users is what their version shows', () => {
    const file = ini({
      users: [{ name: 'u', params: { pool_mode: 'Session', pool_size: '5', max_user_connections: '7' } }],
      pgbouncer: [['max_user_client_connections', '8']],
    });
    assert.deepEqual(expectedUsers(file, V118), [{ name: 'u', poolMode: 'session', poolSize: 5 }]);
    assert.deepEqual(expectedUsers(file, V126), [
      { name: 'u', poolMode: 'session', poolSize: 5, maxUserConnections: 7, maxUserClientConnections: 8 },
    ]);
    assert.deepEqual(expectedUser({ name: 'other', params: {} }, file, V126), {
      name: 'other',
      maxUserConnections: 0,
      maxUserClientConnections: 8,
    });
  });
});
