/** What a process must show that runs a revision: derived from the rendered file itself. */
import type { HeldStates } from '../pgbouncer/database-states.ts';
import {
  type ExpectedDatabase,
  type ExpectedUser,
  expectedDatabases,
  expectedUser,
  expectedUsers,
} from '../pgbouncer/expected-rows.ts';
import type { IniFile } from '../pgbouncer/ini.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { ServedTls } from './prove-certificate.ts';

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
