import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { createManualClock } from './manual-clock.ts';
import { createQueue, type QueueMetrics } from './queue.ts';

const newQueue = (metrics?: QueueMetrics) => {
  const clock = createManualClock();
  return { clock, queue: createQueue({ clock, ...(metrics ? { metrics } : {}) }) };
};

describe('the work queue', () => {
  it('hands out a key once, however often it was added', async () => {
    const { queue } = newQueue();
    for (let count = 0; count < 5; count += 1) queue.add('a');
    assert.equal(queue.length, 1);
    assert.equal(await queue.get(), 'a');
    assert.equal(queue.length, 0);
  });

  it('hands out keys in the order they came', async () => {
    const { queue } = newQueue();
    for (const key of ['a', 'b', 'a', 'c']) queue.add(key);
    assert.deepEqual([await queue.get(), await queue.get(), await queue.get()], ['a', 'b', 'c']);
  });

  it('gives a key that was added while it was worked to a worker again, and only after that', async () => {
    const { queue } = newQueue();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    assert.equal(queue.length, 0);
    queue.done('a');
    assert.equal(queue.length, 1);
    assert.equal(await queue.get(), 'a');
    queue.done('a');
    assert.equal(queue.length, 0);
  });

  it('serves what is urgent first, also when it waited as not urgent before', async () => {
    const { queue } = newQueue();
    queue.add('resync-1', { priority: 'low' });
    queue.add('resync-2', { priority: 'low' });
    queue.add('changed');
    queue.add('resync-2');
    assert.deepEqual([await queue.get(), await queue.get(), await queue.get()], ['changed', 'resync-2', 'resync-1']);
    assert.equal(queue.length, 0);
    queue.add('last');
    assert.equal(await queue.get(), 'last');
  });

  it('remembers that a key which is being worked was changed urgently', async () => {
    const { queue } = newQueue();
    queue.add('a');
    await queue.get();
    queue.add('a', { priority: 'high' });
    queue.add('a', { priority: 'low' });
    queue.add('b', { priority: 'low' });
    queue.done('a');
    assert.equal(await queue.get(), 'a');
  });

  it('does not starve what is not urgent under a flood of what is', async () => {
    const { queue } = newQueue();
    queue.add('resync', { priority: 'low' });
    for (let count = 0; count < 100; count += 1) queue.add(`changed-${count}`);
    const first: (string | undefined)[] = [];
    for (let count = 0; count < 5; count += 1) first.push(await queue.get());
    assert.deepEqual(first, ['changed-0', 'changed-1', 'changed-2', 'resync', 'changed-3']);
  });

  it('lets what is urgent wait for one other at most', async () => {
    const { queue } = newQueue();
    for (let count = 0; count < 100; count += 1) queue.add(`resync-${count}`, { priority: 'low' });
    for (const key of ['a', 'b', 'c']) {
      queue.add(key);
      assert.equal(await queue.get(), key);
    }
    queue.add('changed');
    assert.deepEqual([await queue.get(), await queue.get()], ['resync-0', 'changed']);
  });

  it('wakes one waiting worker for each key', async () => {
    const { queue } = newQueue();
    const got = [queue.get(), queue.get()];
    queue.add('a');
    queue.add('b');
    assert.deepEqual(await Promise.all(got), ['a', 'b']);
  });

  it('lets a worker leave whose signal is given, without a key', async () => {
    const { queue } = newQueue();
    const ending = new AbortController();
    const left = queue.get(ending.signal);
    ending.abort();
    assert.equal(await left, undefined);
    queue.add('a');
    assert.equal(await queue.get(AbortSignal.abort()), undefined);
    assert.equal(await queue.get(), 'a');
  });

  it('doubles the pause with each failure of a key, up to its limit, and starts anew when it succeeded', async () => {
    const clock = createManualClock();
    const queue = createQueue({ clock, firstPauseMs: 100, longestPauseMs: 1_000 });
    const pauses: number[] = [];
    for (let failure = 1; failure <= 8; failure += 1) {
      const from = clock.monotonic();
      queue.addRateLimited('a');
      const came = queue.get().then(() => clock.monotonic() - from);
      await clock.advance(1_000);
      pauses.push(await came);
      queue.done('a');
    }
    for (const [index, pause] of pauses.entries()) {
      const middle = Math.min(1_000 / 1.25, 100 * 2 ** index);
      assert.ok(pause >= middle * 0.75 && pause <= middle * 1.25, `failure ${index + 1}: ${pause} ms`);
    }
    assert.equal(queue.failures('a'), 8);
    queue.forget('a');
    assert.equal(queue.failures('a'), 0);
    queue.addRateLimited('a');
    await clock.advance(126);
    assert.equal(await queue.get(), 'a');
  });

  it('gives nobody anything after it was shut down, and wakes those who wait', async () => {
    const { clock, queue } = newQueue();
    const waiting = queue.get();
    queue.shutDown();
    assert.equal(await waiting, undefined);
    queue.add('a');
    queue.addAfter('a', 1);
    queue.addRateLimited('a');
    await clock.advance(10_000);
    assert.equal(queue.length + queue.delayed, 0);
    assert.equal(await queue.get(), undefined);
  });

  it('drops what waits when it is shut down, and keeps what is worked', async () => {
    const { queue } = newQueue();
    queue.add('worked');
    queue.add('waiting');
    assert.equal(await queue.get(), 'worked');
    queue.add('worked');
    queue.shutDown();
    assert.equal(queue.inProgressSeconds().length, 1);
    queue.done('worked');
    assert.equal(queue.length, 0);
    assert.equal(await queue.get(), undefined);
  });

  it('tells how long keys waited, from when they were first added, and how long they were worked', async () => {
    const told: Record<'waited' | 'worked' | 'depth', number[]> = { waited: [], worked: [], depth: [] };
    const counted = { added: 0, retried: 0 };
    const { clock, queue } = newQueue({
      depth: (length) => told.depth.push(length),
      waited: (seconds) => told.waited.push(seconds),
      worked: (seconds) => told.worked.push(seconds),
      added: () => {
        counted.added += 1;
      },
      retried: () => {
        counted.retried += 1;
      },
    });
    queue.add('a', { priority: 'low' });
    await clock.advance(2_000);
    queue.add('a');
    await clock.advance(1_000);
    await queue.get();
    await clock.advance(4_000);
    assert.deepEqual(queue.inProgressSeconds(), [4]);
    queue.addRateLimited('a');
    queue.done('a');
    assert.deepEqual(told.waited, [3]);
    assert.deepEqual(told.worked, [4]);
    assert.equal(told.depth.at(-1), 0);
    assert.equal(counted.retried, 1);
    await clock.advance(1_000);
    // Added while it is worked, a key waits from then on, too.
    await queue.get();
    queue.add('a', { priority: 'low' });
    await clock.advance(2_000);
    queue.add('a');
    await clock.advance(3_000);
    queue.done('a');
    await queue.get();
    assert.equal(told.waited.at(-1), 5);
  });

  it('never has two workers at one key, and loses no key, whatever happens in whatever order', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), key, low: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('addAfter' as const), key, ms: fc.nat(50) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('addRateLimited' as const), key }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('get' as const), evenIfEmpty: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('done' as const), index: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, queue } = newQueue();
        const working: string[] = [];
        /** Keys that were added since somebody last began to work them. */
        const owed = new Set<string>();
        /** Keys that may come once more, by the time they were given. */
        const timed = new Set<string>();
        const faults: string[] = [];
        const begin = async (): Promise<void> => {
          void queue.get(AbortSignal.timeout(60_000)).then((got) => {
            if (got === undefined) return;
            if (working.includes(got)) faults.push(`${got} is worked twice`);
            if (!owed.has(got) && !timed.has(got)) faults.push(`${got} came, and nobody had added it`);
            working.push(got);
            owed.delete(got);
          });
        };
        for (const action of steps) {
          switch (action.do) {
            case 'add':
              owed.add(action.key);
              queue.add(action.key, { priority: action.low ? 'low' : 'high' });
              break;
            case 'addAfter':
              owed.add(action.key);
              timed.add(action.key);
              queue.addAfter(action.key, action.ms);
              break;
            case 'addRateLimited':
              owed.add(action.key);
              timed.add(action.key);
              queue.addRateLimited(action.key);
              break;
            case 'get':
              if (queue.length > 0 || action.evenIfEmpty) await begin();
              break;
            case 'done': {
              const [ended] = working.splice(action.index % Math.max(working.length, 1), 1);
              if (ended !== undefined) queue.done(ended);
              break;
            }
            case 'wait':
              await clock.advance(action.ms);
          }
          await clock.advance(0);
        }
        // Whatever is owed comes, once there are workers and time.
        await clock.advance(600_000);
        for (let rest = 0; rest < 10; rest += 1) {
          for (const ended of working.splice(0)) queue.done(ended);
          await begin();
          await clock.advance(0);
        }
        assert.deepEqual([...owed], []);
        assert.deepEqual(faults, []);
      }),
      { numRuns: 150 },
    );
  });
});
