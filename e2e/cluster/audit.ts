// What the API server itself wrote down of every request: who, what, when, and what came of it. Where a test or a bench
// counts requests, this log is the judge, and not the word of who made them.
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly requestObject?: { readonly spec?: { readonly holderIdentity?: string } };
  readonly responseObject?: { readonly metadata?: { readonly resourceVersion?: string } };
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export const isWrite = (event: AuditEvent): boolean => WRITES.has(event.verb);
export const isLease = (event: AuditEvent): boolean => event.objectRef?.resource === 'leases';
export const isWatch = (event: AuditEvent): boolean => event.verb === 'watch';
export const isRead = ({ verb }: AuditEvent): boolean => verb === 'get' || verb === 'list';
/** Best effort, and nobody waits for them. */
export const isEvent = (event: AuditEvent): boolean => event.objectRef?.resource === 'events';
export const isBy =
  (agent: string) =>
  ({ userAgent }: AuditEvent): boolean =>
    userAgent?.startsWith(agent) ?? false;

/** `patch connectionpoolers/status a/b` */
export const describeCall = ({ verb, objectRef = {} }: AuditEvent): string =>
  `${verb} ${[objectRef.resource, objectRef.subresource].filter(Boolean).join('/')} ${[objectRef.namespace, objectRef.name].filter(Boolean).join('/')}`.trimEnd();

/**
 * `metadata`: of each finished request, but not of reads of the control plane itself, which are most of all. `bodies`: what
 * was written and answered too, of Secrets as well, and watches when they begin.
 */
export type AuditDetail = 'metadata' | 'bodies';

const POLICIES: Readonly<Record<AuditDetail, object>> = {
  metadata: {
    omitStages: ['RequestReceived', 'ResponseStarted'],
    rules: [
      { level: 'None', userGroups: ['system:nodes', 'system:masters'], verbs: ['get', 'list', 'watch'] },
      { level: 'Metadata' },
    ],
  },
  bodies: {
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
    rules: [
      { level: 'RequestResponse', verbs: [...WRITES] },
      { level: 'Metadata', verbs: ['get', 'list', 'watch'] },
    ],
  },
};

/** Arguments of the API server for a log in `file`. */
export async function auditArgs(directory: string, file: string, detail: AuditDetail): Promise<readonly string[]> {
  const policy = join(directory, 'audit-policy.json');
  const head = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy' };
  await writeFile(policy, JSON.stringify({ ...head, ...POLICIES[detail] }));
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${file}`, '--audit-log-maxsize=1000'];
}

export interface AuditLog {
  /** Everything that is complete, and watches as soon as it is known of them; oldest first. */
  read(): Promise<readonly AuditEvent[]>;
}

/** Reads only what came since: the log grows, and is asked often. */
export function followAuditLog(file: string): AuditLog {
  const events: AuditEvent[] = [];
  let seen = 0;
  let rest = '';
  const readOn = async (): Promise<void> => {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - seen), 0, size - seen, seen);
      seen += bytesRead;
      const text = rest + buffer.subarray(0, bytesRead).toString('utf8');
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      const fresh = eventsOf(text.slice(0, end));
      insert(events, fresh);
    } finally {
      await handle.close();
    }
  };
  let reading = Promise.resolve();
  return {
    read: async () => {
      reading = reading.catch(() => undefined).then(readOn);
      await reading;
      return [...events];
    },
  };
}

/** Requests are told when they end, so that only those that took long come out of their turn. */
function insert(events: AuditEvent[], fresh: readonly AuditEvent[]): void {
  for (const event of fresh) {
    let at = events.length;
    while (at > 0 && byReceipt(event, events[at - 1] ?? event) < 0) at -= 1;
    events.splice(at, 0, event);
  }
}

const byReceipt = (a: AuditEvent, b: AuditEvent): number =>
  a.requestReceivedTimestamp < b.requestReceivedTimestamp ? -1 : 1;

/** The lines of a log. A watch counts when it has begun, where that is told: its end may be minutes away. */
const eventsOf = (lines: string): readonly AuditEvent[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter((event) => event.stage === (isWatch(event) ? 'ResponseStarted' : 'ResponseComplete'));
