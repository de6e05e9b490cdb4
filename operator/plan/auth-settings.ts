/** The keys of [pgbouncer] about logins. All of them belong to the operator, which makes them from `auth`. */
import { ADMIN_USER, PROOF_USER, STATS_USER } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import { lookupSql, lookupsOf } from './lookups.ts';

/** Key, value, and where it comes from. */
export type AuthSetting = readonly [key: string, value: string, source: string];

/**
 * @param file the path of a file of this revision, by its kind
 * @param lookupUser from a Secret; undefined when that was not read, and then there is no word of it
 */
export function authSettings(
  spec: PoolerSpec,
  version: Version,
  file: (kind: string) => string,
  lookupUser: string | undefined,
): readonly AuthSetting[] {
  const { ident, ldap, query, adminUsers = [], statsUsers = [] } = spec.auth ?? {};
  const operator = 'operator';
  const joined = (field: string, users: readonly string[]): string =>
    users.length === 0 ? operator : `operator, joined with spec.auth.${field}`;
  // The second way in, for when the password of the first is replaced.
  const admins = [...new Set([ADMIN_USER, PROOF_USER, ...adminUsers])];
  const stats = [...new Set([STATS_USER, PROOF_USER, ...statsUsers])];
  const [first] = lookupsOf(spec);
  // Before 1.22 there is one query, also when each database has a login of its own that asks it.
  const asked = query === undefined && atLeast(version, '1.22') ? undefined : first;
  return [
    ['auth_type', 'hba', operator],
    ['auth_hba_file', file('hba'), operator],
    ...(ident === undefined ? [] : [['auth_ident_file', file('ident'), 'spec.auth.ident'] as const]),
    ['auth_file', file('userlist'), operator],
    // Rules have their options themselves. This one tells the console that they ask a directory, and so whoever proves.
    ...(ldap === undefined || !atLeast(version, '1.25')
      ? []
      : [['auth_ldap_options', ldapOptions(ldap.options), 'spec.auth.ldap.options'] as const]),
    ['admin_users', admins.join(','), joined('adminUsers', adminUsers)],
    ['stats_users', stats.join(','), joined('statsUsers', statsUsers)],
    ...(asked === undefined ? [] : [['auth_query', lookupSql(asked), `${asked.path}.sql`] as const]),
    ...(query?.database === undefined ? [] : [['auth_dbname', query.database, 'spec.auth.query.database'] as const]),
    ...(lookupUser === undefined ? [] : [['auth_user', lookupUser, 'spec.auth.query.userSecretRef'] as const]),
  ];
}

const ldapOptions = (options: Readonly<Record<string, string>>): string =>
  Object.entries(options)
    .map(([key, value]) => `${key}="${value}"`)
    .join(' ');
