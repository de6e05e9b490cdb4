import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_TIMER_MS, systemClock } from './clock.ts';
import { createManualClock } from './manual-clock.ts';

describe('the system clock', () => {
  it('does not wake at once from a sleep that is longer than a timer can be', async () => {
    const ending = new AbortController();
    let awake = false;
    const slept = systemClock.sleep(MAX_TIMER_MS + 1, ending.signal).then(() => {
      awake = true;
    });
    await systemClock.sleep(20);
    assert.equal(awake, false);
    ending.abort();
    await slept;
    assert.equal(awake, true);
  });

  it('does not sleep at all when the signal was given before', async () => {
    await systemClock.sleep(60_000, AbortSignal.abort());
  });
});

describe('a manual clock', () => {
  it('wakes sleepers in the order of their times, and those they start on the way', async () => {
    const clock = createManualClock();
    const woken: string[] = [];
    const sleeper = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name} at ${clock.monotonic()}`);
    };
    const all = [
      sleeper('late', 30),
      sleeper('early', 10).then(() => sleeper('early again', 10)),
      sleeper('beyond', 100),
    ];
    await clock.advance(50);
    assert.deepEqual(woken, ['early at 10', 'early again at 20', 'late at 30']);
    assert.equal(clock.monotonic(), 50);
    await clock.advance(50);
    await Promise.all(all);
    assert.equal(woken.at(-1), 'beyond at 100');
  });

  it('lets wall and monotonic time differ, and time pass while everybody sleeps', async () => {
    const clock = createManualClock(0);
    clock.skewWall(1_000);
    clock.freeze(5);
    assert.deepEqual([clock.now(), clock.monotonic()], [1_005, 5]);
  });
});
