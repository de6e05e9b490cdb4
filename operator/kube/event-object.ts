/** An Event of events.k8s.io/v1 within the limits that the API server checks. */
import { microTime } from './micro-time.ts';
import { apiVersionOf, EVENTS } from './resources.ts';

export interface EventInput {
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string };
  };
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  /** What was done, or is to be done. */
  readonly action: string;
  /** Cut at 1 kB. */
  readonly note: string;
}

export interface Reporter {
  /** `example.com/name` of what reports. */
  readonly controller: string;
  /** Which one of them; the pod's name. */
  readonly instance: string;
}

const WORD_LIMIT = 128;
const NOTE_LIMIT_BYTES = 1_024;
const NAME_LIMIT = 253;

/** Events of cluster-wide objects live in `default`. */
export const namespaceOf = ({ regarding }: EventInput): string => regarding.metadata.namespace ?? 'default';

/** @param unique what no other event of the object has in its name */
export function eventObject(event: EventInput, reporter: Reporter, nowMs: number, unique: string): object {
  const { name, namespace, uid } = event.regarding.metadata;
  return {
    apiVersion: apiVersionOf(EVENTS),
    kind: EVENTS.kind,
    metadata: { name: eventName(name, unique), namespace: namespaceOf(event) },
    eventTime: microTime(nowMs),
    reportingController: reporter.controller,
    reportingInstance: reporter.instance.slice(0, WORD_LIMIT),
    type: event.type,
    reason: event.reason.slice(0, WORD_LIMIT),
    action: event.action.slice(0, WORD_LIMIT),
    note: shorten(event.note),
    regarding: {
      apiVersion: event.regarding.apiVersion,
      kind: event.regarding.kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

export const eventName = (regarding: string, unique: string): string =>
  `${regarding.slice(0, NAME_LIMIT - unique.length - 1).replace(/[^a-z0-9]+$/, '')}.${unique}`;

/** The limit is in bytes, and a character is not cut in two. */
export function shorten(note: string): string {
  const bytes = Buffer.from(note, 'utf8');
  if (bytes.length <= NOTE_LIMIT_BYTES) return note;
  const mark = '…';
  const kept = bytes.subarray(0, NOTE_LIMIT_BYTES - Buffer.byteLength(mark)).toString('utf8');
  return `${kept.replace(/\uFFFD+$/, '')}${mark}`;
}
