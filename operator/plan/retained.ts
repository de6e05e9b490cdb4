/**
 * What a process goes on with after a RELOAD although its files say otherwise, and what no console shows: told from the
 * files it ran before and those it runs now. Only a restart ends it.
 */
import { objectIn } from '../api/annotation.ts';
import type { IniFile } from '../pgbouncer/ini.ts';
import { parseIni } from '../pgbouncer/parse-ini.ts';
import { classifySecret, parseUserlist } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { ConfigFiles } from './revision-files.ts';

/** One revision, as far as it matters here; a file that cannot be read says nothing. */
export interface Loaded {
  readonly ini: IniFile | undefined;
  /** User → whether a SCRAM verifier stands for it, from which PgBouncer keeps the keys of a login. */
  readonly verifiers: ReadonlyMap<string, boolean>;
}

export function loadedFrom(files: ConfigFiles, revision: string, version: Version): Loaded {
  const ini = parseIni(files[`${revision}.ini`] ?? '', version);
  const userlist = parseUserlist(files[`${revision}.userlist`] ?? '');
  return {
    ini: ini.ok ? ini.ini : undefined,
    verifiers: new Map(
      userlist.ok ? userlist.entries.map(({ name, password }) => [name, classifySecret(password) === 'scram']) : [],
    ),
  };
}

const ANY_DATABASE = 'database * (removed)';
const LOOKUP_USER = 'auth_user (removed)';
const verifierOf = (user: string): string => `user ${user} (a password replaced its SCRAM verifier)`;

/** @param already what the process retained before */
export function retainedAfter(already: readonly string[], before: Loaded, after: Loaded): readonly string[] {
  const serves = (files: Loaded): boolean => files.ini?.databases.some(({ name }) => name === '*') ?? false;
  const any = !serves(after) && (serves(before) || already.includes(ANY_DATABASE)) ? [ANY_DATABASE] : [];
  const has = (files: Loaded, key: string): boolean => files.ini?.pgbouncer.some(([name]) => name === key) ?? false;
  // A proof cannot tell it where there still is a query, that of single databases before PgBouncer 1.22.
  const asker =
    has(after, 'auth_query') && !has(after, 'auth_user') && (has(before, 'auth_user') || already.includes(LOOKUP_USER))
      ? [LOOKUP_USER]
      : [];
  const users = [...after.verifiers].flatMap(([name, isVerifier]) => {
    const item = verifierOf(name);
    return !isVerifier && (before.verifiers.get(name) === true || already.includes(item)) ? [item] : [];
  });
  return [...any, ...asker, ...users];
}

/** Process → what it retains, as noted on a configuration Secret. */
export type Retained = Readonly<Record<string, readonly string[]>>;

/** @param annotation as `printRetained` wrote it, or a hand */
export const parseRetained = (annotation: string | undefined): Retained =>
  Object.fromEntries(
    Object.entries(objectIn(annotation) ?? {}).flatMap(([process, items]): readonly [string, readonly string[]][] =>
      Array.isArray(items) ? [[process, items.filter((item) => typeof item === 'string')]] : [],
    ),
  );

/** @returns undefined when nothing is retained */
export function printRetained(retained: Retained): string | undefined {
  const some = Object.entries(retained).filter(([, items]) => items.length > 0);
  return some.length === 0 ? undefined : JSON.stringify(Object.fromEntries(some.sort(([a], [b]) => (a < b ? -1 : 1))));
}
