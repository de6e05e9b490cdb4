/** One look at one console: everything that status and metrics need, in one short session. */
import type { Session } from '../console/session.ts';
import { fingerprintSettings } from '../pgbouncer/settings-fingerprint.ts';
import {
  type DatabaseRow,
  type PoolRow,
  readConfig,
  readDatabases,
  readLists,
  readPools,
  readState,
  readStats,
  readVersion,
  type StatsRow,
} from '../pgbouncer/show.ts';
import { atLeast, formatVersion } from '../pgbouncer/version.ts';
import type { DatabaseReading, PodReading, PoolReading } from '../plan/fleet.ts';

export interface ConsoleReading extends PodReading {
  readonly poolRows: readonly PoolRow[];
  readonly databaseRows: readonly DatabaseRow[];
  readonly stats: readonly StatsRow[];
  readonly lists: ReadonlyMap<string, number>;
  readonly maxClientConnections: number;
  readonly maxUserConnections: number;
  /** Fingerprint of SHOW CONFIG, see overrides.ts. */
  readonly settings: string;
  /** By PAUSE without a database; older versions do not tell. */
  readonly paused: boolean;
}

/** @throws ConsoleError, or an Error that says which column cannot be */
export async function readConsole(session: Session, pod: string): Promise<ConsoleReading> {
  const version = readVersion(await session.show('VERSION'));
  if (version === undefined) throw new Error('SHOW VERSION: it names no version');
  const poolRows = readPools(await session.show('POOLS'));
  const databaseRows = readDatabases(await session.show('DATABASES'));
  const stats = readStats(await session.show('STATS'));
  const lists = readLists(await session.show('LISTS'));
  const rows = readConfig(await session.show('CONFIG'));
  const config = new Map(rows.map((row) => [row.key, row.value]));
  const paused = atLeast(version, '1.19') && readState(await session.show('STATE')).paused;
  return {
    pod,
    version: formatVersion(version),
    pools: poolRows.map(summarisePool),
    databases: databaseRows.map(
      ({ name, poolSize, reservePoolSize, maxConnections }): DatabaseReading => ({
        name,
        poolSize,
        reservePoolSize,
        maxConnections,
      }),
    ),
    poolRows,
    databaseRows,
    stats,
    lists,
    settings: fingerprintSettings(rows),
    paused,
    maxClientConnections: Number(config.get('max_client_conn') ?? 0),
    maxUserConnections: Number(config.get('max_user_connections') ?? 0),
  };
}

const summarisePool = (row: PoolRow): PoolReading => ({
  database: row.database,
  user: row.user,
  mode: row.poolMode ?? '',
  clientsActive: row.clientsActive,
  clientsWaiting: row.clientsWaiting,
  serversActive: row.serversActive,
  serversIdle: row.serversIdle + row.serversUsed,
  serversOther: row.serversTested + row.serversActiveCancel + row.serversBeingCanceled,
  serversLogin: row.serversLogin,
  maxWaitSeconds: row.maxWaitSeconds,
});
