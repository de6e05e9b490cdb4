import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../api/types.ts';
import type { PoolSummary } from '../plan/fleet.ts';
import { poolSaturated } from './pool-saturated.ts';
import { fleetOf, inShort, poolOf, situationOf } from './testing/situation.ts';

const before = (status: Condition['status']): Condition => ({
  type: 'PoolSaturated',
  status,
  reason: 'R',
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

const CASES: readonly {
  readonly what: string;
  readonly pools: readonly Partial<PoolSummary>[];
  readonly before?: Condition['status'];
  readonly finding: string;
}[] = [
  { what: 'nobody waits, nothing is full', pools: [{}], finding: 'False Relaxed' },
  { what: 'there is no pool at all', pools: [], finding: 'False Relaxed' },
  { what: 'a pool below 80 percent', pools: [{ utilization: 79 }], finding: 'False Relaxed' },
  { what: 'a pool at 80 percent', pools: [{ utilization: 80 }], finding: 'True NearlyFull' },
  { what: 'any of the pools', pools: [{}, { utilization: 95 }], finding: 'True NearlyFull' },
  {
    what: 'it stays True down to 70 percent',
    pools: [{ utilization: 70 }],
    before: 'True',
    finding: 'True NearlyFull',
  },
  { what: 'it relaxes below 70 percent', pools: [{ utilization: 69 }], before: 'True', finding: 'False Relaxed' },
  { what: 'it does not begin at 70 percent', pools: [{ utilization: 75 }], before: 'False', finding: 'False Relaxed' },
  {
    what: 'a client has waited for a second',
    pools: [{ clientsWaiting: 1, maxWaitSeconds: 1 }],
    finding: 'True ClientsWaiting',
  },
  {
    what: 'a client that waits for a moment is nothing',
    pools: [{ clientsWaiting: 5, maxWaitSeconds: 0.9 }],
    finding: 'False Relaxed',
  },
  {
    what: 'a wait that is over is nothing',
    pools: [{ clientsWaiting: 0, maxWaitSeconds: 3 }],
    finding: 'False Relaxed',
  },
  {
    what: 'one full replica with clients waiting is seen through the average',
    pools: [{ utilization: 40, clientsWaiting: 1, maxWaitSeconds: 0.2, worst: { pod: 'b', utilization: 100 } }],
    finding: 'True NearlyFull',
  },
  {
    what: 'one full replica that nobody waits for is well used',
    pools: [{ utilization: 40, worst: { pod: 'b', utilization: 100 } }],
    finding: 'False Relaxed',
  },
  {
    what: 'who waits comes before what is full',
    pools: [{ utilization: 90 }, { user: 'batch', clientsWaiting: 2, maxWaitSeconds: 4 }],
    finding: 'True ClientsWaiting',
  },
];

for (const { what, pools, before: last, finding } of CASES) {
  test(`PoolSaturated: ${what}`, () => {
    const situation = situationOf({ fleet: fleetOf({ pools: pools.map(poolOf) }) });
    assert.equal(inShort(poolSaturated(situation, last && before(last))), finding);
  });
}

test('PoolSaturated: the pool is named', () => {
  const pools = [poolOf({ database: 'shop', user: 'batch', clientsWaiting: 2, maxWaitSeconds: 4 })];
  assert.match(poolSaturated(situationOf({ fleet: fleetOf({ pools }) }), undefined).message, /shop\/batch/);
});

test('PoolSaturated: nothing is known until a console was read; before the next look it stays what it was', () => {
  assert.equal(inShort(poolSaturated(situationOf({ fleet: undefined }), undefined)), 'Unknown NotObserved');
  assert.equal(poolSaturated(situationOf({ fleet: undefined }), before('True')).status, 'True');
});

test('PoolSaturated: numbers that hover around the threshold flip it once, not every time', () => {
  let last: Condition | undefined;
  const seen: string[] = [];
  for (const utilization of [60, 79, 81, 79, 81, 75, 72, 79, 69, 75, 79]) {
    const finding = poolSaturated(situationOf({ fleet: fleetOf({ pools: [poolOf({ utilization })] }) }), last);
    last = before(finding.status);
    seen.push(finding.status);
  }
  const [first = '', ...rest] = seen;
  assert.equal(
    rest.reduce((flips, status, index) => flips + (status === [first, ...rest][index] ? 0 : 1), 0),
    2,
  );
});

test('PoolSaturated: no larger pool is advised where there is not one connection', () => {
  const waiting = { clientsWaiting: 3, maxWaitSeconds: 9 };
  const message = (servers: number) =>
    poolSaturated(
      situationOf({ fleet: fleetOf({ pools: [poolOf({ ...waiting, serversActive: servers, serversIdle: 0 })] }) }),
      undefined,
    ).message;
  assert.match(message(2), /raise poolSize/);
  assert.match(message(0), /there is no server connection; see BackendReachable$/);
});

test('a console that cannot be read is named: nothing is known of its pools', () => {
  const silent = [{ pod: 'b', reason: 'no answer to the login within 3 s' }];
  const said = poolSaturated(situationOf({ silent }), undefined);
  assert.deepEqual([said.status, said.reason], ['False', 'Relaxed']);
  assert.match(said.message, /the console of b cannot be read: no answer to the login within 3 s/);
  const nobody = poolSaturated(situationOf({ silent, fleet: fleetOf({ pools: [], version: undefined }) }), undefined);
  assert.deepEqual([nobody.status, nobody.reason], ['Unknown', 'NotObserved']);
  assert.match(nobody.message, /the console of b cannot be read/);
});
