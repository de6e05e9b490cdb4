/**
 * Whoever chooses session mode chooses how many clients are served at one time. Left to a profile, that number is
 * PgBouncer's 20 or the profile's own, which nobody thought of. A mode that was not chosen is left alone.
 */
import { type Warning, warning } from '../../api/warning.ts';
import type { Subject } from './subject.ts';

export function sessionPoolWithoutSize({ spec, pools }: Subject): readonly Warning[] {
  return pools.flatMap(({ path, database, mode, size, most }) => {
    const chosen = (database.poolMode ?? spec.defaults?.poolMode) === 'session' && mode === 'session';
    const sized = database.poolSize !== undefined || spec.defaults?.poolSize !== undefined || Number.isFinite(most);
    if (!chosen || sized) return [];
    return [
      warning('SessionPoolWithoutSize', {
        path: `${path}.poolSize`,
        problem: `is not set, and ${database.name} pools by session: ${size} clients of each user are served at a time in one replica, which is what profile ${spec.profile} says, and the others wait until one of them leaves`,
        remedy: 'set it to the number of clients that stay connected to one replica',
      }),
    ];
  });
}
