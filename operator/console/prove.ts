/**
 * What *proved* means. A process is proved on a revision when, in this order:
 *
 * 1. marker: SHOW CONFIG returns the revision, which stands in the file's last line: the file was read to its end
 * 2. config: every rendered key has the rendered value
 * 3. databases: every rendered entry shows in SHOW DATABASES with the rendered values
 * 4. users: every rendered entry shows in SHOW USERS with the rendered values
 * 5. login: the proof user, last line of the userlist, logs in with this revision's password: the userlist that is
 *    loaded is this one, to its last line
 * 6. certificate: that login met the TLS that clients are to meet, with the certificate that is to be served
 *
 * What PgBouncer keeps until it restarts (restart-only keys, removed users and databases, a removed forced user) is no
 * failure of the proof: it is listed. The console does not show timeouts of single users, nor connect_query and session
 * variables of a database; the marker vouches for those.
 *
 * A process that was not reloaded just now may have been changed by hand (SET): its marker says that it read the file
 * to its end, so what differs is an override, which is told and not fought.
 */

import { atMost } from '../pgbouncer/listed.ts';
import { fingerprintSettings } from '../pgbouncer/settings-fingerprint.ts';
import { readConfig, readDatabases, readUsers } from '../pgbouncer/show.ts';
import { quotable } from '../pgbouncer/text.ts';
import { isConsoleProtocol, isLoginRefused } from './errors.ts';
import type { Expectation } from './expectation.ts';
import { proveCertificate } from './prove-certificate.ts';
import { type Finding, type ProofItem, proveConfig, proveDatabases, proveUsers } from './prove-rows.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

/** `restartRequired` says in a word or two what each is: `listen_backlog`, `database old (removed)`. */
export type Proof =
  | {
      readonly proved: true;
      readonly restartRequired: readonly string[];
      /** Of everything that SHOW CONFIG said, to notice what a hand changes later. */
      readonly settings: string;
      /** What differs although the file was read to its end; only where the proof was asked to take it for a hand's. */
      readonly overrides: readonly string[];
    }
  | {
      readonly proved: false;
      readonly item: ProofItem;
      /** Which key or row, found and expected; never a secret. */
      readonly detail: string;
      readonly restartRequired: readonly string[];
    };

export interface ProveOptions
  extends Pick<SessionOptions, 'connectTimeoutMs' | 'queryTimeoutMs' | 'signal' | 'applicationName'> {
  /** The process was proved on this revision before, and not reloaded since: what differs was done by a hand. */
  readonly tolerant?: boolean;
}

/**
 * @param address of the process that `session` talks to, for the fresh login
 * @throws ConsoleError when the process cannot be asked to the end
 */
export async function prove(
  session: Session,
  address: Pick<SessionOptions, 'host' | 'port' | 'certificates'>,
  expectation: Expectation,
  { tolerant = false, ...options }: ProveOptions = {},
): Promise<Proof> {
  const rows = readConfig(await session.show('CONFIG'));
  const config = proveConfig(rows, expectation);
  // Whatever else it shows is of another revision.
  if (config.fault?.item === 'marker') return failed(config.fault, config.restartRequired);
  const databases = proveDatabases(readDatabases(await session.show('DATABASES')), expectation);
  const users = proveUsers(readUsers(await session.show('USERS')), expectation);
  const left = [...config.restartRequired, ...databases.restartRequired, ...users.restartRequired];
  const shown = [config.fault, databases.fault, users.fault].filter((fault) => fault !== undefined);
  // Sizes of databases and users follow what was SET: they are told where it is.
  const [first] = tolerant && config.fault?.item === 'config' ? [] : shown;
  const fault = first ?? (await proveLogin(address, expectation, options));
  return fault === undefined
    ? {
        proved: true,
        restartRequired: atMost(left, LEFT_NAMED),
        settings: fingerprintSettings(rows),
        overrides: shown.slice(0, 1).map(({ detail }) => quotable(detail)),
      }
    : failed(fault, left);
}

const failed = ({ item, detail }: NonNullable<Finding['fault']>, left: readonly string[]): Proof => ({
  proved: false,
  item,
  detail: quotable(detail),
  restartRequired: atMost(left, LEFT_NAMED),
});

/** How much of what waits for a restart is named: it stands in the status, and a process may make up thousands. */
const LEFT_NAMED = 50;

async function proveLogin(
  address: Pick<SessionOptions, 'host' | 'port' | 'certificates'>,
  { proofLogin, served }: Expectation,
  options: Pick<SessionOptions, 'connectTimeoutMs' | 'queryTimeoutMs' | 'signal' | 'applicationName'>,
): Promise<Finding['fault']> {
  const how: SessionOptions = { ...options, ...address, ...proofLogin, tls: 'ask' };
  try {
    const session = await openSession(how);
    try {
      const detail = await proveCertificate(session, served, how);
      return detail === undefined ? undefined : { item: 'certificate', detail };
    } finally {
      await session.close();
    }
  } catch (error) {
    if (isLoginRefused(error) || isConsoleProtocol(error)) {
      return {
        item: 'login',
        detail: `${proofLogin.user} cannot log in with the password of this revision: ${error.message}`,
      };
    }
    throw error;
  }
}
