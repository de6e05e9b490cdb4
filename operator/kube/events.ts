/**
 * Events in events.k8s.io/v1, best effort: recording never throws and never waits. A repeat within six minutes becomes
 * a series of the first one, written at most once a minute, and one object gets only so many events: a loop cannot flood
 * a namespace.
 */
import type { Clock } from '../runtime/clock.ts';
import { type Log, messageOf } from '../runtime/log.ts';
import type { KubeClient } from './client.ts';
import { isNotFound } from './errors.ts';
import { createEventBudget } from './event-budget.ts';
import { type EventInput, eventName, eventObject, namespaceOf, type Reporter } from './event-object.ts';
import { microTime } from './micro-time.ts';
import type { KubeObject } from './objects.ts';
import { create, mergePatch } from './operations.ts';
import { EVENTS } from './resources.ts';

export interface EventRecorder {
  record(event: EventInput): void;
  /** Waits until what was recorded is written, with the counts of all series, or could not be. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions extends Reporter {
  readonly clock: Clock;
  readonly log: Log;
}

interface Series {
  readonly name: string;
  readonly namespace: string;
  count: number;
  /** Wall clock, milliseconds. */
  last: number;
  written: { readonly count: number; readonly at: number };
}

/** After so long without a repeat the next one is a new event. */
const SERIES_MS = 6 * 60_000;
const SERIES_EVERY_MS = 60_000;
const QUEUE_LIMIT = 1_000;
const SERIES_LIMIT = 4_096;

export function createEventRecorder(client: KubeClient, options: EventRecorderOptions): EventRecorder {
  const { clock, log } = options;
  /** Oldest first. */
  const known = new Map<string, Series>();
  const budget = createEventBudget(clock);
  let tail: Promise<void> = Promise.resolve();
  let queued = 0;
  let isDropping = false;
  let serial = 0;

  const begin = async (key: string, event: EventInput): Promise<void> => {
    const now = clock.now();
    serial += 1;
    const unique = `${now.toString(16)}${serial.toString(16)}`;
    const namespace = namespaceOf(event);
    await create<KubeObject>(client, EVENTS, eventObject(event, options, now, unique), namespace);
    if (known.size >= SERIES_LIMIT) known.delete(known.keys().next().value ?? '');
    const name = eventName(event.regarding.metadata.name, unique);
    known.delete(key);
    known.set(key, { name, namespace, count: 1, last: now, written: { count: 1, at: Number.NEGATIVE_INFINITY } });
  };
  const goOn = async (series: Series): Promise<void> => {
    const { name, namespace, count, last } = series;
    series.written = { count, at: clock.now() };
    const patch = { series: { count, lastObservedTime: microTime(last) } };
    await mergePatch<KubeObject>(client, EVENTS, namespace, name, patch);
  };
  const write = async (event: EventInput): Promise<void> => {
    const { metadata, kind } = event.regarding;
    const about = metadata.uid ?? `${kind}/${metadata.namespace}/${metadata.name}`;
    // The note belongs to it: it cannot be changed later, so another note is another event.
    const key = [about, event.type, event.reason, event.action, event.note].join('\0');
    const series = known.get(key);
    if (series === undefined || clock.now() - series.last > SERIES_MS) {
      if (budget.spend(about)) await begin(key, event);
      else log('an event was left out: its object has had too many', { reason: event.reason, object: metadata.name });
      return;
    }
    series.count += 1;
    series.last = clock.now();
    if (series.last - series.written.at < SERIES_EVERY_MS) return;
    try {
      await goOn(series);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // The API server keeps events for an hour, or as it likes.
      await begin(key, event);
    }
  };

  const enqueue = (task: () => Promise<void>, reason: string): void => {
    queued += 1;
    tail = tail
      .then(task)
      .catch((error: unknown) => log('an event was not written', { reason, error: messageOf(error) }))
      .finally(() => {
        queued -= 1;
      });
  };

  return {
    record: (event) => {
      if (queued < QUEUE_LIMIT) {
        isDropping = false;
        return enqueue(() => write(event), event.reason);
      }
      if (!isDropping) log('events are left out: the API server does not take them fast enough', { waiting: queued });
      isDropping = true;
    },
    flush: async () => {
      await tail;
      for (const series of known.values()) {
        if (series.count > series.written.count) enqueue(() => goOn(series), 'a series');
      }
      await tail;
    },
  };
}
