/** Sums what the pods' consoles say into the fleet's numbers, and keeps the fullest replica visible. */
import type { PoolerSpec } from '../api/types.ts';
import { visible } from '../api/visible.ts';
import { backendsOf } from './budget.ts';
import { databasesOf } from './database-section.ts';

/** One row of SHOW POOLS of one pod. */
export interface PoolReading {
  readonly database: string;
  readonly user: string;
  readonly mode: string;
  readonly clientsActive: number;
  readonly clientsWaiting: number;
  readonly serversActive: number;
  /** Idle and "used" (idle for longer than server_check_delay). */
  readonly serversIdle: number;
  /** Tested, being cancelled: established, neither idle nor in use. */
  readonly serversOther: number;
  /** Still logging in: not established. */
  readonly serversLogin: number;
  readonly maxWaitSeconds: number;
}

/** What matters of one row of SHOW DATABASES. */
export interface DatabaseReading {
  readonly name: string;
  readonly poolSize: number;
  readonly reservePoolSize: number;
  /** 0: unlimited. */
  readonly maxConnections: number;
}

export interface PodReading {
  readonly pod: string;
  readonly version: string;
  readonly pools: readonly PoolReading[];
  readonly databases: readonly DatabaseReading[];
  readonly trouble?: Trouble;
}

/** What the log says of failed server logins, read only when a pool had a reason to connect and did not. */
export interface Trouble {
  readonly said: string;
  /** Those that had the reason. */
  readonly databases: readonly string[];
  readonly at: number;
}

export interface PoolSummary {
  readonly database: string;
  readonly user: string;
  readonly mode: string;
  readonly clientsActive: number;
  readonly clientsWaiting: number;
  readonly serversActive: number;
  readonly serversIdle: number;
  readonly poolSize: number;
  readonly utilization: number;
  readonly maxWaitSeconds: number;
  readonly worst: { readonly pod: string; readonly utilization: number };
}

export interface BackendView {
  readonly name: string;
  /** Established server connections of the entries that lead here; where one has a fallback, it may hold them instead. */
  readonly servers: number;
  /** The fallbacks of entries that have connections: which of the two holds them, SHOW POOLS does not say. */
  readonly fallbacks: readonly string[];
  /** With those of entries that fall back to this one: there are no more here. */
  readonly serversAtMost: number;
  readonly clientsWaiting: number;
  readonly maxWaitSeconds: number;
  readonly trouble?: string;
}

export interface FleetView {
  readonly pools: readonly PoolSummary[];
  readonly poolsOmitted: number;
  readonly clientsWaiting: number;
  readonly backends: readonly BackendView[];
  readonly version: string | undefined;
}

export const POOLS_LIMIT = 50;

export function planFleet(spec: PoolerSpec, readings: readonly PodReading[]): FleetView {
  const pools = summarisePools(readings);
  return {
    pools: pools.slice(0, POOLS_LIMIT),
    poolsOmitted: Math.max(0, pools.length - POOLS_LIMIT),
    clientsWaiting: sum(pools.map((pool) => pool.clientsWaiting)),
    backends: viewBackends(spec, readings),
    version: readings[0]?.version,
  };
}

/** Which backends a pool's database may lead to, the fallback last; what no entry names goes where `*` does. */
export function backendNamesOf(spec: PoolerSpec, database: string): readonly string[] {
  const entries = databasesOf(spec);
  // Consoles' names are read in a form that can be shown.
  const entry = entries.find(({ name }) => visible(name) === database) ?? entries.find(({ name }) => name === '*');
  return entry === undefined ? [] : backendsOf(spec, entry).map(({ name }) => name);
}

