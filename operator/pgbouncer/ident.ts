/**
 * Prints and reads the file of maps from the names of certificates to users (auth_ident_file, PgBouncer 1.23 and newer).
 * PgBouncer skips a line that it cannot read, and with it the access rules that use its map.
 */
import { splitFields } from './fields.ts';
import { byteLength, hasControlCharacter, MAX_USER_BYTES } from './text.ts';

export interface IdentEntry {
  readonly map: string;
  /** As it stands in the certificate. */
  readonly systemUser: string;
  /** The user that it may log in as; undefined for any. */
  readonly user: string | undefined;
}

export type ParsedIdent =
  | { readonly ok: true; readonly entry: IdentEntry }
  | { readonly ok: false; readonly problem: string };

/** What PgBouncer can find again behind `map=`: it reads no quotes there. */
export const isMapName = (text: string): boolean => /^[A-Za-z0-9_.-]{1,63}$/.test(text);

/** @throws RangeError naming what cannot be written */
export function printIdent(entries: readonly IdentEntry[]): string {
  return entries
    .map((entry) => {
      const problem = checkEntry(entry);
      if (problem !== undefined) throw new RangeError(`the maps cannot hold this: ${problem}`);
      const { map, systemUser, user } = entry;
      return `${map} ${quote(systemUser)} ${user === undefined ? 'all' : quote(user)}\n`;
    })
    .join('');
}

/** One line. Stricter than PgBouncer, to which a regular expression is a name that no certificate has. */
export function parseIdentLine(line: string): ParsedIdent {
  const fail = (problem: string): ParsedIdent => ({ ok: false, problem });
  const fields = splitFields(line);
  if (fields === undefined) return fail('has a double quote that is not closed');
  const [map = '', systemUser, user, extra] = fields;
  if (user === undefined || extra !== undefined || systemUser === undefined)
    return fail(`has ${fields.length} words and not three: map, name in the certificate, user`);
  if (systemUser.startsWith('/') || user.startsWith('/'))
    return fail('has a regular expression, which PgBouncer has not');
  if (/^[+@]/.test(user)) return fail('has a group or a file of users, which PgBouncer has not');
  const entry = { map, systemUser: unquote(systemUser), user: user === 'all' ? undefined : unquote(user) };
  const problem = checkEntry(entry);
  return problem === undefined ? { ok: true, entry } : fail(problem);
}

function checkEntry({ map, systemUser, user }: IdentEntry): string | undefined {
  if (!isMapName(map)) return 'has a map whose name is not of letters, digits and _.-';
  const names = user === undefined ? [systemUser] : [systemUser, user];
  return names.some((name) => name === '' || hasControlCharacter(name) || byteLength(name) > MAX_USER_BYTES)
    ? `has a name that is empty, has a control character or is longer than ${MAX_USER_BYTES} bytes`
    : undefined;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A dot would stop at Unicode's line separators, which PgBouncer takes for letters. */
const unquote = (field: string): string =>
  /^".*"$/s.test(field) ? field.slice(1, -1).replaceAll('""', '"') : field.replaceAll('"', '');
