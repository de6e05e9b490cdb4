/**
 * What the API server itself wrote down of every request: who, what, when, and what came of it. The judge of all chaos
 * here is this log and not the operators' word. Of Secrets too, contents and all: only for the clusters of tests.
 */
import { readFile, writeFile } from 'node:fs/promises';
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
  return {
    apiServerArgs: [`--audit-policy-file=${policy}`, `--audit-log-path=${file}`, '--audit-log-maxsize=1000'],
    read: async (userPrefix) =>
      eventsOf(await readFile(file, 'utf8')).filter(({ user }) => user.username.startsWith(userPrefix)),
  };
}

/** A watch counts when it has begun: its end may be minutes away. */
export function eventsOf(text: string): readonly AuditEvent[] {
  return (
    text
      .split('\n')
      // The last line may still be on its way.
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as AuditEvent)
      .filter((event) => event.stage === (isWatch(event) ? 'ResponseStarted' : 'ResponseComplete'))
      .sort((a, b) => (a.requestReceivedTimestamp < b.requestReceivedTimestamp ? -1 : 1))
  );
}
