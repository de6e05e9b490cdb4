import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { fc } from '../testing/properties.ts';
import { holdersOf, planBudget } from './budget.ts';

const spec = (fields: Partial<PoolerSpec>): PoolerSpec => ({
  replicas: 3,
  suspend: false,
  profile: 'balanced',
  backends: [{ name: 'primary', host: 'pg', port: 5432 }],
  ...fields,
});

test('a share is what every pod may hold while a rollout runs and one pod drains', () => {
  const budget = planBudget(
    spec({
      databases: [
        { name: 'app', connectionBudget: 25 },
        { name: 'batch', connectionBudget: 12 },
      ],
    }),
    holdersOf(3, 3),
  );
  assert.deepEqual(Object.fromEntries(budget.shares), { app: 5, batch: 2 });
  assert.deepEqual(budget.faults, []);
  assert.deepEqual(budget.rows, [{ backend: 'primary', budget: 37, committed: 37 }]);
});

test('pods that exist count, also those that the spec does not want any more', () => {
  assert.equal(holdersOf(3, 9), 9);
  assert.equal(holdersOf(3, 0), 5);
});

test("what a backend's databases do not state is divided equally", () => {
  const budget = planBudget(
    spec({
      backends: [{ name: 'primary', host: 'pg', port: 5432, serverMaxConnections: 200, connectionBudget: '80%' }],
      databases: [{ name: 'a', connectionBudget: 60 }, { name: 'b' }, { name: 'c' }],
    }),
    5,
  );
  assert.deepEqual(Object.fromEntries(budget.shares), { a: 12, b: 10, c: 10 });
  assert.deepEqual(budget.rows, [{ backend: 'primary', serverMaxConnections: 200, budget: 160, committed: 160 }]);
});

const TWO = ['replicas', 'primary'].map((name) => ({ name, host: name, port: 5432, connectionBudget: 50 }));
const FALLS_BACK = { name: 'app_ro', backend: 'replicas', fallbackBackend: 'primary' };

test('a database with a fallback counts against both budgets, and gets what the poorer one has for it', () => {
  const budget = planBudget(
    spec({ backends: TWO, databases: [{ name: 'app', backend: 'primary', connectionBudget: 30 }, FALLS_BACK] }),
    5,
  );
  assert.deepEqual(budget.faults, []);
  assert.deepEqual(Object.fromEntries(budget.shares), { app: 6, app_ro: 4 });
  assert.equal(budget.sources.get('app_ro'), 'spec.backends[1].connectionBudget: 20 / 5 pods = 4');
  assert.deepEqual(budget.rows, [
    { backend: 'replicas', budget: 50, committed: 20 },
    { backend: 'primary', budget: 50, committed: 50 },
  ]);
});

test('a budget of the fallback alone is a ceiling too', () => {
  const [replicas, primary] = TWO;
  assert.ok(replicas && primary);
  const { connectionBudget: _none, ...free } = replicas;
  const budget = planBudget(spec({ backends: [free, primary], databases: [FALLS_BACK] }), 5);
  assert.deepEqual(Object.fromEntries(budget.shares), { app_ro: 10 });
  assert.deepEqual(
    budget.rows.map(({ backend, budget, committed }) => [backend, budget, committed]),
    [
      ['replicas', 50, 50],
      ['primary', 50, 50],
    ],
  );
});

