import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import type { Clock } from './clock.ts';
import { createDelayedKeys } from './delayed-keys.ts';
import { createManualClock } from './manual-clock.ts';

describe('delayed keys', () => {
  it('come when they are due, each once, at the earliest time it was given', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), ms: fc.integer({ min: 1, max: 500 }) }),
          {
            maxLength: 30,
          },
        ),
        async (adds) => {
          const clock = createManualClock();
          const came: (readonly [key: string, at: number])[] = [];
          const keys = createDelayedKeys(clock, (key) => came.push([key, clock.monotonic()]));
          const earliest = new Map<string, number>();
          for (const { key, ms } of adds) {
            keys.add(key, ms);
            earliest.set(key, Math.min(ms, earliest.get(key) ?? ms));
          }
          assert.equal(keys.size, earliest.size);
          await clock.advance(1_000);
          assert.deepEqual(new Map(came), earliest);
          assert.equal(came.length, earliest.size);
          assert.deepEqual(
            came.map(([, at]) => at),
            came.map(([, at]) => at).sort((a, b) => a - b),
          );
          assert.equal(keys.size, 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('can be added again once they came', async () => {
    const clock = createManualClock();
    const came: string[] = [];
    const keys = createDelayedKeys(clock, (key) => came.push(key));
    keys.add('a', 10);
    await clock.advance(10);
    keys.add('a', 10);
    await clock.advance(10);
    assert.deepEqual(came, ['a', 'a']);
  });

  it('take one place each, however often their time is moved', async () => {
    const clock = createManualClock();
    const keys = createDelayedKeys(clock, () => undefined);
    for (let round = 0; round < 100; round += 1) {
      // In a day for a certificate; then soon, because something was held back.
      keys.add('a', 86_400_000);
      keys.add('a', 1_000);
      await clock.advance(1_000);
    }
    assert.equal(keys.size, 0);
  });

  it('share one timer, however many they are', () => {
    const manual = createManualClock();
    let sleeping = 0;
    const clock: Clock = {
      ...manual,
      sleep: (ms, signal) => {
        sleeping += 1;
        signal?.addEventListener('abort', () => {
          sleeping -= 1;
        });
        return manual.sleep(ms, signal);
      },
    };
    const keys = createDelayedKeys(clock, () => undefined);
    for (let ms = 1_000; ms > 0; ms -= 1) keys.add(`key-${ms}`, ms);
    assert.equal(sleeping, 1);
    assert.equal(keys.size, 1_000);
    keys.clear();
    assert.equal(sleeping, 0);
  });
});
