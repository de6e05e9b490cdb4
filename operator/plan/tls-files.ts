/** The files of encryption, named by what is in them, and what clients are to meet by them. */
import { createHmac, X509Certificate } from 'node:crypto';
import type { IniFile } from '../pgbouncer/ini.ts';
import { fingerprintOf } from './certificate.ts';
import type { TlsView } from './tls.ts';

export type TlsFiles = Readonly<Record<string, string>>;

export const KINDS = {
  client_tls_cert_file: 'client.crt',
  client_tls_key_file: 'client.key',
  client_tls_ca_file: 'client-ca.crt',
  server_tls_cert_file: 'server.crt',
  server_tls_key_file: 'server.key',
  server_tls_ca_file: 'server-ca.crt',
} as const;
export type FileKey = keyof typeof KINDS;

/** `3b1f….client.crt`: the same content has the same name, and nothing can be guessed from it. */
export const tlsFileName = (kind: string, text: string, revisionKey: string): string =>
  `${createHmac('sha256', revisionKey).update(`${kind}\n${text}`).digest('hex').slice(0, 16)}.${kind}`;

/** The files of encryption that an ini names, wherever it looks for them. */
export const tlsFilesNamedIn = (ini: string): readonly string[] =>
  [...ini.matchAll(/^(?:client|server)_tls_\w+_file = .*\/([0-9a-f]{16}\.[a-z.-]+)$/gm)].map(([, name = '']) => name);

/** Whether a file is what its name says. */
export const isTlsFile = (name: string, text: string, revisionKey: string): boolean =>
  tlsFileName(name.slice(name.indexOf('.') + 1), text, revisionKey) === name;

/** What clients are to meet of a revision, from its own files. */
export function servedIn({ pgbouncer }: IniFile, files: TlsFiles): TlsView['served'] {
  const settings = new Map(pgbouncer);
  const mode = CLIENT_MODES.find((one) => one === settings.get('client_tls_sslmode'));
  const file = settings.get('client_tls_cert_file')?.split('/').at(-1) ?? '';
  const text = files[file];
  if (mode === undefined || text === undefined) return undefined;
  try {
    return { mode, fingerprint: fingerprintOf(new X509Certificate(text)) };
  } catch {
    // Somebody edited it: nothing can be proved by it.
    return undefined;
  }
}

const CLIENT_MODES = ['allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
