/** Rules about the Secrets that applications connect with. */
import type { CrossRule } from './rule.ts';

export const connectionSecretRules: readonly CrossRule[] = [
  {
    cel: '!has(self.connectionSecrets) || self.connectionSecrets.all(s, has(self.users) && self.users.exists(u, u.name == s.user))',
    message: 'a connection Secret is for one of spec.users',
    fieldPath: '.connectionSecrets',
    check: (spec) =>
      (spec.connectionSecrets ?? []).flatMap((secret, index) =>
        spec.users?.some(({ name }) => name === secret.user)
          ? []
          : [
              {
                path: `spec.connectionSecrets[${index}].user`,
                value: secret.user,
                problem: 'is not one of spec.users',
                remedy: 'add it there with its passwordSecretRef, or name another one',
              },
            ],
      ),
  },
  {
    cel: "!has(self.connectionSecrets) || self.connectionSecrets.all(s, s.database != 'pgbouncer' && s.database != '*' && (!has(self.databases) || self.databases.exists(d, d.name == s.database || d.name == '*')))",
    message: 'a connection Secret is for one of spec.databases, or for any name when there is a "*"',
    fieldPath: '.connectionSecrets',
    check: (spec) =>
      (spec.connectionSecrets ?? []).flatMap(({ database }, index) => {
        const path = `spec.connectionSecrets[${index}].database`;
        if (database === 'pgbouncer' || database === '*') {
          const problem = database === '*' ? 'is no name to connect to' : 'is the admin console';
          return [{ path, value: database, problem, remedy: 'name the database that the application asks for' }];
        }
        const names = spec.databases?.map(({ name }) => name);
        return names === undefined || names.includes(database) || names.includes('*')
          ? []
          : [
              {
                path,
                value: database,
                problem: 'is not one of spec.databases',
                remedy: `use one of: ${names.join(', ')}`,
              },
            ];
      }),
  },
  {
    cel: "!has(self.connectionSecrets) || self.connectionSecrets.all(s, !has(s.keys) || s.keys.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$') && k != '.' && !k.startsWith('..')))",
    message: 'a key of a Secret holds only letters, digits and -._, and does not begin with two dots',
    fieldPath: '.connectionSecrets',
    check: (spec) =>
      (spec.connectionSecrets ?? []).flatMap(({ keys = {} }, index) =>
        Object.keys(keys).flatMap((key) =>
          /^(?!\.$|\.\.)[-._a-zA-Z0-9]{1,253}$/.test(key)
            ? []
            : [
                {
                  path: `spec.connectionSecrets[${index}].keys`,
                  value: key,
                  problem: 'cannot be a key of a Secret',
                  remedy: 'use letters, digits and -._, and not two dots at the beginning',
                },
              ],
        ),
      ),
  },
];
