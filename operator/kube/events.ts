/**
 * Events in events.k8s.io/v1, best effort: recording never throws and never waits. A repeat within six minutes becomes
 * a series of the first one, so that a loop cannot flood a namespace.
 */
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import { microTime } from './micro-time.ts';
import type { KubeObject } from './objects.ts';
import { create, mergePatch } from './operations.ts';
import { EVENTS } from './resources.ts';

export interface EventInput {
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string };
  };
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  readonly action: string;
  /** Cut at 1 kB. */
  readonly note: string;
}

export interface EventRecorder {
  record(event: EventInput): void;
  /** Waits until what was recorded is written, or could not be. */
  flush(): Promise<void>;
}

const SERIES_MS = 6 * 60_000;
const QUEUE_LIMIT = 1_000;
const KNOWN_LIMIT = 4_096;
const NOTE_LIMIT = 1_024;

export function createEventRecorder(
  client: KubeClient,
  options: {
    readonly controller: string;
    readonly instance: string;
    readonly clock: Clock;
    readonly log: (message: string, details: object) => void;
  },
): EventRecorder {
  const { clock } = options;
  const known = new Map<string, { readonly name: string; count: number; last: number }>();
  let tail: Promise<void> = Promise.resolve();
  let queued = 0;
  let serial = 0;

  const write = async (event: EventInput): Promise<void> => {
    const { regarding } = event;
    const namespace = regarding.metadata.namespace ?? 'default';
    const note = event.note.length > NOTE_LIMIT ? `${event.note.slice(0, NOTE_LIMIT - 1)}…` : event.note;
    const key = [regarding.metadata.uid, event.type, event.reason, event.action, note].join('\0');
    const now = clock.now();
    const earlier = known.get(key);
    if (earlier !== undefined && now - earlier.last < SERIES_MS) {
      earlier.count += 1;
      earlier.last = now;
      await mergePatch<KubeObject>(client, EVENTS, namespace, earlier.name, {
        series: { count: earlier.count, lastObservedTime: microTime(now) },
      });
      return;
    }
    serial += 1;
    const name = `${regarding.metadata.name}.${now.toString(16)}${serial.toString(16)}`;
    await create<KubeObject>(
      client,
      EVENTS,
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: microTime(now),
        reportingController: options.controller,
        reportingInstance: options.instance.slice(0, 128),
        type: event.type,
        reason: event.reason,
        action: event.action,
        note,
        regarding: {
          apiVersion: regarding.apiVersion,
          kind: regarding.kind,
          name: regarding.metadata.name,
          namespace,
          uid: regarding.metadata.uid,
        },
      },
      namespace,
    );
    if (known.size >= KNOWN_LIMIT) known.delete(known.keys().next().value ?? '');
    known.set(key, { name, count: 1, last: now });
  };

  return {
    record: (event) => {
      if (queued >= QUEUE_LIMIT) return;
      queued += 1;
      tail = tail
        .then(() => write(event))
        .catch((error: unknown) =>
          options.log('an event was not written', {
            reason: event.reason,
            error: error instanceof Error ? error.message : String(error),
          }),
        )
        .finally(() => {
          queued -= 1;
        });
    },
    flush: () => tail,
  };
}
