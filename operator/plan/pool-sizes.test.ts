import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import type { Database } from '../api/types.ts';
import { type PoolSizes, planPoolSizes } from './pool-sizes.ts';

const cases: readonly {
  readonly name: string;
  readonly database: Partial<Database>;
  readonly share?: number;
  readonly minimum?: number;
  readonly sizes?: PoolSizes;
  readonly fault?: RegExp;
}[] = [
  { name: 'without a budget, only what is stated', database: { poolSize: 8 }, sizes: { poolSize: 8 } },
  {
    name: 'a share alone: a fifth is the reserve',
    database: {},
    share: 12,
    sizes: { poolSize: 10, reservePoolSize: 2, maxServerConnections: 12 },
  },
  {
    name: 'a share of one',
    database: {},
    share: 1,
    sizes: { poolSize: 1, reservePoolSize: 0, maxServerConnections: 1 },
  },
  {
    name: 'a stated pool leaves what is left to the reserve',
    database: { poolSize: 11 },
    share: 12,
    sizes: { poolSize: 11, reservePoolSize: 1, maxServerConnections: 12 },
  },
  {
    name: 'a stated reserve leaves the rest to the pool',
    database: { reservePoolSize: 4 },
    share: 12,
    sizes: { poolSize: 8, reservePoolSize: 4, maxServerConnections: 12 },
  },
  {
    name: 'a lower ceiling of its own',
    database: { maxServerConnections: 6 },
    share: 12,
    sizes: { poolSize: 5, reservePoolSize: 1, maxServerConnections: 6 },
  },
  {
    name: 'stated sizes that fill the share exactly',
    database: { poolSize: 8, reservePoolSize: 4, maxServerConnections: 12 },
    share: 12,
    sizes: { poolSize: 8, reservePoolSize: 4, maxServerConnections: 12 },
  },
  {
    name: 'sizes above the share show the sum',
    database: { poolSize: 8, reservePoolSize: 5 },
    share: 12,
    fault: /poolSize 8 \+ reservePoolSize 5 = 13, and one replica's share is 12/,
  },
  {
    name: 'a ceiling above the share',
    database: { maxServerConnections: 13 },
    share: 12,
    fault: /maxServerConnections: breaks the connection budget: 13/,
  },
  {
    name: 'a reserve that leaves no pool',
    database: { reservePoolSize: 12 },
    share: 12,
    fault: /reservePoolSize: breaks the connection budget: poolSize at least 1 \+ reservePoolSize 12 = 13/,
  },
  {
    name: 'a minimum above the pool',
    database: { minPoolSize: 11 },
    share: 12,
    fault: /minPoolSize: is more than the pool holds, 10/,
  },
  {
    name: 'a default minimum above the pool that the share gives',
    database: {},
    share: 3,
    minimum: 4,
    fault: /spec\.defaults\.minPoolSize: is more than the pool of app holds, 3/,
  },
];

for (const { name, database, share, minimum, sizes, fault } of cases) {
  test(`pool sizes: ${name}`, () => {
    const planned = planPoolSizes({ name: 'app', ...database }, share, minimum, 'spec.databases[0]');
    const messages = planned.faults.map(formatFault).join('\n');
    if (fault === undefined) {
      assert.equal(messages, '');
      assert.deepEqual(planned.sizes, sizes);
    } else {
      assert.match(messages, fault);
    }
  });
}
