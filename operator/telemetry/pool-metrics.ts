/**
 * What the consoles say, as Prometheus metrics under the community exporter's names, so that existing dashboards and
 * alerts work; with namespace, pooler and pod as labels in place of the exporter's one target.
 */
import type { ConsoleReading } from '../controllers/console-reading.ts';
import type { DatabaseRow, PoolRow, StatsRow } from '../pgbouncer/show.ts';

export interface PoolMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly read: (
    reading: ConsoleReading,
  ) => Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>;
}

type Column<T> = readonly [suffix: string, help: string, pick: (row: T) => number | undefined];

const POOLS: readonly Column<PoolRow>[] = [
  [
    'client_active_connections',
    'Client connections linked to a server connection, or idle',
    (row) => row.clientsActive,
  ],
  [
    'client_active_cancel_connections',
    'Clients that have forwarded a query cancellation',
    (row) => row.clientsActiveCancel,
  ],
  ['client_waiting_connections', 'Client connections waiting for a server connection', (row) => row.clientsWaiting],
  [
    'client_waiting_cancel_connections',
    'Clients whose query cancellation was not forwarded yet',
    (row) => row.clientsWaitingCancel,
  ],
  ['server_active_connections', 'Server connections linked to a client', (row) => row.serversActive],
  [
    'server_active_cancel_connections',
    'Server connections that forward a query cancellation',
    (row) => row.serversActiveCancel,
  ],
  [
    'server_being_canceled_connections',
    'Server connections that wait for a cancellation to end',
    (row) => row.serversBeingCanceled,
  ],
  ['server_idle_connections', 'Server connections idle and ready for a query', (row) => row.serversIdle],
  ['server_used_connections', 'Server connections idle for longer than server_check_delay', (row) => row.serversUsed],
  ['server_testing_connections', 'Server connections that run a reset or a check query', (row) => row.serversTested],
  ['server_login_connections', 'Server connections that log in', (row) => row.serversLogin],
  ['client_maxwait_seconds', 'Age of the oldest client that still waits', (row) => row.maxWaitSeconds],
];

const DATABASES: readonly Column<DatabaseRow>[] = [
  ['pool_size', 'Most server connections of one pool', (row) => row.poolSize],
  ['reserve_pool', 'Additional connections of one pool', (row) => row.reservePoolSize],
  ['reserve_pool_size', 'Additional connections of one pool', (row) => row.reservePoolSize],
  ['max_connections', 'Most server connections of this database, 0 is unlimited', (row) => row.maxConnections],
  ['current_connections', 'Server connections of this database', (row) => row.currentConnections],
  ['paused', '1 if this database is paused', (row) => Number(row.paused)],
  ['disabled', '1 if this database is disabled', (row) => Number(row.disabled)],
];

const STATS: readonly Column<StatsRow>[] = [
  ['queries_pooled_total', 'SQL queries pooled', (row) => row.queries],
  ['queries_total', 'SQL queries pooled', (row) => row.queries],
  ['queries_duration_seconds_total', 'Seconds spent executing queries', (row) => row.queryTime],
  ['received_bytes_total', 'Bytes received from clients', (row) => row.receivedBytes],
  ['sent_bytes_total', 'Bytes sent to clients', (row) => row.sentBytes],
  ['client_wait_seconds_total', 'Seconds clients spent waiting for a server', (row) => row.waitTime],
  ['sql_transactions_pooled_total', 'SQL transactions pooled', (row) => row.transactions],
  ['server_in_transaction_seconds_total', 'Seconds spent in transactions', (row) => row.transactionTime],
  ['server_assignments_total', 'Times a server was assigned to a client', (row) => row.serverAssignments],
  ['client_parses_total', 'Prepared statements created by clients', (row) => row.clientParses],
  ['server_parses_total', 'Prepared statements created on servers', (row) => row.serverParses],
  ['binds_total', 'Prepared statements readied for execution', (row) => row.binds],
];

const LISTS: readonly (readonly [name: string, list: string, help: string])[] = [
  ['pgbouncer_databases', 'databases', 'Count of databases'],
  ['pgbouncer_users', 'users', 'Count of users'],
  ['pgbouncer_pools', 'pools', 'Count of pools'],
  ['pgbouncer_free_clients', 'free_clients', 'Count of free clients'],
  ['pgbouncer_used_clients', 'used_clients', 'Count of used clients'],
  ['pgbouncer_login_clients', 'login_clients', 'Count of clients in login state'],
  ['pgbouncer_free_servers', 'free_servers', 'Count of free servers'],
  ['pgbouncer_used_servers', 'used_servers', 'Count of used servers'],
  ['pgbouncer_cached_dns_names', 'dns_names', 'Count of DNS names in the cache'],
  ['pgbouncer_cached_dns_zones', 'dns_zones', 'Count of DNS zones in the cache'],
  ['pgbouncer_in_flight_dns_queries', 'dns_queries', 'Count of DNS queries in flight'],
];

const databaseLabels = (row: DatabaseRow): Readonly<Record<string, string>> => ({
  name: row.name,
  host: row.host ?? '',
  port: String(row.port),
  database: row.database,
  force_user: row.forceUser ?? '',
  pool_mode: row.poolMode ?? '',
});

function fromRows<T>(
  prefix: string,
  type: PoolMetric['type'],
  columns: readonly Column<T>[],
  labels: readonly string[],
  rows: (reading: ConsoleReading) => readonly T[],
  label: (row: T) => Readonly<Record<string, string>>,
): readonly PoolMetric[] {
  return columns.map(([suffix, help, pick]) => ({
    name: `${prefix}_${suffix}`,
    help,
    type,
    labels,
    read: (reading) =>
      rows(reading).flatMap((row) => {
        const value = pick(row);
        return value === undefined ? [] : [{ labels: label(row), value }];
      }),
  }));
}

export const POOL_METRICS: readonly PoolMetric[] = [
  ...fromRows(
    'pgbouncer_pools',
    'gauge',
    POOLS,
    ['database', 'user'],
    (reading) => reading.poolRows,
    ({ database, user }) => ({ database, user }),
  ),
  ...fromRows(
    'pgbouncer_databases',
    'gauge',
    DATABASES,
    ['name', 'host', 'port', 'database', 'force_user', 'pool_mode'],
    (reading) => reading.databaseRows,
    databaseLabels,
  ),
  ...fromRows(
    'pgbouncer_stats_totals',
    'counter',
    STATS,
    ['database'],
    (reading) => reading.stats,
    ({ database }) => ({ database }),
  ),
  ...LISTS.map(
    ([name, list, help]): PoolMetric => ({
      name,
      help,
      type: 'gauge',
      labels: [],
      read: ({ lists }) => {
        const value = lists.get(list);
        return value === undefined ? [] : [{ labels: {}, value }];
      },
    }),
  ),
  {
    name: 'pgbouncer_version_info',
    help: 'The PgBouncer version',
    type: 'gauge',
    labels: ['version'],
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: 'pgbouncer_config_max_client_connections',
    help: 'max_client_conn',
    type: 'gauge',
    labels: [],
    read: ({ maxClientConnections }) => [{ labels: {}, value: maxClientConnections }],
  },
  {
    name: 'pgbouncer_config_max_user_connections',
    help: 'max_user_connections, 0 is unlimited',
    type: 'gauge',
    labels: [],
    read: ({ maxUserConnections }) => [{ labels: {}, value: maxUserConnections }],
  },
];
