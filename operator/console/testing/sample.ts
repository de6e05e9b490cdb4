/** A small configuration as the operator renders them, for tests to start from and to break. */
import { ALL, printHba } from '../../pgbouncer/hba.ts';
import { type IniFile, printIni } from '../../pgbouncer/ini.ts';
import { printUserlist, type UserlistEntry } from '../../pgbouncer/userlist.ts';
import type { Version } from '../../pgbouncer/version.ts';
import type { Files, Place } from './real-pgbouncer.ts';

export const ADMIN = { user: 'poolkeeper', password: 'admin-password' } as const;
export const PROOF_USER = 'poolkeeper_proof';

export interface Sample {
  readonly revision: string;
  readonly ini: IniFile;
  readonly userlist: readonly UserlistEntry[];
}

export const proofPasswordOf = (revision: string): string => `proof-of-${revision}`;

/** @param changes what differs from the sample; `settings` are added to [pgbouncer], before the marker */
export function sampleOf(
  place: Place,
  revision: string,
  changes: Partial<Pick<IniFile, 'databases' | 'users'>> & { readonly settings?: IniFile['pgbouncer'] } = {},
): Sample {
  return {
    revision,
    ini: {
      databases: changes.databases ?? [
        { name: 'app', params: { host: '127.0.0.1', port: '5432', dbname: 'app_production', pool_size: '7' } },
      ],
      users: changes.users ?? [{ name: 'app', params: { pool_mode: 'transaction' } }],
      pgbouncer: [
        ['listen_addr', '127.0.0.1'],
        ['listen_port', String(place.port)],
        ['unix_socket_dir', place.directory],
        ['auth_hba_file', `${place.directory}/${revision}.hba`],
        ['auth_type', 'hba'],
        ['auth_file', `${place.directory}/${revision}.userlist`],
        ['admin_users', ADMIN.user],
        ['stats_users', PROOF_USER],
        ['server_tls_sslmode', 'disable'],
        ...(changes.settings ?? []),
        ['syslog_ident', revision],
      ],
    },
    userlist: [
      { name: ADMIN.user, password: ADMIN.password },
      { name: 'app', password: 'app-password' },
      { name: PROOF_USER, password: proofPasswordOf(revision) },
    ],
  };
}

/** The files of a sample, named by its revision; `pgbouncer.ini` includes them. */
export const filesOf = (place: Place, sample: Sample, version: Version): Files => ({
  [`${sample.revision}.ini`]: printIni(sample.ini, version),
  [`${sample.revision}.userlist`]: printUserlist(sample.userlist),
  [`${sample.revision}.hba`]: printHba([
    {
      type: 'host',
      databases: ['pgbouncer'],
      users: [ADMIN.user, PROOF_USER],
      address: '0.0.0.0/0',
      method: 'scram-sha-256',
    },
    { type: 'host', databases: ['pgbouncer'], users: [ALL], address: '0.0.0.0/0', method: 'reject' },
    { type: 'host', databases: [ALL], users: [ALL], address: '0.0.0.0/0', method: 'scram-sha-256' },
  ]),
  'pgbouncer.ini': includeOf(place, sample.revision),
});

export const includeOf = ({ directory }: Place, revision: string): string => `%include ${directory}/${revision}.ini`;
