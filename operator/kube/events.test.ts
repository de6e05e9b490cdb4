import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../runtime/manual-clock.ts';
import type { CallOptions, KubeClient } from './client.ts';
import { ApiError } from './errors.ts';
import { createEventRecorder, type EventRecorder } from './events.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: {
    readonly metadata?: { readonly name: string };
    readonly series?: { readonly count: number };
    readonly note?: string;
  };
}

/** An API that remembers what it was asked, and answers as told. */
const record = (answer: (call: Call) => void | Promise<void> = () => undefined) => {
  const calls: Call[] = [];
  const logs: string[] = [];
  const clock = createManualClock();
  const client: KubeClient = {
    request: async <T>(method: string, path: string, { body }: CallOptions = {}) => {
      const call = { method, path, body: body as Call['body'] };
      calls.push(call);
      await answer(call);
      return {} as T;
    },
    stream: async function* () {},
    close: () => undefined,
  };
  const log = (message: string): void => {
    logs.push(message);
  };
  return { calls, logs, clock, events: createEventRecorder(client, { controller: 'c', instance: 'i', clock, log }) };
};

const regarding = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app', namespace: 'shop', uid: 'u' } };
const say = (events: EventRecorder, note: string, name = 'app'): void =>
  events.record({
    regarding: { ...regarding, metadata: { ...regarding.metadata, name, uid: name } },
    type: 'Normal',
    reason: 'Said',
    action: 'Say',
    note,
  });

describe('the event recorder', () => {
  it('writes an event, and makes a series of its repeats', async () => {
    const { calls, clock, events } = record();
    say(events, 'hello');
    await clock.advance(1_000);
    say(events, 'hello');
    await events.flush();
    assert.deepEqual(
      calls.map(({ method }) => method),
      ['POST', 'PATCH'],
    );
    assert.deepEqual(calls[1]?.body, { series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } });
    assert.equal(calls[1]?.path, `${calls[0]?.path}/${calls[0]?.body.metadata?.name}`);
  });

  it('writes a series at most once a minute while it goes on, and its true count at the end', async () => {
    const { calls, clock, events } = record();
    for (let second = 0; second < 100; second += 1) {
      say(events, 'again');
      await clock.advance(1_000);
    }
    assert.deepEqual(
      calls.map(({ method }) => method),
      ['POST', 'PATCH', 'PATCH'],
    );
    await events.flush();
    assert.equal(calls.at(-1)?.body.series?.count, 100);
    await events.flush();
    assert.equal(calls.length, 4);
  });

  it('begins anew when a repeat comes late, or the series is gone', async () => {
    const { calls, clock, events } = record(({ method }) => {
      if (method === 'PATCH') throw new ApiError(404, 'NotFound', 'gone');
    });
    say(events, 'hello');
    await clock.advance(7 * 60_000);
    say(events, 'hello');
    await events.flush();
    assert.deepEqual(
      calls.map(({ method }) => method),
      ['POST', 'POST'],
    );
    say(events, 'hello');
    await events.flush();
    assert.deepEqual(
      calls.map(({ method }) => method),
      ['POST', 'POST', 'PATCH', 'POST'],
    );
  });

  it('tells different notes and objects apart', async () => {
    const { calls, events } = record();
    say(events, 'one');
    say(events, 'two');
    say(events, 'one', 'other');
    await events.flush();
    assert.deepEqual(
      calls.map(({ method }) => method),
      ['POST', 'POST', 'POST'],
    );
    const names = calls.map(({ body }) => body.metadata?.name);
    assert.equal(new Set(names).size, 3);
  });

  it('does not let one object flood its namespace, nor silence the others', async () => {
    const { calls, clock, events, logs } = record();
    for (let count = 0; count < 100; count += 1) say(events, `note ${count}`);
    say(events, 'hello', 'other');
    await events.flush();
    assert.equal(calls.length, 26);
    assert.equal(logs.length, 75);
    await clock.advance(5 * 60_000);
    for (let count = 100; count < 110; count += 1) say(events, `note ${count}`);
    await events.flush();
    assert.equal(calls.length, 27);
  });

  it('never throws, and goes on after an event that was refused', async () => {
    const { calls, events, logs } = record(({ body }) => {
      if (body.note === 'refused') throw new ApiError(403, 'Forbidden', 'no');
    });
    say(events, 'refused');
    say(events, 'fine');
    await events.flush();
    assert.equal(calls.length, 2);
    assert.equal(logs.length, 1);
  });

  it('leaves events out rather than to keep ever more of them', async () => {
    const { calls, events, logs } = record(() => new Promise(() => undefined));
    for (let count = 0; count < 5_000; count += 1) say(events, 'x', `object-${count}`);
    await Promise.resolve();
    assert.equal(calls.length, 1);
    assert.deepEqual(logs, ['events are left out: the API server does not take them fast enough']);
  });
});
