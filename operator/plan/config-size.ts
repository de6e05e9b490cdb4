/** Whether a configuration fits into a Secret, told before the API server says no. */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { type IniFile, printIni } from '../pgbouncer/ini.ts';
import { byteLength } from '../pgbouncer/text.ts';
import { quotedBytes, type UserlistEntry } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { FilesByKind } from './revision-files.ts';
import type { TlsFiles } from './tls-files.ts';

/** What a Secret holds, of which the pointer and the names of the files need a little. */
export const SECRET_BYTES = 1024 * 1024;
const REVISION_BYTES = SECRET_BYTES / 2 - 512;

/** The proved revision stays beside the one on trial, so that neither may need more than half of a Secret. */
export function sizeFaults(
  spec: PoolerSpec,
  users: readonly UserlistEntry[],
  ini: IniFile,
  version: Version,
  beside: FilesByKind,
  certificates: TlsFiles,
): readonly Fault[] {
  // Quotes are doubled in the file; printing it only to measure it would cost as much as it weighs.
  const ofUsers = users.reduce((total, { name, password }) => total + byteLength(name) + quotedBytes(password) + 6, 0);
  const bytesOf = (texts: readonly string[]): number => texts.reduce((total, text) => total + byteLength(text), 0);
  const rest = bytesOf([printIni(ini, version), ...Object.values(beside)]);
  const ofCertificates = bytesOf(Object.values(certificates));
  const total = ofUsers + rest + ofCertificates;
  if (total <= REVISION_BYTES) return [];
  if (ofCertificates > ofUsers + rest) {
    return [
      {
        path: 'spec.tls',
        problem: `makes a configuration of ${total} bytes (${ofCertificates} for certificates), and a Secret of ${SECRET_BYTES} bytes must hold two of them, ${REVISION_BYTES} each`,
        remedy: 'put the authorities of your servers and clients into the bundles, and no others',
      },
    ];
  }
  return [
    {
      // The larger part; users may also be those that databases log in as.
      path: ofUsers >= rest && spec.users !== undefined ? 'spec.users' : 'spec.databases',
      problem: `make a configuration of ${total} bytes (${ofUsers} for ${users.length} users, ${rest} for settings and databases), and a Secret of ${SECRET_BYTES} bytes must hold two of them, ${REVISION_BYTES} each`,
      remedy: 'use fewer users or databases, or shorter passwords, or split the pooler',
    },
  ];
}
