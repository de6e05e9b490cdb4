/** What advice is given on: a specification, beside the numbers that PgBouncer will really work with. */
import type { Database, PoolerSpec } from '../../api/types.ts';
import { mainValue } from '../../pgbouncer/inherited.ts';
import type { IniFile } from '../../pgbouncer/ini.ts';
import type { Version } from '../../pgbouncer/version.ts';
import { databasesOf } from '../../plan/database-section.ts';
import { type PoolNumbers, poolNumbers } from '../../plan/pools.ts';

/** One entry of [databases], in one replica. */
export interface Pools extends PoolNumbers {
  /** `spec.databases[1]`; of the entry that is there when none is stated, `spec.databases`. */
  readonly path: string;
  readonly database: Database;
}

export interface Subject {
  readonly spec: PoolerSpec;
  readonly version: Version;
  /** What a key of [pgbouncer] will be: as rendered, else PgBouncer's default; undefined when that is unset. */
  readonly main: (key: string) => string | undefined;
  readonly pools: readonly Pools[];
}

export function subjectOf(spec: PoolerSpec, version: Version, ini: IniFile): Subject {
  const rendered = new Map(ini.pgbouncer);
  const stated = (key: string): string | undefined => rendered.get(key);
  const pools = databasesOf(spec).map((database, index): Pools => {
    const { params = {} } = ini.databases.find(({ name }) => name === database.name) ?? {};
    return {
      path: spec.databases === undefined ? 'spec.databases' : `spec.databases[${index}]`,
      database,
      ...poolNumbers((key) => params[key], stated, version),
    };
  });
  return { spec, version, main: (key) => mainValue(stated, key, version) ?? undefined, pools };
}
