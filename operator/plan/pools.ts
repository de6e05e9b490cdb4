/** How large the pools of one database are in one replica: what the entry says, else [pgbouncer], else PgBouncer itself. */
import type { Database, PoolerSpec, User } from '../api/types.ts';
import { entryValue, mainValue, type Stated } from '../pgbouncer/inherited.ts';
import type { Version } from '../pgbouncer/version.ts';
import { clientMethods } from './client-methods.ts';

export interface PoolNumbers {
  readonly mode: string;
  /** Server connections for each user; infinite when nothing limits them. */
  readonly size: number;
  readonly reserve: number;
  /** Of all users together; infinite when nothing limits them. */
  readonly most: number;
  /** Of one user in all databases; infinite when nothing limits them. */
  readonly mostOfUser: number;
}

export function poolNumbers(entry: Stated, main: Stated, version: Version): PoolNumbers {
  const own = { entry, main };
  return {
    mode: entryValue('databases', 'pool_mode', own, version) ?? 'session',
    size: limit(entryValue('databases', 'pool_size', own, version)),
    reserve: Number(entryValue('databases', 'reserve_pool_size', own, version)),
    most: limit(entryValue('databases', 'max_db_connections', own, version)),
    mostOfUser: limit(mainValue(main, 'max_user_connections', version)),
  };
}

/** 0 is PgBouncer's word for unlimited. */
const limit = (value: string | null): number => (Number(value) === 0 ? Number.POSITIVE_INFINITY : Number(value));

type Sizes = Pick<User, 'poolSize' | 'reservePoolSize' | 'maxServerConnections'>;

/**
 * The most server connections that these users hold in one replica. A user's own sizes go before those of the database.
 * @param users each with its own sizes; one without for a user of whom nothing is known
 */
export function mostConnections(numbers: PoolNumbers, users: readonly Sizes[]): number {
  const { size, reserve, most, mostOfUser } = numbers;
  const pools = users.map((user) =>
    Math.min((user.poolSize ?? size) + (user.reservePoolSize ?? reserve), user.maxServerConnections ?? mostOfUser),
  );
  return Math.min(
    pools.reduce((sum, pool) => sum + pool, 0),
    most,
  );
}

/** Who has a pool in a database, as far as the specification names them: the forced user alone, else every client. */
export const poolUsers = (spec: PoolerSpec, forced: string | undefined): readonly Sizes[] =>
  forced === undefined ? (spec.users ?? []) : [spec.users?.find(({ name }) => name === forced) ?? {}];

/** Whether others may log in to a database than the specification names: those of a userlist, of the server, of a directory. */
export const hasOtherUsers = (
  spec: PoolerSpec,
  { authQuery }: Pick<Database, 'authQuery'>,
  version: Version,
): boolean =>
  authQuery !== undefined ||
  spec.auth?.query !== undefined ||
  spec.auth?.userlistSecretRefs !== undefined ||
  clientMethods(spec, version).has('ldap');
