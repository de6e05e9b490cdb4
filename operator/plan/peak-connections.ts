/**
 * How many server connections a fleet can open before, during and after a change, against what was allowed: upper
 * bounds that follow from the rendered sizes and from how many pods can hold connections at once.
 */
import type { PoolerSpec } from '../api/types.ts';
import type { Version } from '../pgbouncer/version.ts';
import { backendsOf, DRAINING, holdersOf, planBudget, SURGE } from './budget.ts';
import type { Config } from './config.ts';
import { databasesOf } from './database-section.ts';
import { withLookupDatabases } from './lookup-databases.ts';
import { lookupsIn } from './lookups.ts';
import { statedIn } from './main-section.ts';
import { hasOtherUsers, mostConnections, poolNumbers, poolUsers } from './pools.ts';

/** A pooler as far as it matters here. */
export interface Fleet {
  readonly spec: PoolerSpec;
  readonly version: Version;
  readonly config: Pick<Config, 'settings' | 'entries'>;
}

export interface PeakRow {
  readonly backend: string;
  /** Absent: all of the backend. */
  readonly database?: string;
  /** The most of the fleet at each time; null: nothing limits it. */
  readonly before: number | null;
  readonly during: number | null;
  readonly after: number | null;
  /** The fleet-wide ceiling after the change. */
  readonly budget: number | null;
  /** What the server takes, as it is stated after the change. */
  readonly server: number | null;
}

/** Of one database: what one pod may hold, and whether a budget decides it. */
interface Share {
  readonly database: string;
  /** Wherever its connections may lead: each of them may hold all. */
  readonly backends: readonly string[];
  readonly perPod: number;
  readonly budgeted: boolean;
}

/**
 * @param before undefined: there is no pooler yet
 * @param rolls every pod is replaced by a new one
 */
export function peakConnections(before: Fleet | undefined, after: Fleet, rolls: boolean): readonly PeakRow[] {
  const shares = { before: before === undefined ? [] : sharesOf(before), after: sharesOf(after) };
  const pods = { before: before?.spec.replicas ?? 0, after: after.spec.replicas };
  const holders = holdersOf(after.spec.replicas, 0);
  const spec = withLookupDatabases(after.spec, holders);
  const budget = planBudget(spec, holders);
  const backends = [...new Set([...shares.after, ...shares.before].flatMap((share) => share.backends))];
  return backends.flatMap((backend) => {
    const at = (list: readonly Share[]): readonly Share[] => list.filter((share) => share.backends.includes(backend));
    const here = { before: at(shares.before), after: at(shares.after) };
    const names = [...new Set([...here.after, ...here.before].map(({ database }) => database))];
    const rows = names.map((database): PeakRow => {
      const old = here.before.find((share) => share.database === database);
      const now = here.after.find((share) => share.database === database);
      const stated = databasesOf(spec).find(({ name }) => name === database)?.connectionBudget;
      return {
        backend,
        database,
        before: finite((old?.perPod ?? 0) * pods.before),
        during: finite(during(old, now, pods, rolls)),
        after: finite((now?.perPod ?? 0) * pods.after),
        budget: stated ?? null,
        server: null,
      };
    });
    const row = budget.rows.find((candidate) => candidate.backend === backend);
    const total = (time: 'before' | 'during' | 'after'): number | null =>
      rows.reduce<number | null>((sum, { [time]: value }) => (sum === null || value === null ? null : sum + value), 0);
    return [
      {
        backend,
        before: total('before'),
        during: total('during'),
        after: total('after'),
        budget: row?.budget ?? null,
        server: after.spec.backends.find(({ name }) => name === backend)?.serverMaxConnections ?? null,
      },
      ...rows,
    ];
  });
}

function during(
  old: Share | undefined,
  now: Share | undefined,
  pods: { readonly before: number; readonly after: number },
  rolls: boolean,
): number {
  const [was, is] = [old?.perPod ?? 0, now?.perPod ?? 0];
  const more = rolls ? SURGE + DRAINING : 0;
  if (pods.before === 0) return is * pods.after;
  // The operator shrinks shares before it adds pods, and lets them grow when pods are gone.
  if (old?.budgeted !== false && now?.budgeted !== false)
    return Math.max(was * (pods.before + more), is * (pods.after + more));
  return Math.max(was, is) * (Math.max(pods.before, pods.after) + more);
}

function sharesOf({ spec: written, version, config }: Fleet): readonly Share[] {
  const spec = withLookupDatabases(written, holdersOf(written.replicas, 0));
  const budgeted = planBudget(spec, holdersOf(spec.replicas, 0)).shares;
  const main = statedIn(config.settings);
  return databasesOf(spec).map((database): Share => {
    const own = statedIn(config.entries.databases.find(({ name }) => name === database.name)?.settings ?? []);
    const numbers = poolNumbers(own, main, version);
    const forced = own('user');
    const users = poolUsers(spec, forced);
    // Who asks for passwords has a pool beside theirs.
    const askers = Array.from({ length: lookupsIn(written, database) }, () => ({}));
    // A pool is for one database and one user; `*` may lead to any number of databases.
    const perPod =
      forced === undefined && hasOtherUsers(spec, database, version)
        ? numbers.most
        : mostConnections(numbers, [...(users.length === 0 ? [{}] : users), ...askers]);
    return {
      database: database.name,
      backends: backendsOf(spec, database).map(({ name }) => name),
      perPod: database.name === '*' ? Number.POSITIVE_INFINITY : perPod,
      budgeted: budgeted.has(database.name),
    };
  });
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : Number.isNaN(value) ? 0 : null);

/**
 * Whether so many connections pass one of the ceilings. On the way that is because those of the old state must end first;
 * afterwards because no budget holds the sizes together.
 */
export const isOver = ({ budget, server }: PeakRow, connections: number | null): boolean =>
  [budget, server].some((ceiling) => ceiling !== null && connections !== null && connections > ceiling);
