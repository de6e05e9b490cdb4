import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import { createEventRecorder } from './events.ts';
import type { KubeObject } from './objects.ts';
import { create, list } from './operations.ts';
import { EVENTS, SECRETS } from './resources.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

interface Event extends KubeObject {
  readonly note: string;
  readonly reason: string;
  readonly series?: { readonly count: number };
}

let api: RealApi;
before(async () => {
  api = await startRealApi();
});
after(() => api.stop());

describe('events on a real API server', () => {
  it('are accepted however long their words are, and repeats become a series', async () => {
    const namespace = await api.namespace();
    const metadata = { name: `${'a'.repeat(200)}.${'b'.repeat(52)}`, namespace };
    const regarding = await create<KubeObject>(
      api.client,
      SECRETS,
      { apiVersion: 'v1', kind: 'Secret', metadata },
      namespace,
    );
    const logs: unknown[] = [];
    const events = createEventRecorder(api.client, {
      controller: 'poolkeeper.dev/operator',
      instance: 'i'.repeat(300),
      clock: systemClock,
      log: (...line) => logs.push(line),
    });
    for (let count = 0; count < 3; count += 1)
      events.record({ regarding, type: 'Warning', reason: 'Repeated', action: 'Repeat', note: 'ä'.repeat(2_000) });
    events.record({ regarding, type: 'Normal', reason: 'R'.repeat(200), action: 'A'.repeat(200), note: 'once' });
    await events.flush();
    assert.deepEqual(logs, []);
    const { items } = await list<Event>(api.client, EVENTS, namespace, {
      fieldSelector: `regarding.name=${metadata.name}`,
    });
    assert.deepEqual(items.map(({ note, series }) => [Buffer.byteLength(note), series?.count]).sort(), [
      [1_023, 3],
      [4, undefined],
    ]);
  });
});
