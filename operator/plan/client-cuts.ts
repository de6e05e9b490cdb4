/** Whose connections an edit ends, and what stays as it was until pods are replaced. Seen on 1.18.0 and 1.26.1. */

import { refusalsOf } from './client-refusals.ts';
import { entryOf } from './database-section.ts';
import { madeLookupDatabases } from './lookups.ts';
import { type EffectiveSetting, statedIn } from './main-section.ts';
import type { Cut, PlannedPooler } from './pooler-change.ts';
import { poolNumbers } from './pools.ts';

export function cutsOf(before: PlannedPooler, after: PlannedPooler, rolls: boolean): readonly Cut[] {
  return [
    ...removedDatabases(before, after, rolls),
    ...forcedUsers(before, after, rolls),
    ...removedUsers(before, after, rolls),
    ...removedLookup(before, after, rolls),
    ...states(before, after),
    ...withoutTls(before, after),
    ...movedDatabases(before, after),
    ...otherModes(before, after),
    ...refusalsOf(before, after),
    ...(rolls ? restarts(before) : removedPods(before, after)),
  ];
}

function removedDatabases(before: PlannedPooler, after: PlannedPooler, rolls: boolean): readonly Cut[] {
  const kept = new Set(after.config.entries.databases.map(({ name }) => name));
  // Nobody is in what was made for lookups, unless a `*` leaves it open.
  const closed = new Set(
    before.config.entries.databases.some(({ name }) => name === '*')
      ? []
      : madeLookupDatabases(before.pooler.spec).map(({ database }) => database.name),
  );
  return before.config.entries.databases
    .filter(({ name }) => !kept.has(name) && !closed.has(name))
    .map(({ name }): Cut => {
      if (name === '*') {
        const what = 'PgBouncer forgets "*" only at a restart: until then other names still lead to the server';
        return {
          who: 'clients of names that only "*" served',
          what: rolls ? 'find no such database any more' : what,
          cuts: rolls,
        };
      }
      const elsewhere = kept.has('*') ? '; later ones reach it through "*"' : '';
      return {
        who: `clients of ${name}`,
        what: `are turned away, and disconnected when their transactions are done: the database is removed${elsewhere}`,
        cuts: true,
      };
    });
}

/** Of that of all databases alone: what single ones have is gone with a RELOAD. */
function removedLookup(before: PlannedPooler, after: PlannedPooler, rolls: boolean): readonly Cut[] {
  if (rolls || before.pooler.spec.auth?.query === undefined || after.pooler.spec.auth?.query !== undefined) return [];
  return [
    {
      who: 'users who are looked up by auth.query',
      what: 'are looked up as before in databases without an authQuery: PgBouncer forgets that login only at a restart (condition RestartRequired says so)',
      cuts: false,
    },
  ];
}

function forcedUsers(before: PlannedPooler, after: PlannedPooler, rolls: boolean): readonly Cut[] {
  return before.config.entries.databases.flatMap(({ name, settings }): readonly Cut[] => {
    const now = after.config.entries.databases.find((entry) => entry.name === name);
    const [old, next] = [settings, now?.settings].map((list = []) => statedIn(list)('user'));
    if (now === undefined || old === next) return [];
    const who = `server connections of ${name}`;
    if (next === undefined && !rolls) {
      const what = `stay those of ${old}: PgBouncer forgets a forced user only at a restart (condition RestartRequired says so)`;
      return [{ who, what, cuts: false }];
    }
    const whose = next === undefined ? "the clients' own users" : next;
    return [{ who, what: `are replaced by connections of ${whose} as transactions end; clients stay`, cuts: false }];
  });
}

function removedUsers(before: PlannedPooler, after: PlannedPooler, rolls: boolean): readonly Cut[] {
  const kept = new Set((after.pooler.spec.users ?? []).map(({ name }) => name));
  return (before.pooler.spec.users ?? [])
    .filter(({ name }) => !kept.has(name))
    .map(({ name }) => ({
      who: `clients that log in as ${name}`,
      what: rolls
        ? 'are refused: the user is removed'
        : 'are refused from now on: the user is removed; sessions that are open go on',
      cuts: true,
    }));
}

