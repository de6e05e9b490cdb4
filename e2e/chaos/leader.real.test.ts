import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Arena, type Contest, type ContestOptions, openArena } from './candidates.ts';
import { crash, delay, endInGoodOrder, type Handover, lag, leaderOf, loseTheApi, stall } from './leadership.ts';

/** Shorter than by default, so that less time passes: most of this is waiting for leases to end. */
const LEASE_MS = 7_000;
/** Seven contests share two processors with all else. */
const STIR_EVERY_MS = 250;
const HOUR_MS = 3_600_000;
/** Beyond what the protocol takes, for a machine that does other things too. */
const SLACK_MS = 20_000;

let arena: Arena;
/** For whoever takes its API server away. */
let ownArena: Arena;
before(async () => {
  [arena, ownArena] = await Promise.all([
    openArena(['ending', 'killed', 'stalled', 'delayed', 'skewed', 'lagging']),
    openArena(['outage']),
  ]);
});
after(() => Promise.all([arena?.stop(), ownArena?.stop()]));

/** One after the other, and the first change of hands is the only one. */
function assertOneAtATime(contest: Contest, { holders, intrusions }: Handover): void {
  assert.deepEqual(intrusions, []);
  const leading = holders.filter((holder) => holder !== '');
  assert.equal(leading.length, 2, leading.join(' '));
  assert.equal(leading[0], leaderOf(contest).identity);
}

/** A contest that ends with the test. */
async function within(
  place: Arena,
  namespace: string,
  options: ContestOptions,
  test: (contest: Contest) => Promise<void>,
): Promise<void> {
  const begun = await place.contest(namespace, { leaseMs: LEASE_MS, stirEveryMs: STIR_EVERY_MS, ...options });
  try {
    await test(begun);
  } finally {
    await begun.stop();
  }
}

describe('operators that share a lease, as the API server saw them,', () => {
  describe('side by side, since they wait most of the time:', { concurrency: true }, () => {
    it('a leader that is told to end gives the lease back, and the next one need not wait for its end', () =>
      within(arena, 'ending', {}, async (contest) => {
        const handover = await endInGoodOrder(contest);
        assertOneAtATime(contest, handover);
        assert.equal(handover.ended, 0);
        assert.deepEqual(handover.holders[1], '', 'given back');
        assert.ok(handover.takeoverMs < LEASE_MS, `${handover.takeoverMs} ms`);
      }));

    it('a leader that is killed is followed when its lease has ended', () =>
      within(arena, 'killed', {}, async (contest) => {
        const handover = await crash(contest);
        assertOneAtATime(contest, handover);
        assert.ok(handover.takeoverMs < LEASE_MS + 5_000 + SLACK_MS, `${handover.takeoverMs} ms`);
      }));

    it('a leader that stood still past its lease writes nothing when it wakes up, says why, and ends with 1', () =>
      within(arena, 'stalled', {}, async (contest) => {
        const handover = await stall(contest);
        assertOneAtATime(contest, handover);
        assert.equal(handover.ended, 1);
        assert.match(handover.reason ?? '', /^operator-stalled-2 holds the lease$/);
      }));

    it('a leader whose writes are still on their way when its lease ends takes them back', async () => {
      const line = await arena.slowLine();
      await within(arena, 'delayed', { line }, async (contest) => {
        const handover = await delay(contest, line);
        assertOneAtATime(contest, handover);
        assert.equal(handover.ended, 1);
      }).finally(() => line.stop());
    });

    it('clocks that are an hour apart change nothing: nobody takes the lease from a living leader', () =>
      within(arena, 'skewed', { size: 3, skewMs: [0, HOUR_MS, -HOUR_MS] }, async (contest) => {
        // Each of the others has looked at it for longer than it lasts.
        await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 2_000));
        assert.deepEqual(await contest.holders(), [leaderOf(contest).identity]);
        const handover = await crash(contest);
        assertOneAtATime(contest, handover);
        // It may have been renewed up to 1.5 s before.
        assert.ok(handover.takeoverMs > LEASE_MS - 2_000, `taken after ${handover.takeoverMs} ms, before its end`);
      }));

    it('a standby that was asleep for longer than the lease does not take it from a living leader', () =>
      within(arena, 'lagging', {}, async (contest) => {
        assert.deepEqual((await lag(contest)).holders, [leaderOf(contest).identity]);
      }));

    it('while the API server is away nobody writes, the leader ends, and another leads when it is back', () =>
      within(ownArena, 'outage', {}, async (contest) => {
        const handover = await loseTheApi(contest, ownArena.controlPlane, 'killed');
        assertOneAtATime(contest, handover);
        assert.equal(handover.ended, 1);
        assert.match(handover.reason ?? '', /not renewed for 4.9 s/);
      }));
  });
});
