/**
 * How text stands in PgBouncer's files. The files know hardly any quoting, so whatever could begin a new line, and with
 * it a new directive, is refused everywhere.
 */
import { cutText } from '../api/fault.ts';
import { visible } from '../api/visible.ts';
import { atLeast, type Version } from './version.ts';

/** Bytes that a name or a password may have; longer ones fail the reload, or lock out every user after them. */
export const MAX_DATABASE_BYTES = 63;
export const MAX_USER_BYTES = 127;
/**
 * PostgreSQL cuts names of roles off here. PgBouncer takes twice as many bytes, counted with every double quote doubled:
 * so what fits this fits there.
 */
export const MAX_ROLE_BYTES = 63;
/** 2047 before 1.26. */
export const maxPasswordBytes = (version: Version): number => (atLeast(version, '1.26') ? 65_530 : 2_047);

/** A newline begins a directive, NUL ends the file; and half a surrogate pair cannot be written as UTF-8. */
export const hasControlCharacter = (text: string): boolean => /\p{Cc}/u.test(text) || !text.isWellFormed();

const SHOWN_CHARACTERS = 300;

/** What a process said of itself, as it may stand in a message: one line, of bounded length. */
export const quotable = (said: string): string =>
  visible(said.length > SHOWN_CHARACTERS ? `${cutText(said, SHOWN_CHARACTERS)}…` : said);

/** Without the spaces and tabs around it: to PgBouncer no other character is one. */
export const trimBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

export const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');

/**
 * A value in a connection string: `'it''s'`. There is no backslash escape.
 * @throws RangeError for what cannot be written: control characters, and nothing at all
 */
export function quoteConnectionValue(value: string): string {
  if (value === '') throw new RangeError('an empty value cannot stand in a connection string');
  refuseControlCharacters(value, 'a connection string');
  return `'${value.replaceAll("'", "''")}'`;
}

/**
 * The name before `=`: bare where its characters allow it, else in single quotes, which PgBouncer reads since 1.25.
 * @returns undefined when this version has no way to write it
 */
export function quoteKey(name: string, version: Version): string | undefined {
  if (/^[A-Za-z0-9_.*-]+$/.test(name)) return name;
  if (name === '' || name.includes("'") || hasControlCharacter(name) || !atLeast(version, '1.25')) return undefined;
  return `'${name}'`;
}

/** @throws RangeError that does not show the text: it may be a secret */
export function refuseControlCharacters(text: string, place: string): void {
  if (hasControlCharacter(text)) throw new RangeError(`a control character cannot stand in ${place}`);
}
