import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Fleet, isOver, type PeakRow, peakConnections } from './peak-connections.ts';
import { planned, validated } from './testing/planned.ts';

const REF = { passwordSecretRef: { name: 's', key: 'k' } };

function fleet(fields: object): Fleet {
  const { spec } = validated({
    replicas: 3,
    backends: [{ host: 'pg' }],
    databases: [{ name: 'app' }],
    users: [{ name: 'app', ...REF }],
    ...fields,
  });
  assert.ok(spec);
  const version = { major: 1, minor: 26, patch: 1 };
  const { config } = planned(spec, version);
  assert.ok(config);
  return { spec, version, config };
}

/** before, during, after of the first database. */
const ofApp = (before: object | undefined, after: object, rolls = false): readonly (number | null)[] => {
  const row = peakConnections(before && fleet(before), fleet(after), rolls).find(({ database }) => database === 'app');
  assert.ok(row);
  return [row.before, row.during, row.after];
};

const budget = (connectionBudget: number, replicas = 3) => ({
  replicas,
  databases: [{ name: 'app', connectionBudget }],
});

test('a budget is held at rest and while every pod is replaced', () => {
  assert.deepEqual(ofApp(budget(25), budget(25)), [15, 15, 15]);
  assert.deepEqual(ofApp(budget(25), budget(25), true), [15, 25, 15]);
});

test('shares shrink before pods are added, and grow when they are gone', () => {
  assert.deepEqual(ofApp(budget(25, 3), budget(25, 5)), [15, 15, 15]);
  assert.deepEqual(ofApp(budget(25, 5), budget(25, 3)), [15, 15, 15]);
});

test('a smaller budget is passed until old connections end, and that is said', () => {
  const rows = peakConnections(fleet(budget(50)), fleet(budget(15)), false);
  assert.deepEqual(
    rows.map(({ before, during, after, budget: ceiling }) => [before, during, after, ceiling]),
    [
      [30, 30, 9, 15],
      [30, 30, 9, 15],
    ],
  );
  assert.deepEqual(
    rows.map((row) => isOver(row, row.during) && !isOver(row, row.after)),
    [true, true],
  );
});

test('without a budget sizes count: the pool and its reserve for each user, one for a forced user', () => {
  const sizes = { poolSize: 8, reservePoolSize: 2 };
  const users = ['a', 'b'].map((name) => ({ name, ...REF }));
  assert.deepEqual(ofApp(undefined, { databases: [{ name: 'app', ...sizes }], users }), [0, 60, 60]);
  const forced = { databases: [{ name: 'app', ...sizes, serverUser: { name: 'c', ...REF } }], users };
  assert.deepEqual(ofApp(undefined, forced), [0, 30, 30]);
  const capped = { databases: [{ name: 'app', ...sizes, maxServerConnections: 12 }], users };
  assert.deepEqual(ofApp(undefined, capped), [0, 36, 36]);
});

test('without a budget a larger size meets all pods that there are on the way', () => {
  const sized = (poolSize: number, replicas: number) => ({
    replicas,
    databases: [{ name: 'app', poolSize, reservePoolSize: 0 }],
  });
  assert.deepEqual(ofApp(sized(4, 5), sized(10, 2)), [20, 50, 20]);
  assert.deepEqual(ofApp(sized(4, 2), sized(10, 2), true), [8, 40, 20]);
});

test('nothing limits "*"', () => {
  const [row] = peakConnections(undefined, fleet({ databases: undefined }), false);
  assert.deepEqual([row?.before, row?.during, row?.after], [0, null, null]);
});

test('a backend is the sum of its databases, with what the server takes', () => {
  const both = {
    backends: [{ host: 'pg', serverMaxConnections: 100, connectionBudget: '50%' }],
    databases: [{ name: 'app', connectionBudget: 20 }, { name: 'rest' }],
  };
  const [row] = peakConnections(undefined, fleet(both), false);
  const expected: PeakRow = { backend: 'primary', before: 0, during: 30, after: 30, budget: 50, server: 100 };
  assert.deepEqual(row, expected);
});

