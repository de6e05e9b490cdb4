/**
 * Databases that a change removes. A RELOAD without them kills their clients, in the middle of a query too; so before
 * it nobody new is let in (DISABLE), what runs is finished and what comes waits (PAUSE). Nothing of it is waited for
 * here: the change comes back, so that the user can still want something else.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { keptServerUser } from '../console/prove-rows.ts';
import type { Session } from '../console/session.ts';
import { type HeldStates, stateCommands } from '../pgbouncer/database-states.ts';
import type { IniFile } from '../pgbouncer/ini.ts';
import { parseIni } from '../pgbouncer/parse-ini.ts';
import { type DatabaseRow, type PoolRow, readDatabases, readPools } from '../pgbouncer/show.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { PodView } from '../plan/pods.ts';
import type { ChangeSteps } from './change-acts.ts';
import type { Member } from './change-member.ts';

/** One database that is still at work in some process. */
export interface Busy {
  readonly database: string;
  readonly pod: string;
  readonly clients: number;
  /** Server connections in use, which is: transactions, or sessions. */
  readonly servers: number;
}

/** What each of the processes serves now. */
export const servedBy = async (members: readonly Pick<Member, 'session'>[]): Promise<readonly DatabaseRow[]> =>
  (await Promise.all(members.map(async ({ session }) => readDatabases(await session.show('DATABASES'))))).flat();

/**
 * Databases that would keep a forced user whose password the new userlist lacks: PgBouncer does not let go of it, and
 * every new server connection would fail. Such a file is not loaded: it waits for fresh processes.
 */
export function lostServerUsers(
  served: readonly DatabaseRow[],
  ini: IniFile,
  users: ReadonlySet<string>,
): readonly string[] {
  const rendered = new Map(ini.databases.map(({ name, params }) => [name, params['user']]));
  const lost = served.filter(
    ({ name, forceUser }) =>
      forceUser !== undefined && rendered.has(name) && rendered.get(name) === undefined && !users.has(forceUser),
  );
  return [...new Set(lost.map(({ name }) => keptServerUser(name)))].sort();
}

/** Names that some process serves and the new file lacks. */
export async function leavingDatabases(
  steps: ChangeSteps,
  served: readonly DatabaseRow[],
  ini: IniFile,
  version: Version,
): Promise<readonly string[]> {
  const rendered = new Set(ini.databases.map(({ name }) => name));
  const missing = [...new Set(served.map(({ name }) => name))].filter((name) => !rendered.has(name)).sort();
  if (missing.length === 0) return [];
  // Others came into being by `*`: those stay, whatever the file says.
  const files = await steps.standing();
  const named = new Set(
    Object.entries(files).flatMap(([name, text]) => {
      const parsed = name.endsWith('.ini') ? parseIni(text, version, { allowInclude: true }) : undefined;
      return parsed?.ok ? parsed.ini.databases.map((entry) => entry.name) : [];
    }),
  );
  return missing.filter((name) => named.has(name));
}

/** Sees to it that nothing new begins there; @returns what is still at work */
export async function emptyDatabases(
  steps: ChangeSteps,
  members: readonly Pick<Member, 'pod' | 'session'>[],
  names: readonly string[],
): Promise<readonly Busy[]> {
  const wanted: HeldStates = Object.fromEntries(names.map((name) => [name, 'Leaving']));
  await steps.noteStates(wanted);
  const leaving = new Set(names);
  const busy = await Promise.all(
    members.map(async ({ pod, session }) => {
      const rows = readDatabases(await session.show('DATABASES')).filter(({ name }) => leaving.has(name));
      await tellStates(steps, pod, session, stateCommands(rows, wanted, {}));
      return atWork(pod, readPools(await session.show('POOLS')), leaving);
    }),
  );
  return busy.flat();
}

/** The same for one process, waiting a little. */
export async function emptyWithin(
  steps: ChangeSteps,
  member: Pick<Member, 'pod' | 'session'>,
  names: readonly string[],
  deadlineMs: number,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while ((await emptyDatabases(steps, [member], names)).length > 0 && performance.now() < deadline) await sleep(50);
}

function atWork(pod: PodView, pools: readonly PoolRow[], names: ReadonlySet<string>): readonly Busy[] {
  const byDatabase = Map.groupBy(
    pools.filter(({ database }) => names.has(database)),
    ({ database }) => database,
  );
  return [...byDatabase].flatMap(([database, rows]) => {
    const servers = rows.reduce((sum, row) => sum + row.serversActive + row.serversBeingCanceled, 0);
    const clients = rows.reduce((sum, row) => sum + row.clientsActive + row.clientsWaiting, 0);
    return servers === 0 ? [] : [{ database, pod: pod.name, clients, servers }];
  });
}

/** PAUSE takes effect at once and answers when the last transaction is done: it is not waited for. */
const PAUSE_MS = 100;

/** @param commands from stateCommands */
export async function tellStates(
  steps: Pick<ChangeSteps, 'openSession'>,
  pod: PodView,
  session: Session,
  commands: readonly string[],
): Promise<void> {
  for (const command of commands.filter((text) => !text.startsWith('PAUSE '))) await session.command(command);
  await Promise.all(
    commands
      .filter((text) => text.startsWith('PAUSE '))
      .map(async (command) => {
        // A session that waits can ask nothing else. Closing it does not take the PAUSE back.
        const own = await steps.openSession(pod);
        const answer = own.command(command).catch(() => undefined);
        await Promise.race([answer, sleep(PAUSE_MS)]);
        await own.close();
      }),
  );
}
