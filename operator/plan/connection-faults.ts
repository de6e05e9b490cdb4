/** What keeps a connection Secret from being written, told before anything is. */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { classifySecret, type UserlistEntry } from '../pgbouncer/userlist.ts';
import { isSocket } from './backend-host.ts';
import { backendOf } from './budget.ts';
import { databasesOf } from './database-section.ts';
import { referencedSecrets } from './secret-references.ts';

/**
 * Mistakes that need no password to be seen.
 * @param pooler its name
 */
export function connectionSecretFaults(spec: PoolerSpec, pooler: string): readonly Fault[] {
  const referenced = new Set(referencedSecrets(spec, pooler));
  return (spec.connectionSecrets ?? []).flatMap(({ name, database, keys = {} }, index): readonly Fault[] => [
    ...(referenced.has(name)
      ? [
          {
            path: `spec.connectionSecrets[${index}].name`,
            value: name,
            problem: 'is a Secret that this pooler reads from',
            remedy: 'choose another name: the operator writes this one',
          },
        ]
      : []),
    ...(isBehindSocket(spec, database) ? Object.entries(keys) : [])
      .filter(([, template]) => template.replaceAll(/\{\{|\}\}/g, '').includes('{direct-'))
      .map(([key, template]) => ({
        path: `spec.connectionSecrets[${index}].keys.${key}`,
        value: template,
        problem: 'goes past the pooler, and the server is behind a Unix socket in its pods',
        remedy: 'use {host} and {port}',
      })),
  ]);
}

function isBehindSocket(spec: PoolerSpec, name: string): boolean {
  const databases = databasesOf(spec);
  const entry = databases.find((database) => database.name === name) ?? databases.find((one) => one.name === '*');
  return entry !== undefined && isSocket(backendOf(spec, entry)?.host);
}

/** Passwords that PgBouncer can use and an application cannot. */
export function connectionPasswordFaults(spec: PoolerSpec, userlist: readonly UserlistEntry[]): readonly Fault[] {
  return (spec.connectionSecrets ?? []).flatMap(({ user }, index) => {
    const entry = userlist.find(({ name }) => name === user);
    const ref = spec.users?.find(({ name }) => name === user)?.passwordSecretRef;
    if (entry === undefined || ref === undefined || classifySecret(entry.password) === 'plain') return [];
    return [
      {
        path: `spec.connectionSecrets[${index}].user`,
        value: user,
        problem: `has only a hash in ${ref.name}/${ref.key}, and an application needs the password`,
        remedy: 'put the plain password there, or remove this connection Secret',
      },
    ];
  });
}
