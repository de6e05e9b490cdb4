/**
 * What the API server itself wrote down of every request: who, what, when, and what came of it. The judge of all chaos
 * here is this log and not the operators' word. Of Secrets too, contents and all: only for the clusters of tests.
 */
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

export interface AuditLog {
  readonly apiServerArgs: readonly string[];
  /** Everything that is complete, and watches that have begun, of users whose names begin so; oldest first. */
  read(userPrefix: string): Promise<readonly AuditEvent[]>;
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export const isWrite = (event: AuditEvent): boolean => WRITES.has(event.verb);
export const isLease = (event: AuditEvent): boolean => event.objectRef?.resource === 'leases';
export const isWatch = (event: AuditEvent): boolean => event.verb === 'watch';

/** `patch connectionpoolers/status a/b` */
export const describeCall = ({ verb, objectRef = {} }: AuditEvent): string =>
  `${verb} ${[objectRef.resource, objectRef.subresource].filter(Boolean).join('/')} ${[objectRef.namespace, objectRef.name].filter(Boolean).join('/')}`.trimEnd();

/** An audit log of writes with their bodies and of reads without, into `directory`. */
export async function auditLog(directory: string): Promise<AuditLog> {
  const policy = join(directory, 'chaos-audit-policy.json');
  const file = join(directory, 'chaos-audit.log');
  await writeFile(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      omitManagedFields: true,
      rules: [
        { level: 'RequestResponse', verbs: [...WRITES] },
        { level: 'Metadata', verbs: ['get', 'list', 'watch'] },
      ],
    }),
  );
  const events: AuditEvent[] = [];
  let seen = 0;
  let rest = '';
  /** Only what came since: the log grows, and is asked often. */
  const readOn = async (): Promise<void> => {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - seen), 0, size - seen, seen);
      seen += bytesRead;
      const text = rest + buffer.subarray(0, bytesRead).toString('utf8');
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      events.push(...eventsOf(text.slice(0, end)));
    } finally {
      await handle.close();
    }
  };
  let reading = Promise.resolve();
  return {
    apiServerArgs: [`--audit-policy-file=${policy}`, `--audit-log-path=${file}`, '--audit-log-maxsize=1000'],
    read: async (userPrefix) => {
      reading = reading.catch(() => undefined).then(readOn);
      await reading;
      return events.filter(({ user }) => user.username.startsWith(userPrefix)).sort(byReceipt);
    },
  };
}

const byReceipt = (a: AuditEvent, b: AuditEvent): number =>
  a.requestReceivedTimestamp < b.requestReceivedTimestamp ? -1 : 1;

/** The lines of a log. A watch counts when it has begun: its end may be minutes away. */
export const eventsOf = (lines: string): readonly AuditEvent[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter((event) => event.stage === (isWatch(event) ? 'ResponseStarted' : 'ResponseComplete'));
