/** What can be wrong with `auth`, and with lookups of single databases, in this version, before any Secret is read. */
import type { Fault } from '../api/fault.ts';
import type { Auth, PoolerSpec } from '../api/types.ts';
import { LDAP_OPTIONS } from '../pgbouncer/hba.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import { backendOf } from './budget.ts';
import { needs, readAccessLines } from './hba-lines.ts';
import { canNameItself, commonLookupSql, type Lookup, lookupEntry, lookupSql, lookupsOf } from './lookups.ts';

export function authFaults(spec: PoolerSpec, version: Version): readonly Fault[] {
  const { auth } = spec;
  return [
    ...(auth === undefined ? [] : [...readAccessLines(spec, version).faults, ...directoryFaults(auth, version)]),
    ...lookupFaults(spec, version),
  ];
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

function lookupFaults(spec: PoolerSpec, version: Version): readonly Fault[] {
  const common = commonLookupSql(spec);
  return lookupsOf(spec).flatMap((lookup): readonly Fault[] => {
    const { path, query, owner } = lookup;
    const { database } = query;
    const sql = lookupSql(lookup);
    const at = query.sql === undefined ? path : `${path}.sql`;
    return [
      ...(database !== undefined && !atLeast(version, '1.19')
        ? [
            {
              path: `${path}.database`,
              value: database,
              ...needs(
                '1.19',
                owner === undefined ? 'one database for all queries' : 'another database for the query',
                version,
              ),
              remedy: `remove it, and install the function in ${owner === undefined ? 'each' : 'this'} database; or use a newer image`,
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
      ...(owner !== undefined &&
      !canNameItself(owner.name) &&
      database === undefined &&
      spec.auth?.query?.database !== undefined
        ? [
            {
              path,
              problem: 'says no database, and would be asked in the one of auth.query, on its server',
              remedy: 'set its database',
            },
          ]
        : []),
      ...(owner !== undefined && isElsewhere(spec, lookup)
        ? [
            {
              path: `${path}.database`,
              value: database,
              problem: 'has the name of an entry on another server, where its own would be made',
              remedy: 'name an entry of databases on the same backend, with this dbname',
            },
          ]
        : []),
      ...(owner !== undefined && sql !== common && !atLeast(version, '1.22')
        ? [{ path: at, value: sql, ...needs('1.22', 'a query of its own for one database', version) }]
        : []),
      ...(sql.includes('$1')
        ? []
        : [{ path: at, value: sql, problem: 'asks for no user', remedy: 'write $1 where the name belongs' }]),
      ...(sql === sql.trim()
        ? []
        : [
            {
              path: at,
              value: sql,
              problem: 'begins or ends with a space, which PgBouncer cuts off',
              remedy: 'remove the space',
            },
          ]),
    ];
  });
}

/** Whether the entry in which the lookup of a database would run leads to another server than that database. */
function isElsewhere(spec: PoolerSpec, lookup: Lookup): boolean {
  const entry = lookupEntry(spec, lookup);
  const found = spec.databases?.find(({ name }) => name === entry?.name);
  return (
    found !== undefined &&
    lookup.owner !== undefined &&
    backendOf(spec, found)?.name !== backendOf(spec, lookup.owner)?.name
  );
}
