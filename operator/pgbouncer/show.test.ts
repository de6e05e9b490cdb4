import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Row } from './rows.ts';
import {
  readConfig,
  readDatabases,
  readLists,
  readPaused,
  readPeers,
  readPools,
  readStats,
  readUsers,
  readVersion,
} from './show.ts';

/** Columns and values as psql prints them. */
const row = (columns: string, values: string): Row => {
  const found = values.split('|');
  return Object.fromEntries(
    columns.split('|').map((column, index) => [column, found[index] === '' ? null : (found[index] ?? null)]),
  );
};

const POOLS_118 =
  'database|user|cl_active|cl_waiting|cl_active_cancel_req|cl_waiting_cancel_req|sv_active|sv_active_cancel|sv_being_canceled|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode';

describe('what SHOW answers', () => {
  it('about pools has waits in seconds, and leaves out the console', () => {
    const pools = readPools([
      row(POOLS_118, 'pgbouncer|pgbouncer|1|0|0|0|0|0|0|0|0|0|0|0|0|statement'),
      row(POOLS_118, 'app|u|10|2|0|1|3|0|0|4|5|6|7|8|250000|transaction'),
    ]);
    assert.deepEqual(pools, [
      {
        database: 'app',
        user: 'u',
        poolMode: 'transaction',
        clientsActive: 10,
        clientsWaiting: 2,
        clientsActiveCancel: 0,
        clientsWaitingCancel: 1,
        serversActive: 3,
        serversActiveCancel: 0,
        serversBeingCanceled: 0,
        serversIdle: 4,
        serversUsed: 5,
        serversTested: 6,
        serversLogin: 7,
        maxWaitSeconds: 8.25,
      },
    ]);
  });

  it('may have columns that nobody knows, in any order', () => {
    const columns = POOLS_118.split('|').reverse().join('|');
    const [pool] = readPools([
      row(`new|${columns}|load_balance_hosts`, 'x|transaction|0|0|7|6|5|4|0|0|3|1|0|2|10|u|app|disable'),
    ]);
    assert.equal(pool?.clientsActive, 10);
    assert.equal(pool?.loadBalanceHosts, 'disable');
  });

  it('about statistics has times in seconds, and newer counters only where they are', () => {
    const old =
      'database|total_xact_count|total_query_count|total_received|total_sent|total_xact_time|total_query_time|total_wait_time';
    const [before] = readStats([row(old, 'app|1|2|3|4|5000000|6000000|7')]);
    assert.deepEqual(before, {
      database: 'app',
      transactions: 1,
      queries: 2,
      receivedBytes: 3,
      sentBytes: 4,
      transactionTime: 5,
      queryTime: 6,
      waitTime: 0.000007,
    });
    const [since] = readStats([
      row(`${old}|total_server_assignment_count|total_client_login_count`, 'app|1|2|3|4|5|6|7|8|9'),
    ]);
    assert.deepEqual([since?.serverAssignments, since?.clientLogins, since?.binds], [8, 9, undefined]);
  });

  it('about databases calls the reserve by one name in all versions', () => {
    const old =
      'name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|pool_mode|max_connections|current_connections|paused|disabled';
    const values = 'app|pg|5432|app_production||7|1|2||12|3|0|1';
    const expected = {
      name: 'app',
      host: 'pg',
      port: 5432,
      database: 'app_production',
      poolSize: 7,
      minPoolSize: 1,
      reservePoolSize: 2,
      maxConnections: 12,
      currentConnections: 3,
      paused: false,
      disabled: true,
    };
    assert.deepEqual(readDatabases([row(old, values)]), [expected]);
    assert.deepEqual(readDatabases([row(old.replace('reserve_pool', 'reserve_pool_size'), values)]), [expected]);
  });

  it('about users may be padded, empty or missing', () => {
    assert.deepEqual(readUsers([{ name: ' odd ', pool_mode: null }]), [{ name: ' odd ' }]);
    assert.deepEqual(
      readUsers([
        { name: 'u', pool_mode: 'session', pool_size: '        5', reserve_pool_size: '', max_user_connections: '0' },
      ]),
      [{ name: 'u', poolMode: 'session', poolSize: 5, maxUserConnections: 0 }],
    );
  });

  it('about the configuration keeps unset apart from empty', () => {
    assert.deepEqual(
      readConfig([
        { key: 'auth_file', value: null, default: '', changeable: 'yes' },
        { key: 'pkt_buf', value: '4096', default: '4096', changeable: 'no' },
      ]),
      [
        { key: 'auth_file', value: null, default: '', changeable: true },
        { key: 'pkt_buf', value: '4096', default: '4096', changeable: false },
      ],
    );
  });

  it('about lists, peers, state and version', () => {
    assert.equal(readLists([{ list: 'used_clients', items: '3' }]).get('used_clients'), 3);
    assert.deepEqual(readPeers([{ peer_id: '2', host: '10.0.0.2', port: '6432', pool_size: null }]), [
      { id: 2, host: '10.0.0.2', port: 6432 },
    ]);
    assert.equal(
      readPaused([
        { key: 'active', value: 'no' },
        { key: 'paused', value: 'yes' },
      ]),
      true,
    );
    assert.equal(readPaused([]), undefined);
    assert.deepEqual(readVersion([{ version: 'PgBouncer 1.26.1' }]), { major: 1, minor: 26, patch: 1 });
    assert.equal(readVersion([]), undefined);
  });

  it('is an error with the command and the column when a number is none, or a column is missing', () => {
    assert.throws(() => readLists([{ list: 'x', items: 'many' }]), /SHOW LISTS: column items is no number/);
    assert.throws(() => readPools([{ database: 'app' }]), /SHOW POOLS: column user is missing/);
  });
});
