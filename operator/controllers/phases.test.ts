import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPhases } from './phases.ts';

const INTERVAL = 15_000;
const TICK = 250;
/** So that a thousand fit into the interval. */
const APART = 15;
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `shop/pooler-${index}`);

/** How many were due at each tick. */
function run(phases: ReturnType<typeof createPhases>, keys: readonly string[], from: number, until: number) {
  const ticks: (readonly string[])[] = [];
  for (let now = from; now < until; now += TICK) ticks.push(phases.due(keys, now));
  return ticks;
}

describe('phases', () => {
  it('look at each once an interval, never twice within half of one', () => {
    const phases = createPhases(INTERVAL, APART);
    const seen = new Map<string, number[]>();
    for (let now = 0; now < 10 * INTERVAL; now += TICK) {
      for (const key of phases.due(names(50), now)) seen.set(key, [...(seen.get(key) ?? []), now]);
    }
    for (const [key, times] of seen) {
      assert.ok(times.length >= 9 && times.length <= 11, `${key}: ${times.length} looks in 10 intervals`);
      times.slice(1).forEach((time, index) => {
        const gap = time - (times[index] ?? 0);
        assert.ok(gap >= INTERVAL / 2 && gap <= 1.5 * INTERVAL + TICK, `${key}: ${gap} ms apart`);
      });
    }
    assert.equal(seen.size, 50);
  });

  it('spread a thousand over the interval, from the start on', () => {
    const phases = createPhases(INTERVAL, APART);
    const ticks = run(phases, names(1000), 0, 4 * INTERVAL);
    const most = Math.max(...ticks.map((due) => due.length));
    // Evenly it would be 17 at each tick.
    assert.ok(most < 70, `${most} at one tick`);
  });

  it('look at a new one at once, and at a few at once when all are new', () => {
    const phases = createPhases(INTERVAL, APART);
    assert.equal(run(phases, names(3), 0, 2 * TICK).flat().length, 3);
    assert.deepEqual(phases.due([...names(3), 'shop/new'], 3 * TICK), ['shop/new']);
  });

  it('take longer than the interval for more than fit into it', () => {
    const phases = createPhases(INTERVAL, APART);
    const many = names(4000);
    run(phases, many, 0, 8 * INTERVAL);
    const looks = run(phases, many, 8 * INTERVAL, 12 * INTERVAL).flat().length;
    assert.ok(looks > 3500 && looks < 4500, `${looks} looks at 4000 in four intervals`);
  });

  it('look again soon at one that could not be looked at', () => {
    const phases = createPhases(INTERVAL, APART);
    run(phases, names(1), 0, 2 * TICK);
    phases.forget('shop/pooler-0');
    assert.deepEqual(phases.due(names(1), 3 * TICK), ['shop/pooler-0']);
  });

  it('leave out one that somebody else has looked at, for an interval', () => {
    const phases = createPhases(INTERVAL, APART);
    run(phases, names(1), 0, 2 * TICK);
    phases.seen('shop/pooler-1', 3 * TICK);
    assert.deepEqual(phases.due(names(2), 3 * TICK), []);
    const looks = run(phases, names(2), 4 * TICK, 4 * TICK + 2 * INTERVAL).flat();
    assert.ok(looks.includes('shop/pooler-1'), String(looks));
  });

  it('forget those that are gone: made again, they are new', () => {
    const phases = createPhases(INTERVAL, APART);
    run(phases, names(2), 0, 2 * TICK);
    phases.due(names(1), 2 * TICK);
    assert.deepEqual(phases.due(names(2), 3 * TICK), ['shop/pooler-1']);
  });
});
