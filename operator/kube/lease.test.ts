import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock, type ManualClock } from '../runtime/manual-clock.ts';
import { createLeaderElector, type LeaderElector, NotLeading } from './lease.ts';
import { createLeaseApi, type LeaseApi } from './testing/lease-api.ts';

const never = new Promise<never>(() => undefined);

const elect = (api: LeaseApi, clock: ManualClock, identity: string): LeaderElector =>
  createLeaderElector(api.client, {
    namespace: 'system',
    name: 'operator',
    identity,
    enabled: true,
    clock,
    log: () => undefined,
  });

/** A leader, and one that stands by. */
async function leading() {
  const api = createLeaseApi();
  const clock = createManualClock();
  const first = elect(api, clock, 'first');
  assert.equal(await first.waitForLeadership(never), true);
  const second = elect(api, clock, 'second');
  const led = second.waitForLeadership(never);
  await clock.advance(0);
  return { api, clock, first, second, led };
}

/** Moves time until it is so; @returns how long that took, in milliseconds */
async function until(clock: ManualClock, isSo: () => boolean): Promise<number> {
  const from = clock.monotonic();
  while (!isSo()) {
    await clock.advance(50);
    assert.ok(clock.monotonic() - from < 120_000, 'it never becomes so');
  }
  return clock.monotonic() - from;
}

