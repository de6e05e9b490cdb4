import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Situation } from '../rules/situation.ts';
import { fleetOf, podOf, poolOf, situationOf } from '../rules/testing/situation.ts';
import { createManualClock, type ManualClock } from '../runtime/manual-clock.ts';
import { createMemoryStore, type Memory } from './memory.ts';
import {
  BEGUN_AFTER_MS,
  createStatusWriter,
  NUMBERS_EVERY_MS,
  PROGRESS_EVERY_MS,
  type StatusWriter,
} from './status-writer.ts';

const starting = (ready: number, present = 3): Situation =>
  situationOf({
    pods: ['a', 'b', 'c'].slice(0, present).map((name, index) => podOf(name, { ready: index < ready })),
    proved: new Map(['a', 'b', 'c'].slice(0, ready).map((name) => [name, 'rev2'])),
  });

describe('status', () => {
  let clock: ManualClock;
  let current: ConnectionPooler;
  let memory: Memory;
  let writes: number;
  let events: string[];
  let writer: StatusWriter;

  beforeEach(() => {
    clock = createManualClock();
    writes = 0;
    events = [];
    current = {
      apiVersion: 'poolkeeper.dev/v1alpha1',
      kind: 'ConnectionPooler',
      metadata: { name: 'app', namespace: 'shop', uid: 'uid', generation: 7 },
      spec: {
        replicas: 3,
        suspend: false,
        profile: 'balanced',
        backends: [{ name: 'primary', host: 'pg', port: 5432 }],
      },
    };
    memory = createMemoryStore().of('shop/app', current);
    const client: KubeClient = {
      request: async (_method, _path, options) => {
        writes += 1;
        const { status = {} } = (options?.body ?? {}) as ConnectionPooler;
        current = { ...current, status };
        return structuredClone(current) as never;
      },
      stream: () => assert.fail('nothing is watched here'),
      close: () => {},
    };
    writer = createStatusWriter({
      client,
      clock,
      events: { record: ({ reason }) => events.push(reason), flush: async () => undefined },
      observed: () => undefined,
      current: () => current,
    });
  });

  const write = (situation: Situation): Promise<number | undefined> => writer.write(current, situation, memory);

  it('is not written when it says the same', async () => {
    await write(situationOf());
    assert.equal(await write(situationOf()), undefined);
    assert.equal(writes, 1);
  });

  it('tells how far a start has come at most every two seconds, and comes again for the rest', async () => {
    await write(starting(0));
    assert.equal(await write(starting(1)), PROGRESS_EVERY_MS);
    await clock.advance(400);
    assert.equal(await write(starting(2)), PROGRESS_EVERY_MS - 400);
    assert.equal(writes, 1);
    await clock.advance(PROGRESS_EVERY_MS - 400);
    assert.equal(await write(starting(2)), undefined);
    assert.equal(writes, 2);
    assert.equal(current.status?.readyReplicas, 2);
  });

  it('tells that the start is over at once', async () => {
    await write(starting(0));
    await write(starting(3));
    assert.equal(writes, 2);
    assert.equal(current.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.ok(events.includes('Ready'));
  });

  it('tells what goes wrong at once, whatever was written before', async () => {
    await write(starting(0));
    await write({ ...starting(0), collisions: [{ object: 'Service app', owner: 'nobody' }] });
    assert.equal(writes, 2);
    assert.equal(current.status?.conditions?.find(({ type }) => type === 'Stalled')?.status, 'True');
  });

  it('tells numbers at most every thirty seconds, and comes again for them', async () => {
    const busy = situationOf({ fleet: fleetOf({ pools: [poolOf({ clientsActive: 500 })] }) });
    await write(situationOf());
    await clock.advance(10_000);
    assert.equal(await write(busy), NUMBERS_EVERY_MS - 10_000);
    assert.equal(writes, 1);
    await clock.advance(20_000);
    assert.equal(await write(busy), undefined);
    assert.equal(writes, 2);
    assert.equal(current.status?.pools?.[0]?.clientsActive, 500);
  });

  it('tells a new generation at once', async () => {
    await write(starting(0));
    await write({ ...starting(0), generation: 8 });
    assert.equal(writes, 2);
    assert.equal(current.status?.observedGeneration, 8);
  });

  it('does not tell that work has begun when it is over a moment later', async () => {
    await write(starting(3));
    const begun = { ...starting(3), generation: 8, wantedReplicas: 4 };
    assert.equal(await write(begun), BEGUN_AFTER_MS);
    await clock.advance(BEGUN_AFTER_MS - 1);
    assert.equal(await write(begun), 1);
    assert.equal(writes, 1);
    assert.equal(await write({ ...starting(3), generation: 8 }), undefined);
    assert.equal(writes, 2);
    assert.equal(current.status?.observedGeneration, 8);
  });

  it('tells that work has begun when it takes longer', async () => {
    await write(starting(3));
    const begun = { ...starting(3), generation: 8, wantedReplicas: 4 };
    await write(begun);
    await clock.advance(BEGUN_AFTER_MS);
    assert.equal(await write(begun), undefined);
    assert.equal(writes, 2);
    assert.equal(current.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
  });

  it('tells at once that a pod is gone, or that what the user changed cannot be', async () => {
    await write(starting(3));
    await write(starting(2, 2));
    assert.equal(writes, 2);
    await write(starting(3));
    await write({ ...starting(3), generation: 8, collisions: [{ object: 'Service app', owner: 'nobody' }] });
    assert.equal(writes, 4);
    // Whoever hangs would be told only when he has hung twice.
    await write({ ...starting(3), generation: 8 });
    const denied = { by: 'unanswered', call: 'write secrets/app', said: 'failed calling webhook "a.b.c"' } as const;
    await write({ ...starting(3), generation: 9, wantedReplicas: 4, denied });
    assert.equal(writes, 6);
  });
});
