import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodView } from './pods.ts';
import { planRollout, type RolloutInput } from './rollout.ts';

const pod = (name: string, fields: Partial<PodView> = {}): PodView => ({
  name,
  uid: name,
  address: '10.0.0.1',
  template: 'new',
  entry: undefined,
  running: true,
  ready: true,
  terminating: false,
  ended: false,
  process: name,
  restarts: 0,
  waiting: undefined,
  ...fields,
});

const input = (fields: Partial<RolloutInput>): RolloutInput => ({
  wantedReplicas: 3,
  current: { replicas: 3, template: 'new' },
  template: 'new',
  proved: true,
  budgeted: true,
  refused: false,
  pods: [pod('a'), pod('b'), pod('c')],
  isProved: () => true,
  ...fields,
});

test('a first Deployment is made as wanted', () => {
  assert.deepEqual(planRollout(input({ current: undefined })), {
    replicas: 3,
    paused: false,
    applyTemplate: true,
    waitsForShares: false,
  });
});

test('more pods of a budgeted pooler wait until the smaller shares are proved', () => {
  assert.equal(planRollout(input({ wantedReplicas: 5, proved: false })).replicas, 3);
  assert.equal(planRollout(input({ wantedReplicas: 5, proved: true })).replicas, 5);
  assert.equal(planRollout(input({ wantedReplicas: 5, proved: false, budgeted: false })).replicas, 5);
});

test('fewer pods are had at once', () => {
  assert.equal(planRollout(input({ wantedReplicas: 1, proved: false })).replicas, 1);
});

test('a rollout waits while a pod drains, and while a new pod is not proved', () => {
  const rolling = [pod('a'), pod('b', { template: 'old' }), pod('c', { template: 'old' })];
  assert.equal(planRollout(input({ pods: rolling })).paused, false);
  assert.equal(
    planRollout(input({ pods: [...rolling, pod('d', { template: 'old', terminating: true })] })).paused,
    true,
  );
  assert.equal(planRollout(input({ pods: rolling, isProved: () => false })).paused, true);
});

test('a pod that drains after scaling down holds up nothing', () => {
  assert.equal(planRollout(input({ pods: [pod('a'), pod('b', { terminating: true })] })).paused, false);
});

test('a refused revision does not reach the pod template', () => {
  assert.equal(planRollout(input({ refused: true, current: { replicas: 3, template: 'old' } })).applyTemplate, false);
});

test('a new template waits while more pods drain than the shares allow for, and does not without a budget', () => {
  const draining = ['a', 'b', 'c', 'd'].map((name, index) => pod(name, { template: 'old', terminating: index > 1 }));
  const crowded = input({ wantedReplicas: 2, current: { replicas: 2, template: 'old' }, pods: draining });
  assert.equal(planRollout(crowded).applyTemplate, false);
  assert.equal(planRollout({ ...crowded, budgeted: false }).applyTemplate, true);
  assert.equal(planRollout({ ...crowded, pods: draining.slice(0, 3) }).applyTemplate, true);
});
