/**
 * The answers of PgBouncer's console, typed. A field without `?` is there in every supported version; one with it came
 * later, or is empty when nothing is set. Times are seconds, sizes are those of one process.
 */
import { type Row, type RowReader, readRow, readText } from './rows.ts';
import { parseVersion, type Version } from './version.ts';

export interface PoolRow {
  readonly database: string;
  readonly user: string;
  readonly poolMode?: string;
  /** Linked to a server connection, or idle. */
  readonly clientsActive: number;
  readonly clientsWaiting: number;
  readonly clientsActiveCancel: number;
  readonly clientsWaitingCancel: number;
  readonly serversActive: number;
  readonly serversActiveCancel: number;
  readonly serversBeingCanceled: number;
  readonly serversIdle: number;
  /** Idle for so long that they are checked before use. */
  readonly serversUsed: number;
  readonly serversTested: number;
  readonly serversLogin: number;
  /** How long the client that waits longest has waited, seconds. */
  readonly maxWaitSeconds: number;
  readonly loadBalanceHosts?: string;
}

/** The console has a pool of its own, `pgbouncer`: it is not among them. */
export const readPools = (rows: readonly Row[]): readonly PoolRow[] =>
  rows.map((row) => readPool(readRow('SHOW POOLS', row))).filter((pool) => pool.database !== 'pgbouncer');

const readPool = ({ text, count, optionalText }: RowReader): PoolRow => ({
  database: text('database'),
  user: text('user'),
  clientsActive: count('cl_active'),
  clientsWaiting: count('cl_waiting'),
  clientsActiveCancel: count('cl_active_cancel_req'),
  clientsWaitingCancel: count('cl_waiting_cancel_req'),
  serversActive: count('sv_active'),
  serversActiveCancel: count('sv_active_cancel'),
  serversBeingCanceled: count('sv_being_canceled'),
  serversIdle: count('sv_idle'),
  serversUsed: count('sv_used'),
  serversTested: count('sv_tested'),
  serversLogin: count('sv_login'),
  maxWaitSeconds: count('maxwait') + count('maxwait_us') / 1e6,
  ...present({ poolMode: optionalText('pool_mode'), loadBalanceHosts: optionalText('load_balance_hosts') }),
});

/** Totals since the pools of the database exist: they fall when a pool is dropped. */
export interface StatsRow {
  readonly database: string;
  readonly transactions: number;
  readonly queries: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Seconds. */
  readonly transactionTime: number;
  /** Seconds. */
  readonly queryTime: number;
  /** Seconds. */
  readonly waitTime: number;
  readonly serverAssignments?: number;
  readonly clientParses?: number;
  readonly serverParses?: number;
  readonly binds?: number;
  readonly clientLogins?: number;
}

/** The console counts itself too, as `pgbouncer`: it is not among them. */
export const readStats = (rows: readonly Row[]): readonly StatsRow[] =>
  rows.map((row) => readStat(readRow('SHOW STATS', row))).filter((stats) => stats.database !== 'pgbouncer');

const readStat = ({ text, number, optionalNumber }: RowReader): StatsRow => ({
  database: text('database'),
  transactions: number('total_xact_count'),
  queries: number('total_query_count'),
  receivedBytes: number('total_received'),
  sentBytes: number('total_sent'),
  transactionTime: number('total_xact_time') / 1e6,
  queryTime: number('total_query_time') / 1e6,
  waitTime: number('total_wait_time') / 1e6,
  ...present({
    serverAssignments: optionalNumber('total_server_assignment_count'),
    clientParses: optionalNumber('total_client_parse_count'),
    serverParses: optionalNumber('total_server_parse_count'),
    binds: optionalNumber('total_bind_count'),
    clientLogins: optionalNumber('total_client_login_count'),
  }),
});

/** Sizes are the effective ones: the entry's own, else what [pgbouncer] says. */
export interface DatabaseRow {
  readonly name: string;
  readonly host?: string;
  readonly port: number;
  /** On the server. */
  readonly database: string;
  readonly forceUser?: string;
  readonly poolSize: number;
  readonly minPoolSize: number;
  readonly reservePoolSize: number;
  /** Seconds. */
  readonly serverLifetime?: number;
  /** Only when the entry has one of its own. */
  readonly poolMode?: string;
  /** Only when the entry has one of its own. */
  readonly loadBalanceHosts?: string;
  readonly maxConnections: number;
  readonly currentConnections: number;
  readonly maxClientConnections?: number;
  readonly currentClientConnections?: number;
  /** By `PAUSE name`; a PAUSE of everything does not show here. */
  readonly paused: boolean;
  readonly disabled: boolean;
}

/** The console itself, `pgbouncer`, is not among them. */
export const readDatabases = (rows: readonly Row[]): readonly DatabaseRow[] =>
  rows.map((row) => readDatabase(readRow('SHOW DATABASES', row))).filter(({ name }) => name !== 'pgbouncer');

const readDatabase = ({ text, count, optionalText, optionalNumber }: RowReader): DatabaseRow => ({
  name: text('name'),
  port: count('port'),
  database: text('database'),
  poolSize: count('pool_size'),
  minPoolSize: count('min_pool_size'),
  // Called reserve_pool before 1.24.
  reservePoolSize: optionalNumber('reserve_pool_size') ?? count('reserve_pool'),
  maxConnections: count('max_connections'),
  currentConnections: count('current_connections'),
  paused: count('paused') !== 0,
  disabled: count('disabled') !== 0,
  ...present({
    host: optionalText('host'),
    forceUser: optionalText('force_user'),
    serverLifetime: optionalNumber('server_lifetime'),
    poolMode: optionalText('pool_mode'),
    loadBalanceHosts: optionalText('load_balance_hosts'),
    maxClientConnections: optionalNumber('max_client_connections'),
    currentClientConnections: optionalNumber('current_client_connections'),
  }),
});

