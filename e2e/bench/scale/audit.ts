/** What the API server saw of one client, from its audit log. */
import { readFile } from 'node:fs/promises';

export interface Call {
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly name: string | undefined;
  readonly code: number;
  /** Milliseconds since 1970, when the answer was complete. */
  readonly at: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly userAgent?: string;
  readonly stageTimestamp: string;
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
}

/** Everything but leases and watches, since a time and in order. */
export async function callsOf(auditLog: string, agent: string, since: number): Promise<readonly Call[]> {
  return (await readFile(auditLog, 'utf8'))
    .split('\n')
    .filter((line) => line.includes(`"userAgent":"${agent}`))
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ verb, objectRef }) => verb !== 'watch' && objectRef?.resource !== 'leases')
    .map(({ verb, objectRef, responseStatus, stageTimestamp }) => ({
      verb,
      resource: objectRef?.resource ?? '',
      subresource: objectRef?.subresource,
      name: objectRef?.name,
      code: responseStatus?.code ?? 0,
      at: Date.parse(stageTimestamp),
    }))
    .filter(({ at }) => at >= since)
    .sort((a, b) => a.at - b.at);
}

export const isRead = ({ verb }: Call): boolean => verb === 'get' || verb === 'list';
export const isEvent = ({ resource }: Call): boolean => resource === 'events';
/** Events are best effort and nobody waits for them: they are counted apart. */
export const isWrite = (call: Call): boolean => !isRead(call) && !isEvent(call);

/** `patch secrets: 2000, …`, the most frequent first. */
export function countByKind(calls: readonly Call[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { verb, resource, subresource } of calls) {
    const key = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
