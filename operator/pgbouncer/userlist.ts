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
  for (const parsed of parseUserlistLines(text)) {
    if (!parsed.ok) return parsed;
    entries.push(parsed.entry);
  }
  return { ok: true, entries };
}

/** Lines count from 1; the problem is half a sentence, and holds nothing of the line. */
export type UserlistLine =
  | { readonly ok: true; readonly line: number; readonly entry: UserlistEntry }
  | { readonly ok: false; readonly line: number; readonly problem: string };

/** Every line that says anything, also behind one that cannot be read. */
export const parseUserlistLines = (text: string): readonly UserlistLine[] =>
  text.split(/\r?\n/).flatMap((raw, index): readonly UserlistLine[] => {
    const line = index + 1;
    const content = trimBlanks(raw);
    if (content === '' || content.startsWith(';')) return [];
    const fail = (problem: string): readonly UserlistLine[] => [{ ok: false, line, problem }];
    if (content.startsWith('#')) return fail('begins with #, and in a userlist only ; begins a comment');
    const [, name, password] = /^"((?:[^"]|"")*)"[ \t]*"((?:[^"]|"")*)"(?!")/.exec(content) ?? [];
    if (name === undefined || password === undefined) return fail('is not "user" "password", both in double quotes');
    const problem = checkEntry(name, password);
    return problem === undefined
      ? [{ ok: true, line, entry: { name: unquote(name), password: unquote(password) } }]
      : fail(problem);
  });

export type SecretKind = 'plain' | 'md5' | 'scram';

/** What PgBouncer takes a stored password for. It goes by the looks alone: a plain one that looks like a hash is misread. */
export function classifySecret(password: string): SecretKind {
  if (/^md5[0-9a-f]{32}$/.test(password)) return 'md5';
  return /^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/.test(password)
    ? 'scram'
    : 'plain';
}

/** Meant for an md5 hash, and not one to PgBouncer, which takes it for the password itself. */
export const looksLikeMd5 = (password: string): boolean =>
  classifySecret(password) === 'plain' && /^md5[0-9a-zA-Z]{24,40}$/i.test(password);

/** PgBouncer measures the fields as they are written, with every quote doubled. */
function checkEntry(name: string, password: string): string | undefined {
  if (name === '') return 'has an empty name';
  if (hasControlCharacter(name) || hasControlCharacter(password)) return 'has a control character';
  if (byteLength(name) > MAX_USER_BYTES) return `has a name longer than ${MAX_USER_BYTES} bytes`;
  return byteLength(password) > MAX_PASSWORD_BYTES
    ? `has a password longer than ${MAX_PASSWORD_BYTES} bytes`
    : undefined;
}

/** What PgBouncer measures: the text as it stands between the quotes. */
export const quotedBytes = (text: string): number => byteLength(quote(text));

const quote = (text: string): string => text.replaceAll('"', '""');
const unquote = (text: string): string => text.replaceAll('""', '"');
