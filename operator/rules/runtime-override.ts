/** RuntimeOverride: a hand changed something on a console (SET, PAUSE, DISABLE), and it is not what the file says. */
import { atMost } from '../pgbouncer/listed.ts';
import type { Finding, Situation } from './situation.ts';

/** Pods and items that a message spells out. */
const PODS_NAMED = 5;
const ITEMS_NAMED = 5;

export function runtimeOverride({ overrides }: Situation): Finding {
  const changed = overrides.filter(({ found }) => found.length > 0).toSorted((a, b) => (a.pod < b.pod ? -1 : 1));
  if (changed.length === 0) return { status: 'False', reason: 'AsRendered', message: 'no console was changed by hand' };
  const named = changed
    .slice(0, PODS_NAMED)
    .map(({ pod, found }) => `${pod}: ${atMost(found, ITEMS_NAMED).join(', ')}`);
  const more = changed.length > PODS_NAMED ? `; and ${changed.length - PODS_NAMED} more pods` : '';
  return {
    status: 'True',
    reason: 'ChangedByHand',
    message: `${named.join('; ')}${more}. What was SET goes with the next change or RELOAD; undo PAUSE with RESUME, and DISABLE with ENABLE; a restart ends all of it`,
  };
}
