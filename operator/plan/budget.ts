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
  const divisions = spec.backends.map((backend, index) => divide(spec, backend, `spec.backends[${index}]`));
  const faults = divisions.flatMap((division) => division.faults);
  const committed = divisions.map(({ stated }) => stated);

  (spec.databases ?? []).forEach((database, position) => {
    const backends = backendsOf(spec, database);
    const own = divisions.filter(({ backend }) => backends.includes(backend));
    if (own.some(({ overdrawn }) => overdrawn)) return;
    // Its connections may all be at one of them: it gets what the poorer one has for it.
    const [tightest] = own.filter(({ equal }) => equal !== undefined).sort((a, b) => (a.equal ?? 0) - (b.equal ?? 0));
    const budget = database.connectionBudget ?? tightest?.equal;
    if (budget === undefined) return;
    const at = database.connectionBudget === undefined ? tightest?.path : `spec.databases[${position}]`;
    const share = Math.floor(budget / holders);
    if (share < 1) {
      const least =
        database.connectionBudget === undefined && tightest !== undefined
          ? tightest.stated + tightest.open * holders
          : holders;
      faults.push(tooSmall(database, position, { budget, holders, least, replicas: spec.replicas, at: `${at}` }));
      return;
    }
    if (database.connectionBudget === undefined)
      for (const [index, division] of divisions.entries())
        if (own.includes(division)) committed[index] = (committed[index] ?? 0) + budget;
    shares.set(database.name, share);
    sources.set(database.name, `${at}.connectionBudget: ${budget} / ${holders} pods = ${share}`);
  });

  const rows = divisions.flatMap(({ backend, ceiling, overdrawn }, index): readonly BudgetRow[] => {
    const total = committed[index] ?? 0;
    return overdrawn || (ceiling === undefined && total === 0)
      ? []
      : [
          {
            backend: backend.name,
            ...(backend.serverMaxConnections === undefined
              ? {}
              : { serverMaxConnections: backend.serverMaxConnections }),
            budget: ceiling ?? total,
            committed: total,
          },
        ];
  });
  return { shares, sources, rows, faults };
}

/** How the budget of one backend is divided among the databases that may connect to it. */
interface Division {
  readonly backend: Backend;
  readonly path: string;
  readonly ceiling: number | undefined;
  /** Sum of the budgets that its databases state. */
  readonly stated: number;
  /** How many of its databases state none. */
  readonly open: number;
  /** What each of those may have. */
  readonly equal: number | undefined;
  /** More is stated than there is. */
  readonly overdrawn: boolean;
  readonly faults: readonly Fault[];
}

function divide(spec: PoolerSpec, backend: Backend, path: string): Division {
  const members = (spec.databases ?? []).filter((database) => backendsOf(spec, database).includes(backend));
  const { budget: ceiling, fault } = ceilingOf(backend, path);
  const stated = sum(members.map(({ connectionBudget }) => connectionBudget ?? 0));
  const open = members.filter(({ connectionBudget }) => connectionBudget === undefined).length;
  const overdrawn = ceiling !== undefined && stated > ceiling;
  return {
    ...{ backend, path, ceiling, stated, open, overdrawn },
    equal: ceiling === undefined || open === 0 ? undefined : Math.floor((ceiling - stated) / open),
    faults: [
      ...(fault === undefined ? [] : [fault]),
      ...(overdrawn
        ? [
            {
              path: `${path}.connectionBudget`,
              value: backend.connectionBudget,
              problem: `is ${ceiling} connections, and the budgets of its databases sum to ${sumText(members)}`,
              remedy: 'raise it, or lower spec.databases[].connectionBudget',
            },
          ]
        : []),
    ],
  };
}

/** The backend that a database leads to: the one it names, else the only one. */
export function backendOf(spec: PoolerSpec, database: Pick<Database, 'backend'>): Backend | undefined {
  return database.backend === undefined
    ? spec.backends[0]
    : spec.backends.find((backend) => backend.name === database.backend);
}

/** Every backend that connections of a database may lead to, the one it falls back to last. */
export function backendsOf(
  spec: PoolerSpec,
  database: Pick<Database, 'backend' | 'fallbackBackend'>,
): readonly Backend[] {
  const fallback = spec.backends.find(({ name }) => name === database.fallbackBackend);
  return [backendOf(spec, database), fallback].filter((backend) => backend !== undefined);
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
  /** What states the budget: the database, else the backend. */
  readonly at: string;
}

function tooSmall(database: Database, position: number, { budget, holders, least, replicas, at }: Shortage): Fault {
  const own = database.connectionBudget !== undefined;
  return {
    path: `${at}.connectionBudget`,
    value: budget,
    problem: `${own ? 'is' : `leaves spec.databases[${position}] (${database.name}) ${budget}, which is`} less than one connection for each of the ${holders} pods that can hold connections at once (${replicas} replicas, ${SURGE} more during a rollout, ${DRAINING} draining)`,
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
