/** Rules about databases and the backends they lead to. */
import type { Fault } from '../fault.ts';
import type { CrossRule } from './rule.ts';

export const databaseRules: readonly CrossRule[] = [
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
    cel: '!has(self.databases) || self.backends.size() <= 1 || self.databases.all(d, has(d.backend))',
    message: 'with several backends each database says which one it uses',
    fieldPath: '.databases',
    check: (spec) =>
      spec.backends.length <= 1
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
    cel: "!has(self.databases) || self.databases.all(d, d.name != '*' || !has(d.state) || d.state == 'Enabled')",
    message: '"*" is no database of its own that could be paused or disabled; name the databases',
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap((database, index) =>
        database.name !== '*' || database.state === undefined || database.state === 'Enabled'
          ? []
          : [
              {
                path: `spec.databases[${index}].state`,
                value: database.state,
                problem: 'is set on "*", which is no database of its own',
                remedy: 'name the databases that shall be paused or disabled, or set it to Enabled',
              },
            ],
      ),
  },
];