function summarisePools(readings: readonly PodReading[]): readonly PoolSummary[] {
  const byPool = Map.groupBy(
    readings.flatMap((reading) => {
      // A process may have thousands of both.
      const databases = new Map(reading.databases.map((row) => [row.name, row]));
      return reading.pools.map((pool) => ({ pod: reading.pod, pool, size: sizeOf(databases.get(pool.database)) }));
    }),
    ({ pool }) => `${pool.database}\0${pool.user}`,
  );
  return [...byPool.values()]
    .flatMap((members): readonly PoolSummary[] => {
      const first = members[0]?.pool;
      if (first === undefined) return [];
      const total = (pick: (pool: PoolReading) => number) => sum(members.map(({ pool }) => pick(pool)));
      const poolSize = sum(members.map(({ size }) => size));
      const worst = members
        .map(({ pod, pool, size }) => ({ pod, utilization: percent(pool.serversActive, size) }))
        .reduce((a, b) => (b.utilization > a.utilization ? b : a));
      return [
        {
          database: first.database,
          user: first.user,
          mode: first.mode,
          clientsActive: total((pool) => pool.clientsActive),
          clientsWaiting: total((pool) => pool.clientsWaiting),
          serversActive: total((pool) => pool.serversActive),
          serversIdle: total((pool) => pool.serversIdle),
          poolSize,
          utilization: percent(
            total((pool) => pool.serversActive),
            poolSize,
          ),
          maxWaitSeconds: Math.max(...members.map(({ pool }) => pool.maxWaitSeconds)),
          worst,
        },
      ];
    })
    .sort(
      (a, b) =>
        b.maxWaitSeconds - a.maxWaitSeconds ||
        b.clientsWaiting - a.clientsWaiting ||
        b.utilization - a.utilization ||
        compare(a, b),
    );
}

const compare = (a: PoolSummary, b: PoolSummary): number =>
  a.database === b.database ? (a.user < b.user ? -1 : 1) : a.database < b.database ? -1 : 1;

/** What one replica's pool may open: its size and reserve, under the ceiling of the database. */
function sizeOf(row: DatabaseReading | undefined): number {
  if (row === undefined) return 0;
  const size = row.poolSize + row.reservePoolSize;
  return row.maxConnections > 0 ? Math.min(size, row.maxConnections) : size;
}

function viewBackends(spec: PoolerSpec, readings: readonly PodReading[]): readonly BackendView[] {
  const leadsTo = cached((database) => backendNamesOf(spec, database));
  const members = readings.flatMap((reading) =>
    reading.pools.map((pool) => ({ reading, pool, leads: leadsTo(pool.database), servers: established(pool) })),
  );
  const owned = Map.groupBy(members, ({ leads }) => leads[0]);
  const fallenBack = Map.groupBy(members, ({ leads }) => leads[1]);
  return spec.backends.map(({ name }) => {
    const own = owned.get(name) ?? [];
    const servers = sum(own.map((member) => member.servers));
    const trouble = own.find(({ reading, pool }) => reading.trouble?.databases.includes(pool.database))?.reading
      .trouble;
    return {
      name,
      servers,
      fallbacks: [...new Set(own.flatMap((member) => (member.servers > 0 ? member.leads.slice(1) : [])))],
      serversAtMost: servers + sum((fallenBack.get(name) ?? []).map((member) => member.servers)),
      clientsWaiting: sum(own.map(({ pool }) => pool.clientsWaiting)),
      maxWaitSeconds: own.reduce((longest, { pool }) => Math.max(longest, pool.maxWaitSeconds), 0),
      ...(trouble === undefined ? {} : { trouble: trouble.said }),
    };
  });
}

const established = ({ serversActive, serversIdle, serversOther }: PoolReading): number =>
  serversActive + serversIdle + serversOther;

/** Finds what belongs to a name once for each name. */
function cached<V>(find: (name: string) => V): (name: string) => V {
  const found = new Map<string, V>();
  return (name) => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const value = find(name);
    found.set(name, value);
    return value;
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0);
const percent = (part: number, whole: number): number => (whole <= 0 ? 0 : Math.round((100 * part) / whole));
