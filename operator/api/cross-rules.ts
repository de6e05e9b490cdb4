/**
 * The rules between fields that the API server can check: each stands once, as the CEL that the CRD carries and as
 * the TypeScript that `validate` and the operator run. A test feeds both the same objects. Nothing that depends on
 * replicas, versions or the server may stand here, or `kubectl scale` would be refused.
 */
import type { Fault } from './fault.ts';
import { RESERVED_USERS } from './names.ts';
import type { PoolerSpec } from './types.ts';

export interface CrossRule {
  /** Evaluated with `self` = the spec. */
  readonly cel: string;
  /** What the API server answers with: problem and way out in one sentence. */
  readonly message: string;
  /** Where the API server puts its finger, below `spec`. */
  readonly fieldPath: string;
  readonly check: (spec: PoolerSpec) => readonly Fault[];
}

const reserved = `[${RESERVED_USERS.map((name) => `'${name}'`).join(', ')}]`;

export const CROSS_RULES: readonly CrossRule[] = [
  {
    cel: 'self.backends.all(b, has(b.host) != has(b.service))',
    message: 'each backend has exactly one of host and service',
    fieldPath: '.backends',
    check: (spec) =>
      spec.backends.flatMap((backend, index) =>
        (backend.host === undefined) === (backend.service === undefined)
          ? [
              {
                path: `spec.backends[${index}]`,
                value: backend.name,
                problem: backend.host === undefined ? 'has neither host nor service' : 'has both host and service',
                remedy: 'give exactly one of them',
              },
            ]
          : [],
      ),
  },
  {
    cel: "!has(self.databases) || self.databases.all(d, d.name != 'pgbouncer')",
    message: 'a database cannot be called pgbouncer, that is the admin console; choose another name and set dbname',
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap((database, index) =>
        database.name === 'pgbouncer'
          ? [
              {
                path: `spec.databases[${index}].name`,
                value: database.name,
                problem: 'is the name of the admin console',
                remedy: 'choose another name and set dbname: pgbouncer',
              },
            ]
          : [],
      ),
  },
  {
    cel: '!has(self.databases) || self.databases.all(d, !has(d.backend) || self.backends.exists(b, b.name == d.backend))',
    message: 'a database names a backend that is not in backends',
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap((database, index) =>
        database.backend !== undefined && !spec.backends.some((backend) => backend.name === database.backend)
          ? [
              {
                path: `spec.databases[${index}].backend`,
                value: database.backend,
                problem: 'is not one of spec.backends',
                remedy: `use one of: ${spec.backends.map((backend) => backend.name).join(', ')}`,
              },
            ]
          : [],
      ),
  },
  {
    cel: '!has(self.databases) || self.backends.size() == 1 || self.databases.all(d, has(d.backend))',
    message: 'with several backends each database says which one it uses',
    fieldPath: '.databases',
    check: (spec) =>
      spec.backends.length === 1
        ? []
        : (spec.databases ?? []).flatMap((database, index) =>
            database.backend === undefined
              ? [
                  {
                    path: `spec.databases[${index}].backend`,
                    problem: 'is missing, and there are several backends',
                    remedy: `use one of: ${spec.backends.map((backend) => backend.name).join(', ')}`,
                  },
                ]
              : [],
          ),
  },
  {
    cel: "!has(self.databases) ? !has(self.backends[0].connectionBudget) : self.databases.all(d, d.name != '*' || (!has(d.connectionBudget) && self.backends.all(b, !has(b.connectionBudget) || (has(d.backend) && b.name != d.backend))))",
    message: 'PgBouncer cannot cap "*", so a backend or database with a connectionBudget needs its databases by name',
    fieldPath: '.databases',
    check: (spec) => {
      const remedy = 'name the databases instead of "*", or remove the budget: PgBouncer cannot cap "*"';
      const first = spec.backends[0];
      if (spec.databases === undefined) {
        return first?.connectionBudget === undefined
          ? []
          : [
              {
                path: 'spec.backends[0].connectionBudget',
                value: first.connectionBudget,
                problem: 'is set, and there are no databases, which means "*"',
                remedy,
              },
            ];
      }
      return spec.databases.flatMap((database, index): readonly Fault[] => {
        if (database.name !== '*') return [];
        const path = `spec.databases[${index}]`;
        if (database.connectionBudget !== undefined) {
          return [
            { path: `${path}.connectionBudget`, value: database.connectionBudget, problem: 'is set on "*"', remedy },
          ];
        }
        const capped = spec.backends.find(
          (backend) =>
            backend.connectionBudget !== undefined &&
            (database.backend === undefined || backend.name === database.backend),
        );
        return capped === undefined
          ? []
          : [
              {
                path: `${path}.name`,
                value: '*',
                problem: `leads to backend ${capped.name}, which has a budget`,
                remedy,
              },
            ];
      });
    },
  },
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

/** The Service carries the pooler's name, so the name must be one that a Service may have. */
export const NAME_PATTERN = '^[a-z]([-a-z0-9]*[a-z0-9])?$';
export const NAME_LIMIT = 50;
export const NAME_MESSAGE = `the name becomes the name of a Service: it begins with a letter, holds only a-z, 0-9 and -, and has at most ${NAME_LIMIT} characters`;

/** What is wrong with the pooler's own name. */
export function checkName(name: string): readonly Fault[] {
  return new RegExp(NAME_PATTERN).test(name) && name.length <= NAME_LIMIT
    ? []
    : [{ path: 'metadata.name', value: name, problem: 'cannot be the name of a Service', remedy: NAME_MESSAGE }];
}
