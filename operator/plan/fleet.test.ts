import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolerSpec } from '../api/types.ts';
import { backendOf } from '../rules/testing/situation.ts';
import { fc } from '../testing/properties.ts';
import { backendNamesOf, type DatabaseReading, type PodReading, type PoolReading, planFleet } from './fleet.ts';
import { pool } from './testing/pool-reading.ts';

const spec = (databases?: PoolerSpec['databases']): PoolerSpec => ({
  replicas: 2,
  suspend: false,
  profile: 'balanced',
  backends: [
    { name: 'primary', host: 'a', port: 5432 },
    { name: 'replicas', host: 'b', port: 5432 },
  ],
  ...(databases && { databases }),
});
const BOTH = spec([
  { name: 'app', backend: 'primary' },
  { name: 'app_ro', backend: 'replicas' },
]);

const database = (fields: Partial<DatabaseReading> = {}): DatabaseReading => ({
  name: 'app',
  poolSize: 8,
  reservePoolSize: 2,
  maxConnections: 0,
  ...fields,
});
const pod = (name: string, pools: readonly PoolReading[], databases = [database()]): PodReading => ({
  pod: name,
  version: '1.26.1',
  pools,
  databases,
});

test('a pool is summed over the pods, and the fullest replica stays visible', () => {
  const { pools } = planFleet(BOTH, [
    pod('a', [pool({ clientsActive: 5, clientsWaiting: 2, serversActive: 10, serversIdle: 0, maxWaitSeconds: 0.5 })]),
    pod('b', [pool({ clientsActive: 1, serversActive: 1, serversIdle: 3, maxWaitSeconds: 0.1 })]),
  ]);
  assert.deepEqual(pools, [
    {
      database: 'app',
      user: 'app',
      mode: 'transaction',
      clientsActive: 6,
      clientsWaiting: 2,
      serversActive: 11,
      serversIdle: 3,
      poolSize: 20,
      utilization: 55,
      maxWaitSeconds: 0.5,
      worst: { pod: 'a', utilization: 100 },
    },
  ]);
});

test('what a pool may open is its size and its reserve, under the ceiling of its database', () => {
  const sizes = [
    { of: database(), size: 10 },
    { of: database({ maxConnections: 9 }), size: 9 },
    { of: database({ maxConnections: 100 }), size: 10 },
    { of: database({ name: 'other' }), size: 0 },
  ];
  for (const { of, size } of sizes) {
    assert.equal(planFleet(BOTH, [pod('a', [pool()], [of])]).pools[0]?.poolSize, size);
  }
});

test('a pool that may open nothing is not in use, rather than in use without end', () => {
  const [found] = planFleet(BOTH, [pod('a', [pool({ serversActive: 3 })], [])]).pools;
  assert.equal(found?.utilization, 0);
});

test('users of one database are pools of their own', () => {
  const { pools } = planFleet(BOTH, [pod('a', [pool({ user: 'x' }), pool({ user: 'y' })])]);
  assert.deepEqual(
    pools.map(({ user }) => user),
    ['x', 'y'],
  );
});

test('the worst come first: who waits longest, how many wait, how full, then by name', () => {
  const { pools } = planFleet(BOTH, [
    pod('a', [
      pool({ user: 'quiet' }),
      pool({ user: 'full', serversActive: 9 }),
      pool({ user: 'many', clientsWaiting: 5 }),
      pool({ user: 'long', clientsWaiting: 1, maxWaitSeconds: 3 }),
      pool({ user: 'also quiet' }),
    ]),
  ]);
  assert.deepEqual(
    pools.map(({ user }) => user),
    ['long', 'many', 'full', 'also quiet', 'quiet'],
  );
});

test('fifty pools are listed and the rest counted; clients are counted in all of them', () => {
  const pools = Array.from({ length: 63 }, (_, index) => pool({ user: `u${index}`, clientsWaiting: 1 }));
  const fleet = planFleet(BOTH, [pod('a', pools)]);
  assert.equal(fleet.pools.length, 50);
  assert.equal(fleet.poolsOmitted, 13);
  assert.equal(fleet.clientsWaiting, 63);
});

