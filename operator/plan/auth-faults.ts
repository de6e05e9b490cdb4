/** What can be wrong with `auth` in this version, before any Secret is read. */
import type { Fault } from '../api/fault.ts';
import type { Auth, PoolerSpec } from '../api/types.ts';
import { LDAP_OPTIONS } from '../pgbouncer/hba.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import { needs, readAccessLines } from './hba-lines.ts';
import { DEFAULT_LOOKUP } from './lookup.ts';

export function authFaults(spec: PoolerSpec, version: Version): readonly Fault[] {
  const { auth } = spec;
  return auth === undefined
    ? []
    : [...readAccessLines(spec, version).faults, ...directoryFaults(auth, version), ...queryFaults(auth, version)];
}

function directoryFaults({ type, ldap }: Auth, version: Version): readonly Fault[] {
  if (type === 'ldap' && !atLeast(version, '1.25'))
    return [{ path: 'spec.auth.type', value: type, ...needs('1.25', 'ldap', version) }];
  if (ldap === undefined) return [];
  const path = 'spec.auth.ldap.options';
  const { options } = ldap;
  const known = LDAP_OPTIONS.filter((name) => name !== 'ldapbindpasswd');
  const stray = Object.entries(options).flatMap(([key, value]): readonly Fault[] => {
    if (key === 'ldapbindpasswd')
      return [
        {
          path: `${path}.${key}`,
          problem: 'is a password',
          remedy: 'put it into a Secret: auth.ldap.bindPasswordSecretRef',
        },
      ];
    if (!known.includes(key))
      return [
        { path: `${path}.${key}`, problem: 'is not an option of ldap', remedy: `use some of: ${known.join(', ')}` },
      ];
    return /["\\]/.test(value)
      ? [
          {
            path: `${path}.${key}`,
            value,
            problem: 'holds a quote or a backslash, which PgBouncer cannot read here',
            remedy: 'write it without',
          },
        ]
      : [];
  });
  if (stray.length > 0) return stray;
  return ['ldapprefix', 'ldapsuffix', 'ldapbasedn', 'ldapurl'].some((key) => Object.hasOwn(options, key))
    ? []
    : [
        {
          path,
          problem: 'does not say how a user is found',
          remedy: 'add ldapprefix and ldapsuffix (the name is built), or ldapbasedn (the name is searched for)',
        },
      ];
}

function queryFaults({ query }: Auth, version: Version): readonly Fault[] {
  if (query === undefined) return [];
  const { database, sql = DEFAULT_LOOKUP } = query;
  const path = 'spec.auth.query';
  return [
    ...(database !== undefined && !atLeast(version, '1.19')
      ? [
          {
            path: `${path}.database`,
            value: database,
            ...needs('1.19', 'one database for all queries', version),
            remedy: 'remove it, and install the function in each database; or use a newer image',
          },
        ]
      : []),
    ...(database === 'pgbouncer' || database === '*'
      ? [
          {
            path: `${path}.database`,
            value: database,
            problem: 'is no database of the server',
            remedy: 'name the one that has the function',
          },
        ]
      : []),
    ...(database !== undefined && database !== database.trim()
      ? [
          {
            path: `${path}.database`,
            value: database,
            problem: 'begins or ends with a space, which PgBouncer cuts off',
            remedy: 'remove the space',
          },
        ]
      : []),
    ...(sql.includes('$1')
      ? []
      : [{ path: `${path}.sql`, value: sql, problem: 'asks for no user', remedy: 'write $1 where the name belongs' }]),
    ...(sql === sql.trim()
      ? []
      : [
          {
            path: `${path}.sql`,
            value: sql,
            problem: 'begins or ends with a space, which PgBouncer cuts off',
            remedy: 'remove the space',
          },
        ]),
  ];
}