const NOTICED = {
  Paused: 'wait until it is Enabled again, and at most for query_wait_timeout',
  Disabled: 'are turned away when they connect; those that are there go on',
} as const;

function states(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  return (after.pooler.spec.databases ?? []).flatMap(({ name, state = 'Enabled' }): readonly Cut[] => {
    const old = before.pooler.spec.databases?.find((database) => database.name === name)?.state;
    return state === 'Enabled' || state === old
      ? []
      : [{ who: `clients of ${name}`, what: NOTICED[state], cuts: true }];
  });
}

function withoutTls(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  const mode = ({ config }: PlannedPooler): string => statedIn(config.settings)('client_tls_sslmode') ?? 'disable';
  const demands = (of: string): number => ['require', 'verify-ca', 'verify-full'].indexOf(of);
  if (demands(mode(after)) <= demands(mode(before))) return [];
  const what = 'are refused when they connect';
  return [
    { who: mode(after) === 'require' ? 'clients without TLS' : 'clients without a certificate', what, cuts: true },
  ];
}

/** An entry that leads somewhere else: its clients stay, and are served from there. */
function movedDatabases(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  return before.config.entries.databases.flatMap(({ name, settings }): readonly Cut[] => {
    const now = entryOf(after.config.entries.databases, name);
    if (now === undefined) return [];
    const [old, next] = [settings, now.settings].map(placeOf);
    const what = `are replaced by connections to ${next} as transactions end, in session mode as sessions do`;
    return old === next ? [] : [{ who: `server connections of ${name}`, what, cuts: false }];
  });
}

function placeOf(settings: readonly EffectiveSetting[]): string {
  const stated = statedIn(settings);
  return `${stated('host')}:${stated('port')}/${stated('dbname') ?? ''}`;
}

function otherModes(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  return before.config.entries.databases.flatMap(({ name }): readonly Cut[] => {
    if (entryOf(after.config.entries.databases, name) === undefined) return [];
    const [old, next] = [before, after].map((one) => modeOf(one, name));
    if (old === next || next === 'session') return [];
    const who = name === '*' ? 'clients of every database' : `clients of ${name}`;
    const lose = 'what they SET, LISTEN, temporary tables and session locks do not last';
    const what = next === 'statement' ? 'cannot run transactions of several statements any more' : lose;
    return [
      {
        who,
        what: `pool by ${next} instead of ${old}: they ${next === 'statement' ? what : `find that ${what}`}`,
        cuts: false,
      },
    ];
  });
}

const modeOf = ({ config, version }: PlannedPooler, database: string): string =>
  poolNumbers(statedIn(entryOf(config.entries.databases, database)?.settings ?? []), statedIn(config.settings), version)
    .mode;

function removedPods(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  const [old, now] = [before.pooler.spec.replicas, after.pooler.spec.replicas];
  if (now >= old) return [];
  if (now === 0) return [{ who: 'all clients', what: 'are cut off and turned away: no pod is left', cuts: true }];
  const who = `clients of ${old - now} of ${old} pods`;
  return [{ who, what: 'reconnect to the others, when their pod has finished its transactions', cuts: true }];
}

/** Every client reconnects once; those whose connection is theirs alone lose what is in it. */
function restarts(before: PlannedPooler): readonly Cut[] {
  const { config, template } = before;
  const session = config.entries.databases
    .filter(({ name }) => modeOf(before, name) === 'session')
    .map(({ name }) => (name === '*' ? 'every database' : name));
  const grace = Number(template.template.spec['terminationGracePeriodSeconds'] ?? 30);
  const everyone: Cut = {
    who: 'all clients',
    what: 'reconnect once, when their pod has finished its transactions',
    cuts: true,
  };
  if (session.length === 0) return [everyone];
  return [
    everyone,
    {
      who: `sessions of ${session.join(', ')}`,
      what: `have ${grace} s to end by themselves and are cut off then, with their temporary tables, locks and SETs`,
      cuts: true,
    },
  ];
}