export interface UserRow {
  readonly name: string;
  /** This and the next two only when the user has one of its own. */
  readonly poolMode?: string;
  readonly poolSize?: number;
  readonly reservePoolSize?: number;
  /** Effective; 0 is unlimited. */
  readonly maxUserConnections?: number;
  readonly currentConnections?: number;
  /** Effective; 0 is unlimited. */
  readonly maxUserClientConnections?: number;
  readonly currentClientConnections?: number;
}

export const readUsers = (rows: readonly Row[]): readonly UserRow[] =>
  rows.map((row) => {
    const { text, optionalText, optionalNumber } = readRow('SHOW USERS', row);
    return {
      name: text('name'),
      ...present({
        poolMode: optionalText('pool_mode'),
        poolSize: optionalNumber('pool_size'),
        reservePoolSize: optionalNumber('reserve_pool_size'),
        maxUserConnections: optionalNumber('max_user_connections'),
        currentConnections: optionalNumber('current_connections'),
        maxUserClientConnections: optionalNumber('max_user_client_connections'),
        currentClientConnections: optionalNumber('current_client_connections'),
      }),
    };
  });

export interface ConfigRow {
  readonly key: string;
  readonly value: string | null;
  readonly default: string | null;
  /** False: only a restart applies another value. */
  readonly changeable: boolean;
}

export const readConfig = (rows: readonly Row[]): readonly ConfigRow[] =>
  rows.map((row) => ({
    key: readText('SHOW CONFIG', row, 'key'),
    value: row['value'] ?? null,
    default: row['default'] ?? null,
    changeable: row['changeable'] !== 'no',
  }));

/** Since 1.19. `PAUSE` without a database shows here alone. */
export function readState(rows: readonly Row[]): { readonly paused: boolean } {
  const states = new Map(
    rows.map((row) => {
      const { text } = readRow('SHOW STATE', row);
      return [text('key'), text('value')] as const;
    }),
  );
  return { paused: states.get('paused') === 'yes' };
}

/** `databases`, `users`, `pools`, `free_clients`, … → how many. */
export const readLists = (rows: readonly Row[]): ReadonlyMap<string, number> =>
  new Map(
    rows.map((row) => {
      const { text, count } = readRow('SHOW LISTS', row);
      return [text('list'), count('items')];
    }),
  );

/** Undefined when the answer names no version. */
export const readVersion = (rows: readonly Row[]): Version | undefined =>
  parseVersion(/(\d+\.\d+\.\d+)/.exec(rows[0]?.['version'] ?? '')?.[1] ?? '');

/** Whether everything is paused (PAUSE without a name); undefined before 1.19, which cannot tell. */
export const readPaused = (rows: readonly Row[]): boolean | undefined => {
  const row = rows.find((candidate) => candidate['key'] === 'paused');
  return row && row['value'] === 'yes';
};

/** A client connection (SHOW CLIENTS) or a server connection (SHOW SERVERS). */
export interface ConnectionRow {
  readonly user: string;
  readonly database: string;
  readonly state: string;
  readonly address: string;
  readonly port: number;
  /** As PgBouncer prints them, UTC: `2026-01-31 12:00:00 UTC`. */
  readonly connectTime: string;
  readonly requestTime?: string;
  readonly waitSeconds: number;
  readonly closeNeeded: boolean;
  /** Process id of the server's backend. */
  readonly remotePid?: number;
  /** Protocol and cipher; none without TLS. */
  readonly tls?: string;
  readonly applicationName?: string;
  readonly preparedStatements?: number;
  readonly id?: number;
}

export const readClients = (rows: readonly Row[]): readonly ConnectionRow[] =>
  rows.map((row) => readConnection(readRow('SHOW CLIENTS', row)));
export const readServers = (rows: readonly Row[]): readonly ConnectionRow[] =>
  rows.map((row) => readConnection(readRow('SHOW SERVERS', row)));

const readConnection = ({ text, number, optionalText, optionalNumber }: RowReader): ConnectionRow => ({
  user: text('user'),
  database: text('database'),
  state: text('state'),
  address: text('addr'),
  port: number('port'),
  connectTime: text('connect_time'),
  waitSeconds: number('wait') + number('wait_us') / 1e6,
  closeNeeded: number('close_needed') !== 0,
  ...present({
    requestTime: optionalText('request_time'),
    remotePid: optionalNumber('remote_pid'),
    tls: optionalText('tls'),
    applicationName: optionalText('application_name'),
    preparedStatements: optionalNumber('prepared_statements'),
    id: optionalNumber('id'),
  }),
});

export interface PeerRow {
  readonly id: number;
  readonly host?: string;
  readonly port: number;
  readonly poolSize?: number;
}

export const readPeers = (rows: readonly Row[]): readonly PeerRow[] =>
  rows.map((row) => {
    const { number, optionalText, optionalNumber } = readRow('SHOW PEERS', row);
    return {
      id: number('peer_id'),
      port: number('port'),
      ...present({ host: optionalText('host'), poolSize: optionalNumber('pool_size') }),
    };
  });

type Present<T> = { readonly [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without the fields that are undefined, so that a missing column leaves no trace. */
function present<T extends Readonly<Record<string, unknown>>>(fields: T): Present<T>;
function present(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
