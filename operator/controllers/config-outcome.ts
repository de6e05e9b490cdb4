/** What a pass over a configuration came to, and when it is tried again. */
import type { PodView } from '../plan/pods.ts';
import type { Collision } from './children.ts';
import type { Memory } from './memory.ts';

export type ConfigOutcome =
  | { readonly kind: 'idle'; readonly replace?: readonly PodView[] }
  | { readonly kind: 'waiting'; readonly retryMs: number; readonly replace?: readonly PodView[] }
  | { readonly kind: 'refused'; readonly retryMs: number }
  | { readonly kind: 'collided'; readonly collision: Collision };

/** With when to come again. */
export type Waiting = Extract<ConfigOutcome, { readonly kind: 'waiting' }>;

/** To look again at what is not done, and shall be soon. */
export const RETRY_MS = 1_000;
const RETRY_LIMIT_MS = 30_000;

/** After a pause that doubles with each attempt in vain. @param reason for status */
export function retryLater(memory: Memory, reason: string): Waiting {
  memory.retrying = reason;
  memory.attempts += 1;
  return { kind: 'waiting', retryMs: Math.min(RETRY_LIMIT_MS, RETRY_MS * 2 ** Math.min(memory.attempts - 1, 5)) };
}
