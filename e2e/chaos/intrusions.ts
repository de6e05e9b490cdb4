/**
 * The oracle of leader election: given what the API server did, who wrote without leading? A write counts by the version
 * that etcd gave it, which is the order in which things were really done, and by when the server received it: also a
 * write that came to nothing must not have been asked for.
 */
import { type AuditEvent, describeCall, isLease, isWrite } from '../cluster/audit.ts';

/** One change of hands. */
export interface Term {
  /** Empty: released. */
  readonly holder: string;
  readonly version: number;
  /** When the write that took the lease was received and answered; RFC 3339, which sorts as text. */
  readonly received: string;
  readonly done: string;
}

export interface Intrusion {
  readonly by: string;
  readonly call: string;
  readonly why: string;
}

const succeeded = (event: AuditEvent): boolean => Math.floor((event.responseStatus?.code ?? 0) / 100) === 2;

const versionOf = (event: AuditEvent): number | undefined => {
  const version = event.responseObject?.metadata?.resourceVersion;
  return version === undefined ? undefined : Number(version);
};

/** Who held the lease from when on, in the order in which etcd did it. */
export function termsOf(events: readonly AuditEvent[]): readonly Term[] {
  const writes = events
    .filter((event) => isLease(event) && isWrite(event) && succeeded(event))
    .map((event) => ({
      holder: event.requestObject?.spec?.holderIdentity ?? '',
      version: versionOf(event) ?? 0,
      received: event.requestReceivedTimestamp,
      done: event.stageTimestamp,
    }))
    .sort((a, b) => a.version - b.version);
  return writes.filter(({ holder }, index) => writes[index - 1]?.holder !== holder);
}

/** @param events of the operators that share one lease, which go by their identities as users */
export function intrusionsOf(events: readonly AuditEvent[]): readonly Intrusion[] {
  const terms = termsOf(events);
  return events
    .filter((event) => isWrite(event) && !isLease(event))
    .flatMap((event) => {
      const why = wrongWith(event, terms);
      return why === undefined ? [] : [{ by: event.user.username, call: describeCall(event), why }];
    });
}

function wrongWith(event: AuditEvent, terms: readonly Term[]): string | undefined {
  const by = event.user.username;
  const received = event.requestReceivedTimestamp;
  const own = terms.filter((term) => term.holder === by && term.received < received).at(-1);
  if (own === undefined) return `received at ${received}, before it led`;
  const next = terms.find((term) => term.version > own.version);
  if (next === undefined) return undefined;
  const who = next.holder === '' ? 'it had given the lease back' : `${next.holder} had taken the lease`;
  if (next.done < received) return `received at ${received}, and ${who} at ${next.done}`;
  // What changed nothing is answered with a version from before, and is no matter here.
  const version = versionOf(event);
  return succeeded(event) && version !== undefined && version > next.version
    ? `done as version ${version}, and ${who} as ${next.version}`
    : undefined;
}
