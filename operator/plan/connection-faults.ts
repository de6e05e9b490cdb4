/** What keeps a connection Secret from being written, told before anything is. */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { classifySecret, type UserlistEntry } from '../pgbouncer/userlist.ts';
import { referencedSecrets } from './secret-references.ts';

/**
 * Mistakes that need no password to be seen.
 * @param pooler its name
 */
export function connectionSecretFaults(spec: PoolerSpec, pooler: string): readonly Fault[] {
  const referenced = new Set(referencedSecrets(spec, pooler));
  return (spec.connectionSecrets ?? []).flatMap(({ name }, index) =>
    referenced.has(name)
      ? [
          {
            path: `spec.connectionSecrets[${index}].name`,
            value: name,
            problem: 'is a Secret that this pooler reads from',
            remedy: 'choose another name: the operator writes this one',
          },
        ]
      : [],
  );
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
