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

import type { HeldStates } from '../pgbouncer/database-states.ts';
import {
  type ExpectedDatabase,
  type ExpectedUser,
  expectedDatabases,
  expectedUser,
  expectedUsers,
} from '../pgbouncer/expected-rows.ts';
import type { IniFile } from '../pgbouncer/ini.ts';
import { fingerprintSettings } from '../pgbouncer/settings-fingerprint.ts';
import { readConfig, readDatabases, readUsers } from '../pgbouncer/show.ts';
import { quotable } from '../pgbouncer/text.ts';
import type { Version } from '../pgbouncer/version.ts';
import { isConsoleProtocol, isLoginRefused } from './errors.ts';
import { proveCertificate, type ServedTls } from './prove-certificate.ts';
import { type Finding, proveConfig, proveDatabases, proveUsers } from './prove-rows.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

export interface ProofLogin {
  readonly user: string;
  readonly password: string;
}

export interface Expectation {
  readonly revision: string;
  /** Every rendered key of [pgbouncer], as rendered. */
  readonly config: ReadonlyMap<string, string>;
  readonly databases: readonly ExpectedDatabase[];
  /** With `*`, other databases come into being by themselves. */
  readonly anyDatabase: boolean;
  readonly users: readonly ExpectedUser[];
  /** What a user shows that has no line in [users]. */
  readonly plainUser: ExpectedUser;
  readonly proofLogin: ProofLogin;
  /** Absent when clients are to find no TLS. */
  readonly served?: ServedTls;
  readonly version: Version;
  /** Databases that shall be paused or disabled. */
  readonly states?: HeldStates;
}

export type ProofItem = 'marker' | 'config' | 'databases' | 'users' | 'login' | 'certificate';

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

/** Derives what a proof must find from the rendered file itself. */
export function expectationOf(
  ini: IniFile,
  {
    revision,
    proofLogin,
    version,
    served,
  }: {
    readonly revision: string;
    readonly proofLogin: ProofLogin;
    readonly version: Version;
    readonly served?: ServedTls | undefined;
  },
): Expectation {
  return {
    revision,
    config: new Map(ini.pgbouncer),
    databases: expectedDatabases(ini, version),
    anyDatabase: ini.databases.some(({ name }) => name === '*'),
    users: expectedUsers(ini, version),
    plainUser: expectedUser({ name: '', params: {} }, ini, version),
    proofLogin,
    ...(served && { served }),
    version,
  };
}

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
        restartRequired: someOf(left),
        settings: fingerprintSettings(rows),
        overrides: shown.slice(0, 1).map(({ detail }) => quotable(detail)),
      }
    : failed(fault, left);
}

const failed = ({ item, detail }: NonNullable<Finding['fault']>, left: readonly string[]): Proof => ({
  proved: false,
  item,
  detail: quotable(detail),
  restartRequired: someOf(left),
});

/** How much of what waits for a restart is named: it stands in the status, and a process may make up thousands. */
const LEFT_NAMED = 50;
const someOf = (left: readonly string[]): readonly string[] =>
  left.length > LEFT_NAMED ? [...left.slice(0, LEFT_NAMED), `and ${left.length - LEFT_NAMED} more`] : left;

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
