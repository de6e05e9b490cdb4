/**
 * The marker: the revision as the value of `syslog_ident` in the last line of the file. SHOW CONFIG returns it only
 * when PgBouncer read the file to its end.
 */
import { readConfig } from '../pgbouncer/show.ts';
import type { Session } from './session.ts';

export const MARKER_KEY = 'syslog_ident';

/** What the key holds when nobody set it: so too after a reload that stopped half-way, with other settings at defaults. */
export const NO_MARKER = 'pgbouncer';

/** @throws ConsoleError */
export async function readMarker(session: Session): Promise<string> {
  const rows = readConfig(await session.show('CONFIG'));
  return rows.find(({ key }) => key === MARKER_KEY)?.value ?? '';
}
