/**
 * What a client leaves behind on a connection (SET, SET ROLE, temporary tables) reaches the next client when the pool
 * takes the connection back before the client leaves. Row-level security that relies on SET is worth nothing then. A
 * `server_reset_query_always` in the specification, either way, is an answer, and nothing is said.
 */
import { type Warning, warning } from '../../api/warning.ts';
import type { Subject } from './subject.ts';

export function sessionStateLeaks({ spec, pools, main }: Subject): readonly Warning[] {
  const shared = pools.filter(({ mode }) => mode !== 'session');
  const key = 'server_reset_query_always';
  if (shared.length === 0 || main(key) === '1' || Object.hasOwn(spec.parameters ?? {}, key)) return [];
  const names = shared.map(({ database, mode }) => `${database.name} (${mode})`);
  return [
    warning('SessionStateLeaks', {
      path: `spec.parameters.${key}`,
      problem: `is not set, and the next client inherits what a client of ${names.join(', ')} leaves behind: SET (search_path, statement_timeout, settings that row-level security looks at), SET ROLE, temporary tables`,
      remedy:
        'use SET LOCAL, or set it to 1 (a round trip more for each transaction), or pool by session; 0 says that you know',
    }),
  ];
}
