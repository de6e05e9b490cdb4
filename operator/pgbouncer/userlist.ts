/**
 * Prints and reads userlist.txt. PgBouncer stops at the first line it cannot read and locks out every user after it,
 * without a word to whoever asked for the reload: so nothing is printed that it could stumble over.
 */
import { byteLength, hasControlCharacter, MAX_USER_BYTES, trimBlanks } from './text.ts';

export interface UserlistEntry {
  readonly name: string;
  /** Plain, an md5 hash or a SCRAM verifier, see {@link classifySecret}. */
  readonly password: string;
}

export type ParsedUserlist =
  | { readonly ok: true; readonly entries: readonly UserlistEntry[] }
  /** Lines count from 1. */
  | { readonly ok: false; readonly line: number; readonly problem: string };

/** What PgBouncer of every supported version takes in one password; newer ones take more. */
const MAX_PASSWORD_BYTES = 65_530;

/**
 * In the order given.
 * @throws RangeError naming the user (never the password) that cannot be written
 */
export function printUserlist(entries: readonly UserlistEntry[]): string {
  return entries
    .map(({ name, password }) => {
      const problem = checkEntry(quote(name), quote(password));
      if (problem !== undefined) throw new RangeError(`the userlist cannot hold ${JSON.stringify(name)}: ${problem}`);
      return `"${quote(name)}" "${quote(password)}"\n`;
    })
    .join('');
}

/** What follows the two quoted fields of a line is ignored, as PgBouncer does; `;` begins a comment. */
export function parseUserlist(text: string): ParsedUserlist {
  const entries: UserlistEntry[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const fail = (problem: string): ParsedUserlist => ({ ok: false, line: index + 1, problem });
    const content = trimBlanks(line);
    if (content === '' || content.startsWith(';')) continue;
    const [, name, password] = /^"((?:[^"]|"")*)"[ \t]*"((?:[^"]|"")*)"(?!")/.exec(content) ?? [];
    if (name === undefined || password === undefined) return fail('is not "user" "password", both in double quotes');
    const problem = checkEntry(name, password);
    if (problem !== undefined) return fail(problem);
    entries.push({ name: unquote(name), password: unquote(password) });
  }
  return { ok: true, entries };
}

export type SecretKind = 'plain' | 'md5' | 'scram';

/** What PgBouncer takes a stored password for. It goes by the looks alone: a plain one that looks like a hash is misread. */
export function classifySecret(password: string): SecretKind {
  if (/^md5[0-9a-f]{32}$/.test(password)) return 'md5';
  return /^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/.test(password)
    ? 'scram'
    : 'plain';
}

/** PgBouncer measures the fields as they are written, with every quote doubled. */
function checkEntry(name: string, password: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (hasControlCharacter(name) || hasControlCharacter(password)) return 'a control character';
  if (byteLength(name) > MAX_USER_BYTES) return `the name is longer than ${MAX_USER_BYTES} bytes`;
  return byteLength(password) > MAX_PASSWORD_BYTES
    ? `the password is longer than ${MAX_PASSWORD_BYTES} bytes`
    : undefined;
}

const quote = (text: string): string => text.replaceAll('"', '""');
const unquote = (text: string): string => text.replaceAll('""', '"');
