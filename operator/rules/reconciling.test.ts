import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reconciling } from './reconciling.ts';
import type { Situation } from './situation.ts';
import { FAULT, inShort, podOf, situationOf } from './testing/situation.ts';

const CASES: readonly {
  readonly what: string;
  readonly situation: Situation;
  readonly finding: string;
  readonly message?: RegExp;
}[] = [
  { what: 'the cluster is as specified', situation: situationOf(), finding: 'False Done' },
  {
    what: 'only a person can go on',
    situation: situationOf({ faults: { spec: [FAULT] }, pods: [] }),
    finding: 'False Stalled',
  },
  { what: 'hands off', situation: situationOf({ suspended: true, pods: [] }), finding: 'False Suspended' },
  {
    what: 'a quota lets Kubernetes make no more pods, also in a rollout',
    situation: situationOf({
      podsDenied: 'pods is forbidden: exceeded quota: few, requested: pods=1',
      pods: [podOf('a'), podOf('b', { template: 'old' })],
    }),
    finding: 'True PodsDenied',
    message:
      /^1 of 3 replicas are ready, .*: pods is forbidden: exceeded quota: few, requested: pods=1; change that rule/,
  },
  {
    what: 'an attempt was denied, and all pods are there: that was the surge',
    situation: situationOf({ podsDenied: 'pods is forbidden' }),
    finding: 'False Done',
  },
  {
    what: 'a Secret may still come',
    situation: situationOf({ faults: { credentials: [FAULT] } }),
    finding: 'True WaitingForCredentials',
  },
  {
    what: 'pods of the template before are still there',
    situation: situationOf({ pods: [podOf('a'), podOf('b', { template: 'old' }), podOf('c', { template: 'old' })] }),
    finding: 'True RollingOut',
    message: /^2 pods of the previous template are still there$/,
  },
  {
    what: 'a rollout that is stuck says on which pod, and why',
    situation: situationOf({
      pods: [podOf('a', { ready: false, waiting: 'ImagePullBackOff' }), podOf('b', { template: 'old' })],
    }),
    finding: 'True RollingOut',
    message: /; a: ImagePullBackOff$/,
  },
  {
    what: 'an old pod that only drains holds up nothing',
    situation: situationOf({
      pods: [podOf('a'), podOf('b'), podOf('c'), podOf('d', { template: 'old', terminating: true })],
    }),
    finding: 'False Done',
  },
  {
    what: 'smaller shares come before more pods',
    situation: situationOf({ waitsForShares: true, wantedReplicas: 5 }),
    finding: 'True ShrinkingShares',
  },
  {
    what: 'a pod is not ready',
    situation: situationOf({ pods: [podOf('a'), podOf('b'), podOf('c', { ready: false })] }),
    finding: 'True PodsNotReady',
    message: /^2 of 3 replicas are ready$/,
  },
  {
    what: 'a pod that is on its way is not called stuck',
    situation: situationOf({ pods: [podOf('a', { ready: false, waiting: 'ContainerCreating' })] }),
    finding: 'True PodsNotReady',
    message: /^0 of 3 replicas are ready$/,
  },
  {
    what: 'a pod that cannot start is named with what the kubelet says',
    situation: situationOf({ pods: [podOf('a', { ready: false, waiting: 'CrashLoopBackOff' })] }),
    finding: 'True PodsNotReady',
    message: /0 of 3 replicas are ready; a: CrashLoopBackOff$/,
  },
  {
    what: 'a pod too many',
    situation: situationOf({ wantedReplicas: 2 }),
    finding: 'True PodsNotReady',
    message: /^3 of 2/,
  },
  {
    what: 'a configuration is being applied',
    situation: situationOf({ proved: new Map() }),
    finding: 'True ApplyingConfig',
    message: /0 of 3/,
  },
];

for (const { what, situation, finding, message } of CASES) {
  test(`Reconciling: ${what}`, () => {
    const found = reconciling(situation);
    assert.equal(inShort(found), finding);
    if (message !== undefined) assert.match(found.message, message);
  });
}
