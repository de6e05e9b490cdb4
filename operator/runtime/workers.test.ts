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

  it('go on while a reconcile waits for somebody outside, and let nobody else work its key', async () => {
    const outside = Promise.withResolvers<undefined>();
    const begun: string[] = [];
    const { clock, queue, outcomes, ended } = start(async (key, _signal, leave) => {
      begun.push(key);
      if (!key.startsWith('waiting') || begun.includes('other')) return undefined;
      leave();
      return outside.promise;
    });
    for (const key of ['waiting-1', 'waiting-2', 'waiting-3', 'other', 'waiting-1']) queue.add(key);
    await clock.advance(0);
    assert.deepEqual(begun, ['waiting-1', 'waiting-2', 'waiting-3', 'other']);
    queue.add('waiting-1');
    await clock.advance(0);
    assert.equal(begun.length, 4);
    outside.resolve(undefined);
    await clock.advance(0);
    assert.deepEqual(begun.slice(4), ['waiting-1']);
    assert.equal(outcomes.length, 5);
    queue.shutDown();
    await ended;
  });

  it('are not at their end before those are who left them', async () => {
    const outside = Promise.withResolvers<undefined>();
    const { clock, queue, ended } = start((_key, _signal, leave) => {
      leave();
      return outside.promise;
    });
    queue.add('waiting');
    await clock.advance(0);
    queue.shutDown();
    let over = false;
    ended.then(() => {
      over = true;
    });
    await clock.advance(1_000);
    assert.equal(over, false);
    outside.resolve(undefined);
    await ended;
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

  it('tell everything that is under way to end when all of it must, which is no failure of theirs', async () => {
    const losing = new AbortController();
    const begun: string[] = [];
    const reasons: unknown[] = [];
    const { clock, queue, logs, outcomes } = start(
      (key, signal) =>
        new Promise((_resolve, reject) => {
          begun.push(key);
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(signal.reason);
          });
        }),
      { signal: losing.signal },
    );
    queue.add('a');
    queue.add('b');
    await clock.advance(1_000);
    const reason = new Error('somebody else leads');
    losing.abort(reason);
    await clock.advance(0);
    assert.deepEqual(reasons, [reason, reason]);
    assert.deepEqual(logs, []);
    assert.equal(queue.failures('a') + queue.failures('b'), 0);
    assert.deepEqual(
      outcomes.map(({ timedOut }) => timedOut),
      [false, false],
    );
    queue.add('c');
    await clock.advance(1_000);
    assert.deepEqual(begun, ['a', 'b']);
  });

  it('wait no longer than the grace for what does not listen when all must end', async () => {
    const losing = new AbortController();
    const { clock, queue, ended } = start(() => new Promise<undefined>(() => undefined), {
      signal: losing.signal,
      graceMs: 500,
    });
    queue.add('deaf');
    await clock.advance(0);
    queue.shutDown();
    losing.abort(new Error('somebody else leads'));
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await clock.advance(499);
    assert.equal(over, false);
    await clock.advance(1);
    assert.equal(over, true);
  });

  it('let no key that fails or hangs delay another', async () => {
    const workers = 3;
    /** One reconcile takes a second; each key is added every ten. Returns how long after its adding each ended, at worst. */
    const slowest = async (bad: readonly string[]): Promise<number> => {
      const added = new Map<string, number>();
      let worst = 0;
      const { clock, queue } = start(
        async (key, _signal) => {
          if (key === 'fails') throw new Error('no luck');
          if (key === 'hangs') return new Promise<undefined>(() => undefined);
          await clock.sleep(1_000);
          worst = Math.max(worst, clock.monotonic() - (added.get(key) ?? 0));
          return undefined;
        },
        { concurrency: workers, timeoutMs: 1_000_000 },
      );
      for (const key of bad) queue.add(key);
      for (let round = 0; round < 12; round += 1) {
        for (let count = 0; count < workers - 1; count += 1) {
          added.set(`good-${count}`, clock.monotonic());
          queue.add(`good-${count}`);
        }
        await clock.advance(10_000);
      }
      return worst;
    };
    // As many workers as there are good keys are left when one hangs, and a failing key only waits.
    assert.equal(await slowest(['fails', 'hangs']), await slowest([]));
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
