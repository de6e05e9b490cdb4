/**
 * What a client leaves behind on a connection (SET, SET ROLE, temporary tables) reaches the next client when the pool
 * takes the connection back before the client leaves. Row-level security that relies on SET is worth nothing then. A
 * `server_reset_query_always` in the specification, either way, is an answer, and nothing is said.
 */

import { type Warning, warning } from '../../api/warning.ts';
import { listed } from '../../pgbouncer/listed.ts';
import type { Subject } from './subject.ts';

export function sessionStateLeaks({ spec, pools, main }: Subject): readonly Warning[] {
  const databases = pools.filter(({ mode }) => mode !== 'session');
  // The mode of a user goes before that of the database.
  const users = (spec.users ?? []).filter(({ poolMode }) => poolMode !== undefined && poolMode !== 'session');
  const names = [
    ...databases.map(({ database, mode }) => `${database.name} (${mode})`),
    ...(databases.length === pools.length ? [] : users.map(({ name, poolMode }) => `user ${name} (${poolMode})`)),
  ];
  const key = 'server_reset_query_always';
  if (names.length === 0 || main(key) === '1' || Object.hasOwn(spec.parameters ?? {}, key)) return [];
  return [
    warning('SessionStateLeaks', {
      path: `spec.parameters.${key}`,
      problem: `is not set, and the next client inherits what a client of ${listed(names, NAMED)} leaves behind: SET (search_path, statement_timeout, settings that row-level security looks at), SET ROLE, temporary tables`,
      remedy:
        'use SET LOCAL, or set it to 1 (a round trip more for each transaction), or pool by session; 0 says that you know',
    }),
  ];
}

/** Hundreds of names help nobody. */
const NAMED = 5;
