import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../runtime/clock.ts';
import { createQueue } from '../runtime/queue.ts';
import { runWorkers } from '../runtime/workers.ts';
import { keyOf } from './objects.ts';
import { following, write } from './testing/config-maps.ts';
import { equalsFreshList } from './testing/fresh-list.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

let api: RealApi;
before(async () => {
  api = await startRealApi();
});
after(() => api.stop());

const KEYS = 12;
const STEPS = 15;

/**
 * A reconcile that counts: it reads its object's number from the cache, and writes the next one. Were it ever to read
 * what was before its own last write, it would write a number twice.
 */
async function count(observing: boolean): Promise<readonly string[]> {
  const namespace = await api.namespace();
  const names = Array.from({ length: KEYS }, (_, index) => `counter-${index}`);
  for (const name of names) await write(api.client, namespace, name, { number: '0' });
  const released = Promise.withResolvers<void>();
  await using spoiled = await api.spoiled();
  // The watch brings nothing while the counting goes on: the cache is as old as it can be.
  spoiled.proxy.spoil(({ query }) =>
    query.get('watch') === 'true' ? { kind: 'hold', until: released.promise } : undefined,
  );
  const written: string[] = [];
  const working = new Set<string>();
  const twice: string[] = [];
  await following(spoiled.client, namespace, async ({ informer }) => {
    const queue = createQueue({ clock: systemClock });
    informer.onChange(({ new: current }) => {
      if (current !== undefined) queue.add(keyOf(current));
    });
    const done = runWorkers({
      queue,
      concurrency: 6,
      log: () => undefined,
      reconcile: async (key) => {
        if (working.has(key)) twice.push(key);
        working.add(key);
        const object = informer.get(key);
        const number = Number(object?.data?.['number']) + 1;
        if (object !== undefined && number <= STEPS) {
          const next = await write(spoiled.client, namespace, object.metadata.name, { number: String(number) });
          written.push(`${key} ${number}`);
          if (observing) informer.observed(next);
          queue.add(key);
        }
        working.delete(key);
        return undefined;
      },
    });
    for (const name of names) queue.add(`${namespace}/${name}`);
    const deadline = performance.now() + 60_000;
    while (written.length < KEYS * STEPS && performance.now() < deadline) await sleep(20);
    released.resolve();
    await equalsFreshList(api.client, informer, namespace);
    queue.shutDown();
    await done;
  });
  assert.deepEqual(twice, [], 'two workers never work one key');
  return written;
}

describe('a reconcile', () => {
  it('sees its own last write, however late the watch brings it', async () => {
    const written = await count(true);
    assert.equal(written.length, KEYS * STEPS);
    assert.equal(new Set(written).size, KEYS * STEPS);
  });

  it('would write the same again and again if the cache did not take own writes in', async () => {
    const written = await count(false);
    assert.ok(new Set(written).size < written.length);
  });
});
