/** Works a queue with N workers. Whatever a reconcile throws is contained, counted and tried again with a growing pause. */
import type { Queue } from './queue.ts';

export interface WorkersOptions {
  readonly queue: Queue;
  readonly concurrency: number;
  readonly reconcile: (key: string) => Promise<{ readonly requeueAfterMs?: number }>;
  readonly log: (message: string, details: object) => void;
  readonly observe?: (outcome: {
    readonly result: 'success' | 'error' | 'requeue_after';
    readonly seconds: number;
  }) => void;
}

/** Resolves when the queue was shut down and everything that had begun is finished. */
export async function runWorkers(options: WorkersOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.concurrency }, () => work(options)));
}

async function work({ queue, reconcile, log, observe }: WorkersOptions): Promise<void> {
  for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      const { requeueAfterMs } = await reconcile(key);
      queue.forget(key);
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
      observe?.({ result: requeueAfterMs === undefined ? 'success' : 'requeue_after', seconds: seconds() });
    } catch (error) {
      log('a reconcile failed and is tried again', {
        key,
        error: error instanceof Error ? error.message : String(error),
      });
      queue.addRateLimited(key);
      observe?.({ result: 'error', seconds: seconds() });
    } finally {
      queue.done(key);
    }
  }
}