describe('leader election', () => {
  it('lets one lead and renew, with a write in 1.5 s and no read, while the other waits', async () => {
    const { api, clock, first, second } = await leading();
    await clock.advance(60_000);
    assert.deepEqual([first.isLeader(), second.isLeader()], [true, false]);
    assert.deepEqual([first.mayWrite(), second.mayWrite()], [true, false]);
    assert.equal(new Set(api.writes).size, 2);
    assert.ok(api.writes.length >= 38 && api.writes.length <= 41, `${api.writes.length} writes`);
    assert.equal(api.lease()?.spec?.leaseTransitions, 0);
  });

  it('hands over within two seconds when the leader releases', async () => {
    const { api, clock, first, second } = await leading();
    await clock.advance(30_000);
    await first.release();
    assert.equal(first.mayWrite(), false);
    assert.ok((await until(clock, second.isLeader)) <= 2_000);
    assert.equal(api.lease()?.spec?.holderIdentity, 'second');
    assert.equal(api.lease()?.spec?.leaseTransitions, 1);
  });

  it('hands over within 15 s when the leader is gone, and not before its lease has ended', async () => {
    const api = createLeaseApi();
    const clock = createManualClock();
    const gone = elect(createFork(api), clock, 'gone');
    assert.equal(await gone.waitForLeadership(never), true);
    const second = elect(api, clock, 'second');
    void second.waitForLeadership(never);
    const took = await until(clock, second.isLeader);
    assert.ok(took > 10_000 && took <= 15_000, `${took} ms`);
  });

  it('believes its own clock, whatever time is written in the lease', async () => {
    for (const skewMs of [-3_600_000, 3_600_000]) {
      const { api, clock, first } = await leading();
      const skewed = createManualClock();
      skewed.skewWall(skewMs);
      const other = elect(api, skewed, 'other');
      void other.waitForLeadership(never);
      for (let second = 0; second < 60; second += 1) {
        await Promise.all([clock.advance(1_000), skewed.advance(1_000)]);
        assert.equal(other.isLeader(), false);
      }
      assert.equal(first.mayWrite(), true);
    }
  });

  for (const state of ['away', 'silent', 'deaf'] as const) {
    it(`is lost after 7 s when the API server is ${state}, and nobody leads before 10 s`, async () => {
      const { api, clock, first, second } = await leading();
      await clock.advance(20_000);
      // The moment of the last renewal that the leader knows of is at most 1.5 s ago.
      api.be(state);
      let lostAt: number | undefined;
      let ledAt: number | undefined;
      const from = clock.monotonic();
      for (let step = 0; step < 700; step += 1) {
        await clock.advance(50);
        if (first.mayWrite()) assert.equal(second.mayWrite(), false, 'two lead');
        if (first.isLost()) lostAt ??= clock.monotonic() - from;
        if (second.isLeader()) ledAt ??= clock.monotonic() - from;
        if (step === 260) api.be('there');
      }
      // A leader that finds its own renewal, whose answer was lost, goes on; else the other waits out that renewal.
      if (state === 'deaf') assert.equal(first.isLeader() !== second.isLeader(), true);
      else assert.ok(lostAt !== undefined && lostAt <= 9_100, `lost after ${lostAt} ms`);
      if (ledAt !== undefined) assert.ok(ledAt >= 8_500, `led after ${ledAt} ms`);
    });
  }

  it('says why it was lost, and gives its signal', async () => {
    const { api, clock, first } = await leading();
    api.be('away');
    await clock.advance(10_000);
    assert.match(await first.lost(), /not renewed for 7 s/);
    assert.ok(first.signal.reason instanceof NotLeading);
    assert.throws(() => first.assertMayWrite(), NotLeading);
  });

  it('outlives an API server that is away for five seconds', async () => {
    const { api, clock, first, second } = await leading();
    await clock.advance(20_000);
    api.be('away');
    await clock.advance(5_000);
    api.be('there');
    await clock.advance(20_000);
    assert.deepEqual([first.mayWrite(), second.isLeader()], [true, false]);
  });

  it('forbids writing at once after a pause that was longer than the lease, before anybody has told', async () => {
    const { clock, first } = await leading();
    await clock.advance(20_000);
    clock.freeze(60_000);
    assert.equal(first.isLeader(), true);
    assert.equal(first.mayWrite(), false);
    assert.throws(() => first.assertMayWrite(), NotLeading);
  });

  it('counts a lease from before it was asked for, however long the answer took', async () => {
    const api = createLeaseApi();
    const clock = createManualClock();
    const slow: LeaseApi = {
      ...api,
      client: {
        ...api.client,
        request: async (method, path, options) => {
          const answered = await api.client.request<never>(method, path, options);
          if (method !== 'GET') await clock.sleep(2_000);
          return answered;
        },
      },
    };
    const first = elect(slow, clock, 'first');
    void first.waitForLeadership(never);
    await until(clock, first.isLeader);
    clock.freeze(5_100);
    assert.equal(first.mayWrite(), false);
  });

  it('forbids writing when only the wall clock shows that the machine has slept', async () => {
    const { clock, first } = await leading();
    await clock.advance(20_000);
    clock.skewWall(60_000);
    assert.equal(first.mayWrite(), false);
    // Nobody took the lease: the next renewal makes it good again.
    await clock.advance(2_000);
    assert.equal(first.mayWrite(), true);
  });

  it('is lost after a pause in which somebody else took the lease', async () => {
    const api = createLeaseApi();
    const [paused, other] = [createManualClock(), createManualClock()];
    const first = elect(api, paused, 'first');
    await first.waitForLeadership(never);
    const second = elect(api, other, 'second');
    void second.waitForLeadership(never);
    await until(other, second.isLeader);
    // Its clock went on while it stood still.
    paused.freeze(other.monotonic());
    assert.equal(first.mayWrite(), false);
    await paused.advance(2_000);
    assert.equal(first.isLost(), true);
    assert.match(await first.lost(), /second holds the lease/);
    assert.equal(second.mayWrite(), true);
  });

  it('goes on when somebody edits the lease, or deletes it', async () => {
    const { api, clock, first, second } = await leading();
    api.edit((lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { by: 'hand' } } }));
    await clock.advance(10_000);
    api.remove();
    await clock.advance(10_000);
    assert.equal(first.isLeader() !== second.isLeader(), true);
    assert.equal([first, second].filter((elector) => elector.mayWrite()).length, 1);
  });

  it('lets exactly one of many win', async () => {
    const api = createLeaseApi();
    const clock = createManualClock();
    const electors = Array.from({ length: 5 }, (_, index) => elect(api, clock, `candidate-${index}`));
    for (const elector of electors) void elector.waitForLeadership(never);
    for (let step = 0; step < 40; step += 1) {
      await clock.advance(500);
      assert.equal(electors.filter((elector) => elector.isLeader()).length, 1);
    }
  });

  it('ends waiting when it is told to', async () => {
    const { clock, second, led } = await leading();
    void second;
    void led;
    const api = createLeaseApi();
    api.be('away');
    const stop = Promise.withResolvers<void>();
    const waiting = elect(api, clock, 'third').waitForLeadership(stop.promise);
    await clock.advance(5_000);
    stop.resolve();
    await clock.advance(0);
    assert.equal(await waiting, false);
  });

  it('tells when it believes to lead and has not renewed for long', async () => {
    const { clock, first } = await leading();
    assert.equal(first.watchdog(), undefined);
    clock.freeze(31_000);
    assert.match(first.watchdog() ?? '', /not renewed for 31 s/);
  });

  it('always leads, without a lease, when there is to be no election', async () => {
    const api = createLeaseApi();
    const clock = createManualClock();
    const options = { namespace: 'n', name: 'l', identity: 'i', clock, log: () => undefined };
    const only = createLeaderElector(api.client, { ...options, enabled: false });
    assert.equal(await only.waitForLeadership(never), true);
    await clock.advance(600_000);
    only.assertMayWrite();
    assert.equal(only.watchdog(), undefined);
    await only.release();
    assert.equal(only.mayWrite(), false);
    assert.equal(api.lease(), undefined);
  });

  it('is given back even when the last renewal is still on its way', async () => {
    const { api, clock, first } = await leading();
    await clock.advance(10_000);
    api.edit((lease) => ({ ...lease, spec: { ...lease.spec, renewTime: '2026-01-01T00:00:00.000000Z' } }));
    await first.release();
    assert.equal(api.lease()?.spec?.holderIdentity, '');
  });
});

/** The same API for a process that dies right after it was elected: it can write once. */
function createFork(api: LeaseApi): LeaseApi {
  let alive = true;
  return {
    ...api,
    client: {
      ...api.client,
      request: async (method, path, options) => {
        if (!alive) return new Promise(() => undefined);
        if (method !== 'GET') alive = false;
        return api.client.request(method, path, options);
      },
    },
  };
}
