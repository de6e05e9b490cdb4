/**
 * The hba file. Its first lines are the operator's: the console is for the operator, whatever `auth` says, and the
 * users that only PgBouncer logs in as are no clients.
 */
import { RESERVED_USERS } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import { ALL, type HbaName, type HbaRule } from '../pgbouncer/hba.ts';

const EVERYWHERE = ['0.0.0.0/0', '::/0'] as const;

export function planAccessRules(spec: PoolerSpec): readonly HbaRule[] {
  const users = new Set((spec.users ?? []).map((user) => user.name));
  const serverOnly = [
    ...new Set(
      (spec.databases ?? []).flatMap((database) =>
        database.serverUser === undefined ? [] : [database.serverUser.name],
      ),
    ),
  ]
    .filter((name) => !users.has(name))
    .sort();
  return [
    ...rule(['pgbouncer'], RESERVED_USERS, 'scram-sha-256'),
    ...rule(['pgbouncer'], [ALL], 'reject'),
    ...rule([ALL], [...RESERVED_USERS, ...serverOnly], 'reject'),
    ...rule([ALL], [ALL], spec.auth?.type ?? 'scram-sha-256'),
  ];
}

const rule = (databases: readonly HbaName[], users: readonly HbaName[], method: string): readonly HbaRule[] =>
  EVERYWHERE.map((address) => ({ type: 'host', databases, users, address, method }));
