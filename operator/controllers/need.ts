/**
 * Which databases of a process have a reason to connect to their server, and no connection: clients wait, or have logged
 * in since the last look without a query being run. A server that refuses logins sends such clients away within
 * milliseconds, so that hardly ever one is seen waiting.
 */
import type { StatsRow } from '../pgbouncer/show.ts';
import type { PodReading, Trouble } from '../plan/fleet.ts';

export interface Look extends PodReading {
  readonly stats: readonly StatsRow[];
}

/** Without a new attempt it counts for this long, unless a connection is seen: clients that try again do so within a minute. */
const KEPT_MS = 60_000;

export function databasesInNeed(look: Look, last: Look | undefined): readonly string[] {
  const needy = look.pools.filter(
    (pool) =>
      !isConnected(look, pool.database) &&
      (pool.clientsWaiting > 0 || pool.serversLogin > 0 || triedInVain(pool.database, look, last)),
  );
  return [...new Set(needy.map(({ database }) => database))];
}

/** What was found out at the last look, as far as it still holds. */
export function lastingTrouble(look: Look, last: Look | undefined, now: number): Trouble | undefined {
  const trouble = last?.trouble;
  if (trouble === undefined || now - trouble.at > KEPT_MS) return undefined;
  const databases = trouble.databases.filter((database) => !isConnected(look, database));
  return databases.length === 0 ? undefined : { ...trouble, databases };
}

const isConnected = ({ pools }: Look, database: string): boolean =>
  pools.some((pool) => pool.database === database && pool.serversActive + pool.serversIdle + pool.serversOther > 0);

/** PgBouncer counts logins from 1.26 on; before, only clients that wait at the moment of the look tell. */
function triedInVain(database: string, look: Look, last: Look | undefined): boolean {
  const [now, before] = [look, last].map((each) => each?.stats.find((row) => row.database === database));
  if (now === undefined || last === undefined) return false;
  return (now.clientLogins ?? 0) > (before?.clientLogins ?? 0) && now.queries === (before?.queries ?? 0);
}