test('a backend holds the established connections of its databases, those that log in do not count', () => {
  const { backends } = planFleet(BOTH, [
    pod('a', [
      pool({ serversActive: 1, serversIdle: 2, serversOther: 3, serversLogin: 4 }),
      pool({ database: 'app_ro', clientsWaiting: 5, maxWaitSeconds: 2 }),
    ]),
    pod('b', [pool({ serversActive: 10 })]),
  ]);
  assert.deepEqual(backends, [
    backendOf({ servers: 16, serversAtMost: 16 }),
    backendOf({ name: 'replicas', clientsWaiting: 5, maxWaitSeconds: 2 }),
  ]);
});

test('connections of a database with a fallback are counted at both, and its trouble told of its own backend', () => {
  const fallsBack = spec([
    { name: 'app', backend: 'primary' },
    { name: 'app_ro', backend: 'replicas', fallbackBackend: 'primary' },
  ]);
  const trouble = { said: 'connect failed', databases: ['app_ro'], at: 0 };
  const { backends } = planFleet(fallsBack, [
    { ...pod('a', [pool({ serversIdle: 2 }), pool({ database: 'app_ro', serversIdle: 3 })]), trouble },
  ]);
  assert.deepEqual(backends, [
    backendOf({ servers: 2, serversAtMost: 5 }),
    backendOf({
      ...{ name: 'replicas', servers: 3, serversAtMost: 3, fallbacks: ['primary'], trouble: 'connect failed' },
    }),
  ]);
});

test('trouble is told of the backend whose database could not be reached, not of others that nobody asks for', () => {
  const trouble = { said: 'connect failed', databases: ['app_ro'], at: 0 };
  const { backends } = planFleet(BOTH, [{ ...pod('a', [pool(), pool({ database: 'app_ro' })]), trouble }]);
  assert.deepEqual(
    backends.map(({ trouble }) => trouble),
    [undefined, 'connect failed'],
  );
});

test('before the first reading nothing is known', () => {
  assert.deepEqual(planFleet(spec(), []), {
    pools: [],
    poolsOmitted: 0,
    clientsWaiting: 0,
    version: undefined,
    backends: ['primary', 'replicas'].map((name) => backendOf({ name })),
  });
});

test('a database leads to its own backend, else where "*" does, else nowhere', () => {
  assert.deepEqual(backendNamesOf(BOTH, 'app_ro'), ['replicas']);
  assert.deepEqual(backendNamesOf(BOTH, 'pgbouncer'), []);
  assert.deepEqual(
    backendNamesOf(
      spec([
        { name: '*', backend: 'replicas' },
        { name: 'app', backend: 'primary' },
      ]),
      'x',
    ),
    ['replicas'],
  );
  assert.deepEqual(backendNamesOf(spec(), 'anything'), ['primary']);
});

test('no client and no connection is lost or counted twice, however the pods are grouped', () => {
  const count = fc.nat({ max: 50 });
  const reading = fc.record({ user: fc.constantFrom('a', 'b'), clientsWaiting: count, serversActive: count }).map(pool);
  fc.assert(
    fc.property(fc.array(fc.array(reading, { maxLength: 2 }), { maxLength: 6 }), (pods) => {
      const fleet = planFleet(
        BOTH,
        pods.map((pools, index) => pod(`p${index}`, pools)),
      );
      const sum = (pick: (of: PoolReading) => number) => pods.flat().reduce((total, of) => total + pick(of), 0);
      assert.equal(
        fleet.clientsWaiting,
        sum(({ clientsWaiting }) => clientsWaiting),
      );
      assert.equal(
        fleet.backends[0]?.servers,
        sum(({ serversActive }) => serversActive),
      );
      for (const { utilization, worst } of fleet.pools) assert.ok(worst.utilization >= utilization - 1);
    }),
  );
});
