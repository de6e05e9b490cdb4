import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../runtime/manual-clock.ts';
import { createQueue } from '../runtime/queue.ts';
import { runWorkers } from '../runtime/workers.ts';
import { createMetrics } from './metrics.ts';

/** The values of the metrics with these beginnings, without labels. */
async function read(metrics: ReturnType<typeof createMetrics>, ...names: readonly string[]): Promise<object> {
  const text = await metrics.registry.metrics();
  return Object.fromEntries(
    names.map((name) => [name, Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1])]),
  );
}

describe('metrics of the work', () => {
  it('tell what is under way, since when, what was tried again, and what took too long', async () => {
    const metrics = createMetrics('0.0.0');
    const clock = createManualClock();
    const queue = createQueue({ clock, metrics: metrics.queue });
    metrics.exposeWork({ maxConcurrent: 4, inProgressSeconds: () => queue.inProgressSeconds() });
    const all = () =>
      read(
        metrics,
        'controller_runtime_max_concurrent_reconciles',
        'controller_runtime_active_workers',
        'controller_runtime_reconcile_timeouts_total',
        'workqueue_unfinished_work_seconds',
        'workqueue_longest_running_processor_seconds',
        'workqueue_work_duration_seconds_count',
        'workqueue_retries_total',
      );
    const names = Object.keys(await all());
    assert.deepEqual(Object.values(await all()), [4, 0, 0, 0, 0, Number.NaN, 0], names.join());

    const hanging = Promise.withResolvers<undefined>();
    void runWorkers({
      queue,
      clock,
      concurrency: 4,
      timeoutMs: 60_000,
      graceMs: 1_000,
      log: () => undefined,
      observe: metrics.reconcile,
      reconcile: async (key) => {
        if (key === 'hangs') return hanging.promise;
        if (key === 'fails' && queue.failures(key) === 0) throw new Error('no luck');
        await clock.sleep(key === 'slow' ? 20_000 : 0);
        return undefined;
      },
    });
    queue.add('hangs');
    await clock.advance(10_000);
    for (const key of ['slow', 'fails', 'quick']) queue.add(key);
    await clock.advance(5_000);
    // hangs 15 s and slow 5 s; quick once and fails twice are done.
    assert.deepEqual(Object.values(await all()), [4, 2, 0, 20, 15, 3, 1], names.join());
    await clock.advance(60_000);
    assert.deepEqual(Object.values(await all()), [4, 1, 0, 75, 75, 4, 1], names.join());
    hanging.resolve(undefined);
    await clock.advance(0);
    assert.deepEqual(Object.values(await all()), [4, 0, 1, 0, 0, 5, 1], names.join());
  });
});
