import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ready } from './ready.ts';
import type { Situation } from './situation.ts';
import { backendOf, FAULT, fleetOf, inShort, podOf, poolOf, situationOf } from './testing/situation.ts';

const CASES: readonly { readonly what: string; readonly situation: Situation; readonly finding: string }[] = [
  { what: 'all replicas are ready and proved', situation: situationOf(), finding: 'True Ready' },
  {
    what: 'none is wanted, none is there',
    situation: situationOf({ wantedReplicas: 0, pods: [] }),
    finding: 'True Ready',
  },
  {
    what: 'a stalled pooler gives its reason',
    situation: situationOf({ faults: { budget: [FAULT] } }),
    finding: 'False BudgetExceeded',
  },
  {
    what: 'a missing Secret gives its reason',
    situation: situationOf({ faults: { credentials: [{ ...FAULT, problem: 'does not exist: …' }] } }),
    finding: 'False SecretMissing',
  },
  {
    what: 'a replica is not ready',
    situation: situationOf({ pods: [podOf('a'), podOf('b'), podOf('c', { ready: false })] }),
    finding: 'False PodsNotReady',
  },
  {
    what: 'a replica is too few while hands are off',
    situation: situationOf({ suspended: true, pods: [podOf('a')] }),
    finding: 'False PodsNotReady',
  },
  {
    what: 'a rollout has not reached all replicas',
    situation: situationOf({ pods: [podOf('a'), podOf('b', { template: 'old' }), podOf('c', { template: 'old' })] }),
    finding: 'False RollingOut',
  },
  {
    what: 'all new replicas are proved, and an old one still lets clients in',
    situation: situationOf({ pods: [podOf('a'), podOf('b'), podOf('c'), podOf('d', { template: 'old' })] }),
    finding: 'False RollingOut',
  },
  {
    what: 'an old replica only drains',
    situation: situationOf({
      pods: [podOf('a'), podOf('b'), podOf('c'), podOf('d', { template: 'old', terminating: true })],
    }),
    finding: 'True Ready',
  },
  { what: 'a replica is not proved', situation: situationOf({ proved: new Map() }), finding: 'False Applying' },
  {
    what: 'an outage of the database does not turn every pipeline red',
    situation: situationOf({
      fleet: fleetOf({ backends: [backendOf({ clientsWaiting: 9, maxWaitSeconds: 60 })] }),
    }),
    finding: 'True Ready',
  },
  {
    what: 'nor does a full pool',
    situation: situationOf({
      fleet: fleetOf({ pools: [poolOf({ utilization: 100, clientsWaiting: 50, maxWaitSeconds: 9 })] }),
    }),
    finding: 'True Ready',
  },
  { what: 'nor does a console that was not read', situation: situationOf({ fleet: undefined }), finding: 'True Ready' },
];

for (const { what, situation, finding } of CASES) {
  test(`Ready: ${what}`, () => {
    assert.equal(inShort(ready(situation)), finding);
  });
}
