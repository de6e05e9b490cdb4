/**
 * In session mode a client keeps its server connection until it leaves. Where more clients are allowed than there are
 * connections, those that come last wait for others to disconnect, which pooled applications never do.
 */
import { type Warning, warning } from '../../api/warning.ts';
import { mostConnections, poolUsers } from '../../plan/pools.ts';
import type { Pools, Subject } from './subject.ts';

export function sessionPoolTooSmall(subject: Subject): readonly Warning[] {
  const { spec, pools } = subject;
  const session = pools.filter(({ mode }) => mode === 'session');
  const stated = session.filter(({ database }) => database.maxClientConnections !== undefined);
  const own = stated.flatMap((pool) => {
    const { path, database } = pool;
    return tooSmall(`${path}.maxClientConnections`, database.maxClientConnections, [pool], subject);
  });
  // The limit of all clients says something about session pools only where there is nothing else.
  const all = session.length === pools.length && stated.length === 0;
  return all ? tooSmall('spec.maxClientConnections', spec.maxClientConnections, session, subject) : own;
}

function tooSmall(
  path: string,
  clients: number | undefined,
  pools: readonly Pools[],
  { spec }: Subject,
): readonly Warning[] {
  if (clients === undefined) return [];
  const held = pools.map((pool) => {
    const users = poolUsers(spec, pool.database.serverUser?.name);
    // Users that come from elsewhere are not known; with none of ours there is at least one.
    return mostConnections(pool, users.length === 0 ? [{}] : users);
  });
  const servers = held.reduce((sum, count) => sum + count, 0);
  if (clients <= servers) return [];
  return [
    warning('SessionPoolTooSmall', {
      path,
      value: clients,
      problem: `lets ${clients} clients into ${servers} server connections of ${pools.map(describe).join(' and ')}, which pools by session: a client keeps its connection until it leaves, so the last ${clients - servers} wait for that`,
      remedy: `raise the pool to ${clients}, let in ${servers} clients, or pool by transaction`,
    }),
  ];
}

const describe = ({ database, size, reserve }: Pools): string =>
  `${database.name} (pool ${size}${reserve > 0 ? ` and reserve ${reserve}` : ''})`;
