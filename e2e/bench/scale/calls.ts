/** Which of the operator's calls count at scale, and as what. */
import { type AuditEvent, isBy, isEvent, isLease, isRead, isWatch } from '../../cluster/audit.ts';
import type { World } from './world.ts';

/** Milliseconds since 1970, when the answer was complete. */
export const doneAt = ({ stageTimestamp }: AuditEvent): number => Date.parse(stageTimestamp);

/** Everything of the operator's but leases and watches, since a time and in the order of the answers. */
export const callsOf = async ({ audit }: World, since: number): Promise<readonly AuditEvent[]> =>
  (await audit.read())
    .filter(isBy('poolkeeper/'))
    .filter((call) => !isWatch(call) && !isLease(call) && doneAt(call) >= since)
    .sort((a, b) => doneAt(a) - doneAt(b));

/** Events are best effort and nobody waits for them: they are counted apart. */
export const isWrite = (call: AuditEvent): boolean => !isRead(call) && !isEvent(call);

/** `patch secrets: 2000, …`, the most frequent first. */
export function countByKind(calls: readonly AuditEvent[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { verb, objectRef: { resource, subresource } = {} } of calls) {
    const key = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
