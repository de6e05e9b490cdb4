/**
 * What a proof needs to know of a revision, read back from the configuration Secret that holds it: for what runs while it
 * cannot be rendered, because what it was made of has changed or is not known.
 */
import { parseIni } from '../pgbouncer/parse-ini.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { Provable } from './config.ts';
import { type ConfigFiles, proofPasswordOf } from './revision-files.ts';
import { servedIn } from './tls-files.ts';

/** Undefined when its ini is not there, or cannot be read. */
export function provableIn(
  files: ConfigFiles,
  revision: string,
  version: Version,
  revisionKey: string,
): Provable | undefined {
  const parsed = parseIni(files[`${revision}.ini`] ?? '', version);
  if (!parsed.ok) return undefined;
  const served = servedIn(parsed.ini, files);
  const proofPassword = proofPasswordOf(revisionKey, revision);
  return { revision, ini: parsed.ini, proofPassword, ...(served && { served }) };
}
