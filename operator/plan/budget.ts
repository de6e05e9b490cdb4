/**
 * Divides the fleet-wide connection budgets into the guaranteed share of one replica, so that the sum over all pods
 * that can hold connections at the same moment never passes the budget, also during a rollout.
 */
import type { Fault } from '../api/fault.ts';
import type { Backend, Database, PoolerSpec } from '../api/types.ts';

/** One pod more while a rollout brings up the new one, and one that still drains the connections it has. */
export const SURGE = 1;
export const DRAINING = 1;

/**
 * How many pods can hold server connections at once.
 * @param replicas wanted, or still there, whichever is more
 * @param pods that exist now, those being deleted included
 */
export const holdersOf = (replicas: number, pods: number): number => Math.max(replicas + SURGE + DRAINING, pods);

export interface BudgetRow {
  readonly backend: string;
  readonly serverMaxConnections?: number;
  readonly budget: number;
  readonly committed: number;
}

export interface Budget {
  /** Database name → server connections that one replica may hold. Databases without a budget are absent. */
  readonly shares: ReadonlyMap<string, number>;
  /** Database name → where its share comes from, with the arithmetic. */
  readonly sources: ReadonlyMap<string, string>;
  readonly rows: readonly BudgetRow[];
  readonly faults: readonly Fault[];
}

/** @param holders see holdersOf */
export function planBudget(spec: PoolerSpec, holders: number): Budget {
  const shares = new Map<string, number>();
  const sources = new Map<string, string>();
  const rows: BudgetRow[] = [];
  const faults: Fault[] = [];
  const databases = spec.databases ?? [];

  spec.backends.forEach((backend, index) => {
    const path = `spec.backends[${index}]`;
    const members = databases
      .map((database, position) => ({ database, path: `spec.databases[${position}]` }))
      .filter(({ database }) => backendOf(spec, database)?.name === backend.name);
    const ceiling = ceilingOf(backend, path);
    if (ceiling.fault) faults.push(ceiling.fault);

    const stated = sum(members.map(({ database }) => database.connectionBudget ?? 0));
    const open = members.filter(({ database }) => database.connectionBudget === undefined);
    if (ceiling.budget !== undefined && stated > ceiling.budget) {
      faults.push({
        path: `${path}.connectionBudget`,
        value: backend.connectionBudget,
        problem: `is ${ceiling.budget} connections, and the budgets of its databases sum to ${sumText(members.map(({ database }) => database))}`,
        remedy: 'raise it, or lower spec.databases[].connectionBudget',
      });
      return;
    }
    const equal =
      ceiling.budget === undefined || open.length === 0
        ? undefined
        : Math.floor((ceiling.budget - stated) / open.length);
    let committed = stated;
    for (const { database, path: at } of members) {
      const budget = database.connectionBudget ?? equal;
      if (budget === undefined) continue;
      const share = Math.floor(budget / holders);
      if (share < 1) {
        const least = database.connectionBudget === undefined ? stated + open.length * holders : holders;
        faults.push(tooSmall(database, { budget, holders, least, replicas: spec.replicas, at, backendPath: path }));
        continue;
      }
      if (database.connectionBudget === undefined) committed += budget;
      shares.set(database.name, share);
      const from = database.connectionBudget === undefined ? path : at;
      sources.set(database.name, `${from}.connectionBudget: ${budget} / ${holders} pods = ${share}`);
    }
    if (ceiling.budget !== undefined || stated > 0) {
      rows.push({
        backend: backend.name,
        ...(backend.serverMaxConnections === undefined ? {} : { serverMaxConnections: backend.serverMaxConnections }),
        budget: ceiling.budget ?? stated,
        committed,
      });
    }
  });
  return { shares, sources, rows, faults };
}

/** The backend that a database leads to: the one it names, else the only one. */
export function backendOf(spec: PoolerSpec, database: Pick<Database, 'backend'>): Backend | undefined {
  return database.backend === undefined
    ? spec.backends[0]
    : spec.backends.find((backend) => backend.name === database.backend);
}

function ceilingOf(backend: Backend, path: string): { readonly budget?: number; readonly fault?: Fault } {
  const stated = backend.connectionBudget;
  if (stated === undefined) return {};
  if (typeof stated === 'number') {
    const server = backend.serverMaxConnections;
    return server !== undefined && stated > server
      ? {
          budget: stated,
          fault: {
            path: `${path}.connectionBudget`,
            value: stated,
            problem: `is more than the server takes, ${server}`,
            remedy: 'lower it, or correct serverMaxConnections',
          },
        }
      : { budget: stated };
  }
  if (backend.serverMaxConnections === undefined) {
    return {
      fault: {
        path: `${path}.connectionBudget`,
        value: stated,
        problem: 'is a share, and serverMaxConnections is not stated',
        remedy: `set ${path}.serverMaxConnections, or give the budget as a number`,
      },
    };
  }
  const budget = Math.floor((backend.serverMaxConnections * Number.parseInt(stated, 10)) / 100);
  return { budget };
}

interface Shortage {
  readonly budget: number;
  readonly holders: number;
  /** What the budget that is named would have to be. */
  readonly least: number;
  readonly replicas: number;
  readonly at: string;
  readonly backendPath: string;
}

function tooSmall(database: Database, { budget, holders, least, replicas, at, backendPath }: Shortage): Fault {
  const own = database.connectionBudget !== undefined;
  return {
    path: own ? `${at}.connectionBudget` : `${backendPath}.connectionBudget`,
    value: budget,
    problem: `${own ? 'is' : `leaves ${at} (${database.name}) ${budget}, which is`} less than one connection for each of the ${holders} pods that can hold connections at once (${replicas} replicas, ${SURGE} more during a rollout, ${DRAINING} draining)`,
    remedy: `give at least ${least}, or run fewer replicas`,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0);

function sumText(databases: readonly Database[]): string {
  const parts = databases.flatMap((database) =>
    database.connectionBudget === undefined ? [] : [`${database.name} ${database.connectionBudget}`],
  );
  return `${sum(databases.map((database) => database.connectionBudget ?? 0))} (${parts.join(' + ')})`;
}
