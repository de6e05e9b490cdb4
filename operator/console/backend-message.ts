/**
 * The messages of a console: whether one is built as its type says, to the last byte, and what is in it. What reads them
 * trusts their form: a text without an end would keep it reading, and the whole process waiting, for ever.
 */

/** @param body without type and length; @returns false also for types that a console does not send */
export function isWellFormed(type: string, body: Buffer): boolean {
  switch (type) {
    case 'R':
      return body.length >= 4 && (body.readUInt32BE(0) !== 10 || afterTexts(body, 4) === body.length);
    case 'E':
    case 'N':
      // Each field is a letter and a text; a letter that is zero ends them.
      return afterTexts(body, 0) === body.length;
    case 'S':
      return afterText(body, afterText(body, 0)) === body.length;
    case 'C':
      return afterText(body, 0) === body.length;
    case 'T':
      return afterItems(body, afterColumn) === body.length;
    case 'D':
      return afterItems(body, afterValue) === body.length;
    case 'K':
      return body.length === 8;
    case 'Z':
      return body.length === 1;
    case 'I':
      return body.length === 0;
    default:
      return false;
  }
}

/** Where the text that begins there is over, its zero included; past the end when it has none. */
function afterText(body: Buffer, from: number): number {
  const end = from > body.length ? -1 : body.indexOf(0, from);
  return end < 0 ? Number.POSITIVE_INFINITY : end + 1;
}

/** Texts that are not empty, and an empty one behind them. */
function afterTexts(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && body[at] !== 0) at = afterText(body, at);
  return at + 1;
}

/** A count and as many items. */
function afterItems(body: Buffer, afterItem: (body: Buffer, at: number) => number): number {
  if (body.length < 2) return Number.POSITIVE_INFINITY;
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0 && at <= body.length; left -= 1) at = afterItem(body, at);
  return at;
}

/** A name, and where the column is from. */
const afterColumn = (body: Buffer, at: number): number => afterText(body, at) + 18;

/** A length and as many bytes; a length of -1 is NULL. */
function afterValue(body: Buffer, at: number): number {
  if (at + 4 > body.length) return Number.POSITIVE_INFINITY;
  const length = body.readInt32BE(at);
  return length < -1 ? Number.POSITIVE_INFINITY : at + 4 + Math.max(length, 0);
}

/** The names of the columns, of a well-formed `T`. */
export function columnsOf(body: Buffer): readonly string[] {
  const names: string[] = [];
  const count = body.readUInt16BE(0);
  for (let at = 2; names.length < count; ) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 19;
  }
  return names;
}

/** The values of a row, of a well-formed `D`. */
export function valuesOf(body: Buffer): readonly (string | null)[] {
  const values: (string | null)[] = [];
  const count = body.readUInt16BE(0);
  for (let at = 2; values.length < count; ) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}

export interface Complaint {
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
}

/** What a well-formed `E` says. */
export function complaintOf(body: Buffer): Complaint {
  const fields = new Map<string, string>();
  for (const text of body.toString('utf8').split('\0')) if (text !== '') fields.set(text.charAt(0), text.slice(1));
  return { severity: fields.get('S') ?? '', code: fields.get('C') ?? '', message: fields.get('M') ?? '' };
}
