/** What advice is given on: a specification, beside the numbers that PgBouncer will really work with. */
import type { Database, PoolerSpec } from '../../api/types.ts';
import type { IniFile } from '../../pgbouncer/ini.ts';
import { defaultIn, findSetting } from '../../pgbouncer/settings.ts';
import type { Version } from '../../pgbouncer/version.ts';
import { databasesOf } from '../../plan/database-section.ts';

/** One entry of [databases], in one replica. */
export interface Pools {
  /** `spec.databases[1]`; of the entry that is there when none is stated, `spec.databases`. */
  readonly path: string;
  readonly database: Database;
  readonly mode: string;
  /** Server connections for each user. */
  readonly size: number;
  readonly reserve: number;
  /** Of all users together; infinite when nothing limits them. */
  readonly most: number;
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
  const main = (key: string): string | undefined => {
    const setting = findSetting('pgbouncer', key);
    return rendered.get(key) ?? (setting && (defaultIn(setting, version) ?? undefined));
  };
  const pools = databasesOf(spec).map((database, index): Pools => {
    const { params = {} } = ini.databases.find(({ name }) => name === database.name) ?? {};
    const reserve = params['reserve_pool_size'] ?? params['reserve_pool'] ?? main('reserve_pool_size');
    // 0 is unlimited.
    const most = Number(params['max_db_connections'] ?? main('max_db_connections'));
    return {
      path: spec.databases === undefined ? 'spec.databases' : `spec.databases[${index}]`,
      database,
      mode: params['pool_mode'] ?? main('pool_mode') ?? 'session',
      size: Number(params['pool_size'] ?? main('default_pool_size')),
      reserve: Number(reserve),
      most: most === 0 ? Number.POSITIVE_INFINITY : most,
    };
  });
  return { spec, version, main, pools };
}
