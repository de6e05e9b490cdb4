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
    cel: '!has(self.databases) || self.databases.all(d, !has(d.fallbackBackend) || (has(d.backend) && d.backend != d.fallbackBackend && self.backends.exists(b, b.name == d.fallbackBackend)))',
    message: 'fallbackBackend names another backend than the database leads to, and one that is in backends',
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap(({ backend = spec.backends[0]?.name, fallbackBackend }, index) => {
        const others = spec.backends.map(({ name }) => name).filter((name) => name !== backend);
        return fallbackBackend === undefined || others.includes(fallbackBackend)
          ? []
          : [
              {
                path: `spec.databases[${index}].fallbackBackend`,
                value: fallbackBackend,
                problem:
                  fallbackBackend === backend ? 'is what the database leads to anyway' : 'is not one of spec.backends',
                remedy: others.length > 0 ? `use one of: ${others.join(', ')}` : 'add a second backend, or remove it',
              },
            ];
      }),
  },
  {
    cel: '!has(self.databases) || self.databases.all(d, !has(d.fallbackBackend) || !has(d.backend) || self.backends.all(b, b.name != d.backend || self.backends.all(f, f.name != d.fallbackBackend || f.port == b.port)))',
    message: 'a backend and the one it falls back to have the same port: PgBouncer has one for all hosts of an entry',
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap((database, index) => {
        const find = (wanted: string | undefined) => spec.backends.find(({ name }) => name === wanted);
        const [backend, fallback] = [find(database.backend), find(database.fallbackBackend)];
        return backend === undefined || fallback === undefined || backend.port === fallback.port
          ? []
          : [
              {
                path: `spec.databases[${index}].fallbackBackend`,
                value: fallback.name,
                problem: `listens on port ${fallback.port}, and ${backend.name} on ${backend.port}: PgBouncer has one port for all hosts of an entry`,
                remedy: 'put both on the same port, for example each behind a Service, or remove it',
              },
            ];
      }),
  },
  {
    cel: "!has(self.databases) || self.databases.all(d, !has(d.fallbackBackend) || !has(d.parameters) || !('load_balance_hosts' in d.parameters))",
    message: 'fallbackBackend decides load_balance_hosts; remove it from parameters',
    fieldPath: '.databases',
    check: (spec) =>
      (spec.databases ?? []).flatMap(({ fallbackBackend, parameters }, index) => {
        const stated = parameters?.['load_balance_hosts'];
        return fallbackBackend === undefined || stated === undefined
          ? []
          : [
              {
                path: `spec.databases[${index}].parameters.load_balance_hosts`,
                value: stated,
                problem: 'is decided by fallbackBackend, which needs disable',
                remedy: 'remove it, or fallbackBackend',
              },
            ];
      }),
  },
  {
    cel: "!has(self.databases) ? !has(self.backends[0].connectionBudget) : self.databases.all(d, d.name != '*' || (!has(d.connectionBudget) && self.backends.all(b, !has(b.connectionBudget) || (has(d.backend) && b.name != d.backend && (!has(d.fallbackBackend) || b.name != d.fallbackBackend)))))",
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
            (database.backend === undefined || [database.backend, database.fallbackBackend].includes(backend.name)),
        );
        return capped === undefined
          ? []
          : [
              {
                path: `${path}.name`,
                value: '*',
                problem: `${capped.name === database.fallbackBackend ? 'falls back' : 'leads'} to backend ${capped.name}, which has a budget`,
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
