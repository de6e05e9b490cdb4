import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drain } from './drain.ts';
import { createManualClock } from './manual-clock.ts';

const begin = () => {
  const clock = createManualClock();
  const work = Promise.withResolvers<void>();
  const told: number[] = [];
  const result: { all?: boolean; at?: number } = {};
  const options = { clock, finishMs: 15_000, endMs: 5_000, tell: () => told.push(clock.monotonic()) };
  drain(work.promise, options).then(
    (all) => Object.assign(result, { all, at: clock.monotonic() }),
    () => undefined,
  );
  return { clock, work, told, result };
};

describe('the end of work', () => {
  it('is at once when all of it is finished, and nobody is told to end', async () => {
    const { clock, work, told, result } = begin();
    await clock.advance(1_000);
    work.resolve();
    await clock.advance(60_000);
    assert.deepEqual([result, told], [{ all: true, at: 1_000 }, []]);
  });

  it('comes soon after what is late was told to end', async () => {
    const { clock, work, told, result } = begin();
    await clock.advance(16_000);
    work.resolve();
    await clock.advance(60_000);
    assert.deepEqual([result, told], [{ all: true, at: 16_000 }, [15_000]]);
  });

  it('does not wait for what does not listen', async () => {
    const { clock, told, result } = begin();
    await clock.advance(60_000);
    assert.deepEqual([result, told], [{ all: false, at: 20_000 }, [15_000]]);
  });
});
