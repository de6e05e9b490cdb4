import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from './manual-clock.ts';
import { createQueue } from './queue.ts';
import { type Outcome, ReconcileTimeout, runWorkers, type WorkersOptions } from './workers.ts';

const start = (reconcile: WorkersOptions['reconcile'], options: Partial<WorkersOptions> = {}) => {
  const clock = createManualClock();
  const queue = createQueue({ clock });
  const logs: { message: string; details: Readonly<Record<string, unknown>> }[] = [];
  const outcomes: Outcome[] = [];
  const ended = runWorkers({
    queue,
    clock,
    concurrency: 2,
    reconcile,
    log: (message, details) => logs.push({ message, details }),
    observe: (outcome) => outcomes.push(outcome),
    ...options,
  });
  return { clock, queue, logs, outcomes, ended };
};

describe('workers', () => {
  it('reconcile keys, side by side up to their number', async () => {
    const release = Promise.withResolvers<void>();
    const begun: string[] = [];
    const { clock, queue } = start(async (key) => {
      begun.push(key);
      await release.promise;
      return {};
    });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await clock.advance(0);
    assert.deepEqual(begun, ['a', 'b']);
    release.resolve();
    await clock.advance(0);
    assert.deepEqual(begun, ['a', 'b', 'c']);
  });

  it('come back to a key when its reconcile asked for it', async () => {
    const at: number[] = [];
    const { clock, queue, outcomes } = start(async () => {
      at.push(clock.monotonic());
      return at.length === 1 ? { requeueAfterMs: 15_000 } : {};
    });
    queue.add('a');
    await clock.advance(60_000);
    assert.deepEqual(at, [0, 15_000]);
    assert.deepEqual(
      outcomes.map(({ result }) => result),
      ['requeue_after', 'success'],
    );
  });

  for (const [what, fail] of [
    ['rejects', () => Promise.reject(new Error('no luck'))],
    [
      'throws before it promises anything',
      () => {
        throw new Error('no luck');
      },
    ],
    ['throws something that is no error', () => Promise.reject('no luck')],
  ] as const) {
    it(`try a key again whose reconcile ${what}, and go on with others`, async () => {
      let attempts = 0;
      const others: string[] = [];
      const { clock, queue, logs, outcomes } = start((key) => {
        if (key === 'other') others.push(key);
        else if (attempts++ < 3) return fail();
        return Promise.resolve(undefined);
      });
      queue.add('failing');
      queue.add('other');
      await clock.advance(1_000);
      assert.equal(attempts, 4);
      assert.deepEqual(others, ['other']);
      assert.equal(queue.failures('failing'), 0);
      assert.deepEqual(
        logs.map(({ details }) => [details['error'], details['failures']]),
        [
          ['no luck', 1],
          ['no luck', 2],
          ['no luck', 3],
        ],
      );
      assert.equal(outcomes.filter(({ result }) => result === 'error').length, 3);
    });
  }

  it('tell a reconcile that takes too long to end, and try its key again', async () => {
    const reasons: unknown[] = [];
    const { clock, queue, outcomes } = start(
      (_key, signal) =>
        new Promise((resolve, reject) => {
          if (reasons.length > 0) resolve({});
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(signal.reason);
          });
        }),
      { timeoutMs: 1_000 },
    );
    queue.add('slow');
    await clock.advance(999);
    assert.equal(reasons.length, 0);
    await clock.advance(100);
    assert.ok(reasons[0] instanceof ReconcileTimeout);
    assert.deepEqual(
      outcomes.map(({ result, timedOut }) => [result, timedOut]),
      [
        ['error', true],
        ['success', false],
      ],
    );
  });

  it('go on without a reconcile that hangs, and let nobody else work its key', async () => {
    const hanging = Promise.withResolvers<undefined>();
    const begun: string[] = [];
    const { clock, queue, logs } = start(
      async (key) => {
        begun.push(key);
        return key === 'hangs' ? hanging.promise : undefined;
      },
      { concurrency: 1, timeoutMs: 1_000, graceMs: 100 },
    );
    queue.add('hangs');
    queue.add('waits');
    await clock.advance(1_099);
    assert.deepEqual(begun, ['hangs']);
    queue.add('hangs');
    await clock.advance(10);
    assert.deepEqual(begun, ['hangs', 'waits']);
    assert.equal(logs.length, 1);
    hanging.resolve(undefined);
    await clock.advance(10);
    assert.deepEqual(begun, ['hangs', 'waits', 'hangs']);
  });

  it('finish what they began when the queue is shut down, and begin nothing', async () => {
    const release = Promise.withResolvers<undefined>();
    const finished: string[] = [];
    const { clock, queue, ended } = start(async (key) => {
      await release.promise;
      finished.push(key);
      return undefined;
    });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await clock.advance(0);
    queue.shutDown();
    let over = false;
    const stopped = ended.then(() => {
      over = true;
    });
    await clock.advance(100);
    assert.equal(over, false);
    release.resolve(undefined);
    await stopped;
    assert.deepEqual(finished, ['a', 'b']);
  });
});
