/**
 * The hba file. Its first lines are the operator's: the console is for the operator, whatever `auth` says, and the
 * users that only PgBouncer logs in as are no clients. Everybody else is let in by name: PgBouncer 1.25 and newer go on
 * to let in a user who is gone from the userlist, for as long as the process lives, if he had logged in before.
 */
import { RESERVED_USERS } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import { ALL, type HbaName, type HbaRule } from '../pgbouncer/hba.ts';

const EVERYWHERE = ['0.0.0.0/0', '::/0'] as const;
/** Of one line, so that no line becomes as long as the list of users. */
const NAMES_IN_A_LINE = 32;

/** @param listed everybody in the userlist; left out: any name may log in */
export function planAccessRules(spec: PoolerSpec, listed?: readonly string[]): readonly HbaRule[] {
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
  const refused = [...RESERVED_USERS, ...serverOnly];
  const method = spec.auth?.type ?? 'scram-sha-256';
  const clients = listed?.filter((name) => !refused.includes(name));
  return [
    ...rule(['pgbouncer'], RESERVED_USERS, 'scram-sha-256'),
    ...rule(['pgbouncer'], [ALL], 'reject'),
    ...rule([ALL], refused, 'reject'),
    ...(clients === undefined
      ? rule([ALL], [ALL], method)
      : chunks(clients).flatMap((names) => rule([ALL], names, method))),
  ];
}

const rule = (databases: readonly HbaName[], users: readonly HbaName[], method: string): readonly HbaRule[] =>
  EVERYWHERE.map((address) => ({ type: 'host', databases, users, address, method }));

const chunks = (names: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: Math.ceil(names.length / NAMES_IN_A_LINE) }, (_, index) =>
    names.slice(index * NAMES_IN_A_LINE, (index + 1) * NAMES_IN_A_LINE),
  );