test('a database with a fallback is counted at both, since its connections may be at either', () => {
  const backends = ['primary', 'replicas'].map((name) => ({ name, host: name }));
  const app = { name: 'app', backend: 'primary', poolSize: 4, reservePoolSize: 0 };
  const read = { ...app, name: 'app_ro', backend: 'replicas' };
  const after = fleet({ backends, databases: [app, { ...read, fallbackBackend: 'primary' }] });
  const short = (rows: readonly PeakRow[]) =>
    rows.map((row) => [row.backend, row.database, row.before, row.during, row.after]);
  assert.deepEqual(short(peakConnections(fleet({ backends, databases: [app, read] }), after, false)), [
    ['primary', undefined, 12, 24, 24],
    ['primary', 'app', 12, 12, 12],
    ['primary', 'app_ro', 0, 12, 12],
    ['replicas', undefined, 12, 12, 12],
    ['replicas', 'app_ro', 12, 12, 12],
  ]);
});

test('a database that moves to another backend leaves the one it was at', () => {
  const backends = ['primary', 'replicas'].map((name) => ({ name, host: name }));
  const at = (backend: string) =>
    fleet({ backends, databases: [{ name: 'app', backend, poolSize: 4, reservePoolSize: 0 }] });
  assert.deepEqual(
    peakConnections(at('primary'), at('replicas'), false)
      .filter(({ database }) => database === undefined)
      .map((row) => [row.backend, row.before, row.during, row.after]),
    [
      ['replicas', 0, 12, 12],
      ['primary', 12, 12, 0],
    ],
  );
});

test('sizes of single users go before those of the database, and their limits hold in it', () => {
  const database = { name: 'app', poolSize: 8, reservePoolSize: 2 };
  const users = [
    { name: 'a', ...REF },
    { name: 'b', poolSize: 20, reservePoolSize: 0, ...REF },
    { name: 'c', maxServerConnections: 3, ...REF },
  ];
  assert.deepEqual(ofApp(undefined, { databases: [database], users, replicas: 1 }), [0, 33, 33]);
});

test('users whom the specification does not name are any number of pools', () => {
  const query = { query: { userSecretRef: { name: 'asker' } } };
  assert.deepEqual(ofApp(undefined, { auth: query }), [0, null, null]);
  const capped = [{ name: 'app', maxServerConnections: 12 }];
  assert.deepEqual(ofApp(undefined, { auth: query, databases: capped }), [0, 36, 36]);
});

test('who looks passwords up has a pool beside that of the forced user, where the query runs', () => {
  const query = { userSecretRef: { name: 'asker' } };
  const forced = {
    name: 'app',
    poolSize: 5,
    reservePoolSize: 0,
    serverUser: { name: 'pool', passwordSecretRef: { name: 'p', key: 'p' } },
  };
  assert.deepEqual(ofApp(undefined, { databases: [forced] }), [0, 15, 15]);
  assert.deepEqual(ofApp(undefined, { databases: [forced], auth: { query } }), [0, 30, 30]);
  assert.deepEqual(ofApp(undefined, { databases: [{ ...forced, authQuery: query }] }), [0, 30, 30]);
  const elsewhere = { ...forced, authQuery: { ...query, database: 'postgres' } };
  assert.deepEqual(ofApp(undefined, { databases: [elsewhere] }), [0, 15, 15]);
});

test('the pool of the lookup of passwords counts like any other', () => {
  const rows = peakConnections(
    undefined,
    fleet({
      backends: [{ host: 'pg', connectionBudget: 50 }],
      databases: [{ name: 'app', connectionBudget: 25 }],
      auth: { query: { userSecretRef: { name: 'asker' }, database: 'postgres' } },
    }),
    false,
  );
  assert.deepEqual(
    rows.map(({ database, after, budget: ceiling }) => [database, after, ceiling]),
    [
      [undefined, 21, 50],
      ['app', 15, 25],
      ['postgres', 6, 10],
    ],
  );
});
