import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  handedOut,
  isStarting,
  livePods,
  type PodObject,
  type PodView,
  refusesToStart,
  stripPod,
  viewPod,
} from './pods.ts';

const pod = (status?: PodObject['status'], metadata: Partial<PodObject['metadata']> = {}): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'app-1',
    namespace: 'shop',
    uid: 'uid-1',
    labels: { 'poolkeeper.dev/template-revision': 'abc' },
    ...metadata,
  },
  ...(status && { status }),
});

const container = (fields: object) => ({ name: 'pgbouncer', containerID: 'containerd://1', ...fields });

test('a pod that serves', () => {
  const view = viewPod(
    pod(
      {
        podIP: '10.0.0.7',
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: 'True' },
        ],
        containerStatuses: [{ name: 'sidecar', state: {} }, container({ restartCount: 2, state: { running: {} } })],
      },
      { annotations: { 'poolkeeper.dev/entry': '%include x' } },
    ),
  );
  assert.deepEqual(view, {
    name: 'app-1',
    uid: 'uid-1',
    address: '10.0.0.7',
    template: 'abc',
    entry: '%include x',
    running: true,
    ready: true,
    terminating: false,
    ended: false,
    process: 'uid-1/containerd://1',
    restarts: 2,
    waiting: undefined,
  });
});

const STATES: readonly { readonly what: string; readonly pod: PodObject; readonly view: Partial<PodView> }[] = [
  {
    what: 'that has no status yet',
    pod: pod(),
    view: { running: false, ready: false, restarts: 0, process: 'uid-1/' },
  },
  {
    what: 'that runs and has no address yet',
    pod: pod({ containerStatuses: [container({ state: { running: {} } })] }),
    view: { running: false, address: undefined },
  },
  {
    what: 'that runs and is not ready',
    pod: pod({
      podIP: '10.0.0.7',
      conditions: [{ type: 'Ready', status: 'False' }],
      containerStatuses: [container({ state: { running: {} } })],
    }),
    view: { running: true, ready: false },
  },
  {
    what: 'whose sidecar runs alone',
    pod: pod({ podIP: '10.0.0.7', containerStatuses: [{ name: 'sidecar', state: { running: {} } }] }),
    view: { running: false },
  },
  {
    what: 'that cannot start',
    pod: pod({
      podIP: '10.0.0.7',
      containerStatuses: [container({ state: { waiting: { reason: 'CrashLoopBackOff' } } })],
    }),
    view: { running: false, waiting: 'CrashLoopBackOff' },
  },
  {
    what: 'that was evicted',
    pod: { ...pod({}), status: { phase: 'Failed' } },
    view: { ended: true, running: false },
  },
  {
    what: 'that is on its way out',
    pod: pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    view: { terminating: true },
  },
];

for (const { what, pod: object, view } of STATES) {
  test(`a pod ${what}`, () => {
    const seen = viewPod(object);
    assert.deepEqual({ ...seen, ...view }, seen);
  });
}

test('a pod starts while it has no process yet, and may still get one', () => {
  const view = viewPod(
    pod({ containerStatuses: [container({ state: { waiting: { reason: 'ContainerCreating' } } })] }),
  );
  assert.equal(isStarting(view, 'abc'), true);
  assert.equal(isStarting(view, 'another'), false);
  for (const more of [{ running: true }, { terminating: true }, { ended: true }])
    assert.equal(isStarting({ ...view, ...more }, 'abc'), false);
});

test('a container that restarted is another process', () => {
  const before = viewPod(pod({ containerStatuses: [container({})] }));
  const after = viewPod(pod({ containerStatuses: [container({ containerID: 'containerd://2' })] }));
  assert.notEqual(after.process, before.process);
});

test('what the cache keeps of a pod says all that is asked of it, and nothing else', () => {
  const full = {
    ...pod(
      {
        phase: 'Running',
        podIP: '10.0.0.7',
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: 'True', lastTransitionTime: 'x' } as { type: string; status: string },
        ],
        containerStatuses: [{ name: 'sidecar' }, container({ restartCount: 1, state: { running: {} } })],
      },
      {
        resourceVersion: '9',
        deletionTimestamp: '2026-01-01T00:00:00Z',
        annotations: { 'poolkeeper.dev/entry': 'x', secret: 'planted' },
      },
    ),
    spec: { containers: [{ name: 'pgbouncer', env: [{ name: 'A', value: 'planted' }] }] },
  };
  const kept = stripPod(full);
  assert.deepEqual(viewPod(kept), viewPod(full));
  assert.deepEqual(stripPod(kept), kept);
  const text = JSON.stringify(kept);
  for (const gone of ['planted', 'sidecar', 'PodScheduled', 'spec', 'lastTransitionTime'])
    assert.ok(!text.includes(gone), gone);
  assert.equal(kept.metadata.resourceVersion, '9');
});

test('a pod without a status is kept without one', () => {
  assert.deepEqual(stripPod(pod()), pod());
});

const view = (name: string, fields: Partial<PodView> = {}): PodView => ({
  ...viewPod(pod({ podIP: '10.0.0.7', containerStatuses: [container({ state: { running: {} } })] }, { name })),
  ...fields,
});

test('a change is for the pods that run, of this template, and stay', () => {
  const pods = [
    view('a'),
    view('b', { template: 'other' }),
    view('c', { running: false }),
    view('d', { terminating: true }),
  ];
  assert.deepEqual(
    livePods(pods, 'abc').map(({ name }) => name),
    ['a'],
  );
});

test('a pod is handed a revision when its entry is neither at rest nor unknown', () => {
  const pods = [
    view('rest', { entry: '%include /etc/pgbouncer/proved.ini' }),
    view('change', { entry: '%include /etc/pgbouncer/deadbeef.ini' }),
    view('unknown'),
    view('leaving', { entry: '%include /etc/pgbouncer/deadbeef.ini', terminating: true }),
  ];
  assert.deepEqual(
    handedOut(pods).map(({ name }) => name),
    ['change'],
  );
});

test('a pod that refuses to start is told from one that is on its way, and from one whose image is missing', () => {
  const refuses = (waiting: string | undefined, running = false) => refusesToStart(view('a', { running, waiting }));
  for (const waiting of ['CrashLoopBackOff', 'RunContainerError', 'CreateContainerConfigError'])
    assert.ok(refuses(waiting));
  for (const waiting of [undefined, 'ContainerCreating', 'ImagePullBackOff', 'PodInitializing'])
    assert.ok(!refuses(waiting));
  assert.ok(!refuses('CrashLoopBackOff', true));
});
