/**
 * BackendReachable: what PgBouncer says of the servers. The operator never dials a backend itself, so nothing is known
 * until a client gave PgBouncer a reason to connect; and what was known last stays until there is a new reason.
 */
import type { Condition } from '../api/types.ts';
import type { Finding, Situation } from './situation.ts';

/** A client that has waited this long with no server connection at all is not just queueing. */
export const UNREACHABLE_AFTER_SECONDS = 1;

export function backendReachable(situation: Situation, before: Condition | undefined): Finding {
  const backends = situation.fleet?.backends ?? [];
  // A replica that is refused is trouble also where others still hold connections from before.
  const down = backends.filter(
    (backend) =>
      backend.trouble !== undefined ||
      (backend.servers === 0 && backend.clientsWaiting > 0 && backend.maxWaitSeconds >= UNREACHABLE_AFTER_SECONDS),
  );
  if (down.length > 0) {
    return {
      status: 'False',
      reason: 'ConnectFailed',
      message: down
        .map(
          (backend) =>
            `backend ${backend.name}: ${backend.trouble ?? 'clients wait, and there is no server connection'}`,
        )
        .join('; '),
    };
  }
  const connected = backends.filter((backend) => backend.servers > 0);
  const wasDown = before?.status === 'False';
  // A backend that was down is up again only when it was seen so: no demand is no news.
  if (
    connected.length > 0 &&
    (!wasDown || connected.length === backends.length || !mentions(before, backends, connected))
  ) {
    return {
      status: 'True',
      reason: 'Connected',
      // An entry with a fallback: its connections are at one of the two.
      message: `PgBouncer holds connections to ${connected.map(({ name, fallbacks }) => [name, ...fallbacks].join(' or ')).join(', ')}`,
    };
  }
  if (before !== undefined && before.status !== 'Unknown')
    return { status: before.status, reason: before.reason, message: before.message };
  return { status: 'Unknown', reason: 'NoDemand', message: 'no client gave PgBouncer a reason to connect yet' };
}

/** Whether the last message named a backend that is not connected now. */
function mentions(
  before: Condition | undefined,
  backends: readonly { readonly name: string }[],
  connected: readonly { readonly name: string }[],
): boolean {
  return backends.some(
    ({ name }) => !connected.some((other) => other.name === name) && before?.message.includes(`backend ${name}:`),
  );
}
