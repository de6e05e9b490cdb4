/** Reads the connection string of an entry, `host='pg' port='5432'`, with the grammar of PgBouncer's own reader. */

export type ConnectionPairs =
  | { readonly ok: true; readonly pairs: readonly (readonly [key: string, value: string])[] }
  | { readonly ok: false; readonly problem: string };

/** Only spaces separate; `''` inside quotes is one quote; there is no backslash, no comment and no empty value. */
export function parseConnectionString(text: string): ConnectionPairs {
  const pairs: (readonly [string, string])[] = [];
  const pair = /([^= ]+) *= *(?:'((?:[^']|'')*)'(?= |$)|([^' ][^ ]*)(?= |$))/y;
  let at = skipSpaces(text, 0);
  while (at < text.length) {
    pair.lastIndex = at;
    const match = pair.exec(text);
    const [, key, quoted, bare] = match ?? [];
    const value = quoted?.replaceAll("''", "'") ?? bare;
    if (key === undefined || value === undefined) return { ok: false, problem: 'is not a list of key=value pairs' };
    if (value === '') return { ok: false, problem: `has an empty value for ${key}` };
    pairs.push([key, value]);
    at = skipSpaces(text, pair.lastIndex);
  }
  return { ok: true, pairs };
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}
