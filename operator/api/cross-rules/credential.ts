/** Rules about the names that users may have. */
import type { Fault } from '../fault.ts';
import { RESERVED_USERS } from '../names.ts';
import type { CrossRule } from './rule.ts';

const reserved = `[${RESERVED_USERS.map((name) => `'${name}'`).join(', ')}]`;

export const credentialRules: readonly CrossRule[] = [
  {
    cel: `!has(self.users) || self.users.all(u, !(u.name in ${reserved}))`,
    message: `the users ${RESERVED_USERS.join(', ')} belong to the operator`,
    fieldPath: '.users',
    check: (spec) => (spec.users ?? []).flatMap((user, index) => reservedName(user.name, `spec.users[${index}].name`)),
  },
  {
    cel: `!has(self.databases) || self.databases.all(d, !has(d.serverUser) || !(d.serverUser.name in ${reserved}))`,
    message: `the users ${RESERVED_USERS.join(', ')} belong to the operator`,
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap((database, index) =>
        database.serverUser === undefined
          ? []
          : reservedName(database.serverUser.name, `spec.databases[${index}].serverUser.name`),
      ),
  },
];

function reservedName(name: string, path: string): readonly Fault[] {
  return RESERVED_USERS.includes(name)
    ? [{ path, value: name, problem: 'belongs to the operator', remedy: 'choose another name' }]
    : [];
}
