/**
 * The files of one revision: what they are called, how a revision is made of them, and how to tell that they are what the
 * operator wrote. What a revision is made of can be told without the Secrets behind it.
 */
import { createHmac } from 'node:crypto';
import { PROOF_USER } from '../api/names.ts';
import { derivedSalt, scramVerifier } from '../pgbouncer/scram-verifier.ts';
import { printUserlist, type UserlistEntry } from '../pgbouncer/userlist.ts';
import { CONFIG_DIRECTORY } from './main-section.ts';
import { isTlsFile, tlsFilesNamedIn } from './tls-files.ts';

/** The files of one revision, as they stand in the configuration Secret: name → text. */
export type ConfigFiles = Readonly<Record<string, string>>;

export const proofPasswordOf = (revisionKey: string, revision: string): string =>
  createHmac('sha256', revisionKey).update(`proof\n${revision}`).digest('base64url');

/**
 * Whether files are what the operator wrote under this revision: a revision is made of its own files, so that this can
 * be told without the Secrets that they were made of.
 */
export function isAuthentic(files: ConfigFiles, revision: string, revisionKey: string): boolean {
  const { ini, userlist, ...beside } = byKind(files, revision);
  const proof = printUserlist([proofEntryOf(revisionKey, revision)]);
  if (ini === undefined || !userlist?.endsWith(proof)) return false;
  if (!tlsFilesNamedIn(ini).every((name) => isTlsFile(name, files[name] ?? '', revisionKey))) return false;
  const draft = { ini: ini.replaceAll(revision, DRAFT), userlist: userlist.slice(0, -proof.length), ...beside };
  return revisionOf(revisionKey, draft) === revision;
}

/** Whether a configuration Secret's files are what the operator wrote when `proved.ini` was to name this revision. */
export const isIntact = (files: ConfigFiles, pointer: string, revisionKey: string): boolean =>
  files[PROVED_FILE] === includeOf(pointer) && isAuthentic(files, pointer, revisionKey);

/** Stands where the revision will, while the revision is made of the text around it. */
export const DRAFT = 'revision';

/** The files of one revision by the ending of their names: `ini`, `userlist`, `hba`, and whatever the ini names beside these. */
export type FilesByKind = Readonly<Record<string, string>>;

export const filesOf = (revision: string, byKind: FilesByKind): ConfigFiles =>
  Object.fromEntries(Object.entries(byKind).map(([kind, text]) => [`${revision}.${kind}`, text]));

/** Of everything in a configuration Secret, what one revision reads. */
export function filesOfRevision(files: ConfigFiles, revision: string): ConfigFiles {
  const named = new Set(tlsFilesNamedIn(files[`${revision}.ini`] ?? ''));
  return Object.fromEntries(
    Object.entries(files).filter(([name]) => name.startsWith(`${revision}.`) || named.has(name)),
  );
}

const byKind = (files: ConfigFiles, revision: string): FilesByKind =>
  Object.fromEntries(
    Object.entries(files).flatMap(([name, text]) =>
      name.startsWith(`${revision}.`) ? [[name.slice(revision.length + 1), text]] : [],
    ),
  );

export const revisionOf = (key: string, files: FilesByKind): string => {
  const parts = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHmac('sha256', key).update(parts.flat().join('\0')).digest('hex').slice(0, 8);
};

/** The last line of the userlist. 256 random bits that only the operator logs in with: one iteration is enough. */
export const proofEntryOf = (revisionKey: string, revision: string): UserlistEntry => ({
  name: PROOF_USER,
  password: scramVerifier(proofPasswordOf(revisionKey, revision), derivedSalt(revisionKey, revision), 1),
});

/** The one line of `proved.ini`, and of a pod's entry file while it is handed a revision. */
export const includeOf = (revision: string): string => `%include ${CONFIG_DIRECTORY}/${revision}.ini`;
/** The revision that such a line names. */
export const pointerIn = (line: string): string | undefined => /\/([0-9a-f]+)\.ini$/.exec(line)?.[1];
export const PROVED_FILE = 'proved.ini';
/** The entry file's line at rest. */
export const ENTRY_AT_REST = `%include ${CONFIG_DIRECTORY}/${PROVED_FILE}`;
