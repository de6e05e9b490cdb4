/**
 * Decides the pool sizes of one database in one replica: what the user stated, else what the guaranteed share of the
 * budget gives, else nothing (then `defaults` and the profile count). A budget is a ceiling: stated sizes that pass it
 * are a fault that shows the sum, never cut.
 */
import type { Fault } from '../api/fault.ts';
import type { Database } from '../api/types.ts';

/** A fifth of a share is kept for clients that have waited long. */
const RESERVE_PART = 5;

export interface PoolSizes {
  readonly poolSize?: number;
  readonly minPoolSize?: number;
  readonly reservePoolSize?: number;
  readonly maxServerConnections?: number;
}

/**
 * @param share server connections that this replica may hold for the database; undefined without a budget
 * @param defaultMinimum spec.defaults.minPoolSize, which PgBouncer applies to every database
 */
export function planPoolSizes(
  database: Database,
  share: number | undefined,
  defaultMinimum: number | undefined,
  path: string,
): { readonly sizes: PoolSizes; readonly faults: readonly Fault[] } {
  const { poolSize, minPoolSize, reservePoolSize, maxServerConnections } = database;
  if (share === undefined) {
    const faults = smallerThan(minPoolSize, poolSize, `${path}.minPoolSize`, 'poolSize');
    return { sizes: pick({ poolSize, minPoolSize, reservePoolSize, maxServerConnections }), faults };
  }
  const faults: Fault[] = [];
  if (maxServerConnections !== undefined && maxServerConnections > share) {
    faults.push(aboveShare(`${path}.maxServerConnections`, maxServerConnections, `${maxServerConnections}`, share));
  }
  const cap = Math.min(maxServerConnections ?? share, share);
  const wanted = (poolSize ?? 0) + (reservePoolSize ?? 0);
  const least = poolSize === undefined ? wanted + 1 : wanted;
  if (least > cap) {
    const sizes = [
      poolSize === undefined ? 'poolSize at least 1' : `poolSize ${poolSize}`,
      ...(reservePoolSize === undefined ? [] : [`reservePoolSize ${reservePoolSize}`]),
    ];
    faults.push(
      aboveShare(
        `${path}.${poolSize === undefined ? 'reservePoolSize' : 'poolSize'}`,
        poolSize ?? reservePoolSize,
        `${sizes.join(' + ')} = ${least}`,
        cap,
      ),
    );
  }
  const reserve = reservePoolSize ?? Math.min(Math.floor(cap / RESERVE_PART), Math.max(0, cap - (poolSize ?? 0)));
  const pool = poolSize ?? Math.max(1, cap - reserve);
  faults.push(...smallerThan(minPoolSize, pool, `${path}.minPoolSize`, 'the pool'));
  if (minPoolSize === undefined)
    faults.push(...smallerThan(defaultMinimum, pool, 'spec.defaults.minPoolSize', `the pool of ${database.name}`));
  return {
    sizes: { ...pick({ minPoolSize }), poolSize: pool, reservePoolSize: reserve, maxServerConnections: cap },
    faults,
  };
}

function aboveShare(path: string, value: unknown, arithmetic: string, share: number): Fault {
  return {
    path,
    value,
    problem: `breaks the connection budget: ${arithmetic}, and one replica's share is ${share}`,
    remedy: 'lower it, leave it out so that it follows the budget, or raise the connectionBudget',
  };
}

function smallerThan(
  minimum: number | undefined,
  pool: number | undefined,
  path: string,
  what: string,
): readonly Fault[] {
  return minimum === undefined || pool === undefined || minimum <= pool
    ? []
    : [{ path, value: minimum, problem: `is more than ${what} holds, ${pool}`, remedy: `give at most ${pool}` }];
}

function pick(sizes: { readonly [Key in keyof PoolSizes]: PoolSizes[Key] | undefined }): PoolSizes {
  return Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
}
