import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionPooler, PoolerStatus } from '../api/types.ts';
import type { Situation } from './situation.ts';
import { buildStatus } from './status.ts';
import { fleetOf, podOf, poolOf, situationOf } from './testing/situation.ts';

const FIRST = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';

const poolerWith = (status?: PoolerStatus): ConnectionPooler => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name: 'app', namespace: 'shop', generation: 7 },
  spec: {
    replicas: 3,
    suspend: false,
    profile: 'balanced',
    backends: [{ name: 'primary', host: 'pg', port: 5432 }],
    databases: [{ name: 'app' }],
  },
  ...(status && { status }),
});

const statusOf = (situation: Situation, before?: PoolerStatus, now = FIRST, renewNumbers = true): PoolerStatus =>
  buildStatus({ pooler: poolerWith(before), situation, now, renewNumbers });

test('status says where to connect, how many pods answer, and how autoscalers find them', () => {
  const pods = [podOf('b', { ready: false }), podOf('a'), podOf('gone', { terminating: true })];
  const status = statusOf(situationOf({ pods }));
  assert.deepEqual(status.endpoint, { host: 'app.shop.svc', port: 6432 });
  assert.equal(status.observedGeneration, 7);
  assert.equal(status.replicas, 2);
  assert.equal(status.readyReplicas, 1);
  assert.equal(status.selector, 'app.kubernetes.io/instance=app,app.kubernetes.io/name=pgbouncer');
  assert.deepEqual(status.pods, [
    { name: 'a', revision: 'rev2', ready: true },
    { name: 'b', revision: 'rev2', ready: false },
  ]);
});

test('the port of the Service is the one to connect to', () => {
  const pooler = poolerWith();
  const spec = { ...pooler.spec, service: { type: 'ClusterIP', port: 5432 } } as const;
  const status = buildStatus({ pooler: { ...pooler, spec }, situation: situationOf(), now: FIRST, renewNumbers: true });
  assert.equal(status.endpoint?.port, 5432);
});

test('a first proved revision is dated, and begins the history', () => {
  const status = statusOf(situationOf());
  assert.deepEqual(status.config, {
    revision: 'rev2',
    desiredRevision: 'rev2',
    provedReplicas: 3,
    lastProvedTime: FIRST,
  });
  assert.deepEqual(status.history, [{ revision: 'rev2', time: FIRST, generation: 7 }]);
});

test('a revision that is proved already keeps its date, and does not enter the history again', () => {
  const before = statusOf(situationOf());
  assert.deepEqual(statusOf(situationOf(), before, LATER), before);
});

test('numbers that nobody has looked at since a restart stay what they were', () => {
  const before = statusOf(situationOf());
  const { fleet: _fleet, ...unseen } = situationOf();
  assert.deepEqual(statusOf({ ...unseen, fleet: undefined }, before, LATER), before);
});

test('while a change is on its way the proved revision is the one before', () => {
  const before = statusOf(situationOf());
  const changing = situationOf({ config: { desired: 'rev3' }, proved: new Map([['a', 'rev3']]) });
  const { config, history } = statusOf(changing, before, LATER);
  assert.deepEqual(config, { revision: 'rev2', desiredRevision: 'rev3', provedReplicas: 1, lastProvedTime: FIRST });
  assert.deepEqual(history, before.history);
});

test('a revision that was rolled back is told with its reason, for as long as it is wanted', () => {
  const failed = { revision: 'rev3', template: 'template1', reason: 'unknown parameter' };
  const refused = statusOf(situationOf({ config: { desired: 'rev3', failed } }));
  assert.deepEqual(refused.config?.failed, failed);
  const corrected = statusOf(situationOf({ config: { desired: 'rev4', failed } }), refused, LATER);
  assert.equal(corrected.config?.failed, undefined);
});

