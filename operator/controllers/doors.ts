/**
 * Two ways into a console. The operator's password, first line of the userlist, survives a line that PgBouncer cannot
 * read; the proof user's, last line, is made of the revision and the key of revisions, and survives the rotation of the
 * first. So either can be replaced while pods run: the other one opens the session that brings the new userlist.
 */
import { ADMIN_USER, PROOF_USER } from '../api/names.ts';
import { isLoginRefused } from '../console/errors.ts';
import { openSession, type Session, type SessionOptions } from '../console/session.ts';
import { firstThatIsTaken } from '../console/ways.ts';
import { proofPasswordOf } from '../plan/revision-files.ts';
import type { AdminCredentials } from './admin-credentials.ts';

type Door = Pick<SessionOptions, 'user' | 'password'>;

/** @param revisions that the process may run */
export function doorsOf(
  own: Pick<AdminCredentials, 'admin' | 'revisionKey'>,
  revisions: readonly (string | undefined)[],
): readonly Door[] {
  const known = [...new Set(revisions)].filter((revision): revision is string => Boolean(revision));
  return [
    { user: ADMIN_USER, password: own.admin },
    ...known.map((revision) => ({ user: PROOF_USER, password: proofPasswordOf(own.revisionKey, revision) })),
  ];
}

/** @throws ConsoleError of the first door, when each of them is refused */
export const openDoor = (place: Omit<SessionOptions, keyof Door>, doors: readonly Door[]): Promise<Session> =>
  firstThatIsTaken(doors, (door) => openSession({ ...place, ...door }), isLoginRefused);