const faulty: readonly { readonly name: string; readonly spec: Partial<PoolerSpec>; readonly message: RegExp }[] = [
  {
    name: 'a budget smaller than one connection for each pod names the pods',
    spec: { databases: [{ name: 'app', connectionBudget: 4 }] },
    message:
      /spec\.databases\[0\]\.connectionBudget: is less than one connection for each of the 5 pods.*\(4\); give at least 5/,
  },
  {
    name: 'a fallback that the other budget has no room for shows the sum there',
    spec: {
      backends: TWO,
      databases: [
        { name: 'app', backend: 'primary', connectionBudget: 30 },
        { ...FALLS_BACK, connectionBudget: 40 },
      ],
    },
    message: /spec\.backends\[1\]\.connectionBudget: is 50 connections, and .* sum to 70 \(app 30 \+ app_ro 40\)/,
  },
  {
    name: 'what is left for a fallback at the poorer of the two names that one',
    spec: { backends: TWO, databases: [{ name: 'app', backend: 'primary', connectionBudget: 48 }, FALLS_BACK] },
    message:
      /spec\.backends\[1\]\.connectionBudget: leaves spec\.databases\[1\] \(app_ro\) 2, .* give at least 53, or run/,
  },
  {
    name: 'budgets of databases that sum to more than the backend has show the sum',
    spec: {
      backends: [{ name: 'primary', host: 'pg', port: 5432, connectionBudget: 30 }],
      databases: [
        { name: 'a', connectionBudget: 20 },
        { name: 'b', connectionBudget: 20 },
      ],
    },
    message: /spec\.backends\[0\]\.connectionBudget: is 30 connections, .* sum to 40 \(a 20 \+ b 20\) \(30\)/,
  },
  {
    name: 'a share of a server whose size is not stated',
    spec: {
      backends: [{ name: 'primary', host: 'pg', port: 5432, connectionBudget: '80%' }],
      databases: [{ name: 'a' }],
    },
    message: /serverMaxConnections is not stated \("80%"\); set spec\.backends\[0\]\.serverMaxConnections/,
  },
  {
    name: 'a budget above what the server takes',
    spec: {
      backends: [{ name: 'primary', host: 'pg', port: 5432, serverMaxConnections: 97, connectionBudget: 100 }],
      databases: [{ name: 'a' }],
    },
    message: /is more than the server takes, 97 \(100\)/,
  },
];

for (const { name, spec: fields, message } of faulty) {
  test(`a fault: ${name}`, () => {
    const { faults } = planBudget(spec(fields), 5);
    assert.equal(faults.length, 1);
    assert.match(faults.map(formatFault).join(), message);
  });
}

test('whatever the numbers, all pods together stay inside every budget, and no share is 0 (unlimited)', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
          fc.constantFrom(['a', 'b'], ['a'], ['b'], ['b', 'a']),
        ),
        { minLength: 1, maxLength: 6 },
      ),
      fc.record({ a: fc.integer({ min: 1, max: 1000 }), b: fc.integer({ min: 1, max: 1000 }) }),
      fc.integer({ min: 0, max: 40 }),
      (stated, ceilings, replicas) => {
        const holders = holdersOf(replicas, 0);
        const databases = stated.map(([connectionBudget, [backend = '', fallbackBackend]], index) => ({
          ...{ name: `db${index}`, backend },
          ...(fallbackBackend === undefined ? {} : { fallbackBackend }),
          ...(connectionBudget === undefined ? {} : { connectionBudget }),
        }));
        const budget = planBudget(
          spec({
            replicas,
            backends: [
              { name: 'a', host: 'a', port: 5432, connectionBudget: ceilings.a },
              { name: 'b', host: 'b', port: 5432, connectionBudget: ceilings.b },
            ],
            databases,
          }),
          holders,
        );
        const shares = [...budget.shares.values()];
        assert.ok(shares.every((share) => share >= 1));
        if (budget.faults.length > 0) return;
        for (const name of ['a', 'b'] as const) {
          const total = databases
            .filter((database) => [database.backend, database.fallbackBackend].includes(name))
            .reduce((sum, database) => sum + (budget.shares.get(database.name) ?? 0) * holders, 0);
          assert.ok(total <= ceilings[name], `${total} > ${ceilings[name]}`);
          const committed = budget.rows.find(({ backend }) => backend === name)?.committed ?? 0;
          assert.ok(total <= committed && committed <= ceilings[name], `${total}, ${committed} committed`);
        }
        for (const database of databases) {
          const share = budget.shares.get(database.name) ?? 0;
          if (database.connectionBudget !== undefined) assert.ok(share * holders <= database.connectionBudget);
        }
      },
    ),
  );
});