test('the history holds the last ten, newest first', () => {
  let status: PoolerStatus | undefined;
  for (let index = 0; index < 13; index += 1) {
    const revision = `rev${index}`;
    const proved = new Map([
      ['a', revision],
      ['b', revision],
      ['c', revision],
    ]);
    status = statusOf(
      situationOf({ generation: index, config: { desired: revision, pointer: revision }, proved }),
      status,
    );
  }
  assert.deepEqual(
    status?.history?.map(({ revision }) => revision),
    ['rev12', 'rev11', 'rev10', 'rev9', 'rev8', 'rev7', 'rev6', 'rev5', 'rev4', 'rev3'],
  );
  assert.equal(status?.history?.[0]?.generation, 12);
});

test('going back to an earlier revision is a new entry', () => {
  let status: PoolerStatus | undefined;
  for (const revision of ['rev1', 'rev2', 'rev1']) {
    const proved = new Map([['a', revision]]);
    status = statusOf(situationOf({ config: { desired: revision, pointer: revision }, proved }), status);
  }
  assert.deepEqual(
    status?.history?.map(({ revision }) => revision),
    ['rev1', 'rev2', 'rev1'],
  );
});

test('at most a hundred pods are listed', () => {
  const pods = Array.from({ length: 130 }, (_, index) => podOf(`p${String(index).padStart(3, '0')}`));
  const status = statusOf(situationOf({ pods }));
  assert.equal(status.pods?.length, 100);
  assert.equal(status.replicas, 130);
});

test('numbers of pools are held back until they may be renewed; conditions and pods never are', () => {
  const busy = situationOf({
    fleet: fleetOf({ clientsWaiting: 9, pools: [poolOf({ clientsWaiting: 9, maxWaitSeconds: 5.4, utilization: 97 })] }),
    budget: [{ backend: 'primary', budget: 40, committed: 37 }],
    pods: [podOf('a', { ready: false })],
  });
  const before = statusOf(situationOf());
  const held = statusOf(busy, before, LATER, false);
  assert.equal(held.clientsWaiting, 0);
  assert.deepEqual(held.pools, before.pools);
  assert.equal(held.budget, undefined);
  assert.equal(held.readyReplicas, 0);
  assert.equal(held.conditions?.find(({ type }) => type === 'PoolSaturated')?.status, 'True');

  const renewed = statusOf(busy, held, LATER, true);
  assert.equal(renewed.clientsWaiting, 9);
  assert.equal(renewed.pools?.[0]?.maxWaitSeconds, 5);
  assert.deepEqual(renewed.budget, [{ backend: 'primary', budget: 40, committed: 37, open: 5 }]);
});

test('the first numbers are written at once', () => {
  assert.equal(statusOf(situationOf(), {}, FIRST, false).clientsWaiting, 0);
});

test("pools of the console's own database are nobody's", () => {
  const pools = [poolOf(), poolOf({ database: 'pgbouncer', user: 'pgbouncer' })];
  const status = statusOf(situationOf({ fleet: fleetOf({ pools }) }));
  assert.deepEqual(
    status.pools?.map(({ database }) => database),
    ['app'],
  );
});

test('pools that the list left out are counted', () => {
  assert.equal(statusOf(situationOf({ fleet: fleetOf({ poolsOmitted: 12 }) })).poolsOmitted, 12);
  assert.equal(statusOf(situationOf()).poolsOmitted, undefined);
});

test('the version is the one that was last seen', () => {
  const before = statusOf(situationOf());
  assert.equal(before.version, '1.26.1');
  assert.equal(statusOf(situationOf({ fleet: undefined }), before, LATER).version, '1.26.1');
});

test('the same situation gives the same status: nothing is written at rest', () => {
  const situation = situationOf({
    budget: [{ backend: 'primary', budget: 40, committed: 37 }],
    config: { restartRequired: ['pkt_buf'] },
  });
  const before = statusOf(situation);
  assert.deepEqual(statusOf(situation, before, LATER), before);
});

test('nothing in it is undefined: absent is absent', () => {
  const walk = (value: unknown): void => {
    assert.notEqual(value, undefined);
    if (typeof value === 'object' && value !== null) for (const child of Object.values(value)) walk(child);
  };
  walk(statusOf(situationOf({ fleet: undefined, pods: [], config: { desired: undefined, pointer: undefined } })));
  walk(statusOf(situationOf()));
});
