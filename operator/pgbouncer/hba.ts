/**
 * Prints and reads the file of access rules. PgBouncer skips a line that it cannot read and goes on, so that a broken
 * `reject` opens a door: nothing may be printed that it could not read.
 */
import { byteLength, hasControlCharacter, MAX_USER_BYTES } from './text.ts';

/** Bare words with a meaning. */
export type HbaKeyword = 'all' | 'sameuser' | 'replication';

/** A string is always a name, also the string `all`; what the whole world means is `{keyword: 'all'}`. */
export type HbaName = string | { readonly keyword: HbaKeyword };

/** Everybody, every database. */
export const ALL: HbaName = { keyword: 'all' };

export interface HbaRule {
  readonly type: 'host' | 'local' | 'hostssl' | 'hostnossl';
  readonly databases: readonly HbaName[];
  readonly users: readonly HbaName[];
  /** With its prefix length, `10.0.0.0/8`, `::/0`; none for `local`. */
  readonly address?: string;
  readonly method: string;
}

export type ParsedHba =
  | { readonly ok: true; readonly rules: readonly HbaRule[] }
  /** Lines count from 1. */
  | { readonly ok: false; readonly line: number; readonly problem: string };

const TYPES = ['host', 'local', 'hostssl', 'hostnossl'] as const;
const METHODS = ['trust', 'reject', 'md5', 'password', 'peer', 'cert', 'scram-sha-256', 'ldap', 'pam'];

/**
 * In the order given; names always in double quotes, so that none is a keyword.
 * @throws RangeError naming what cannot be written
 */
export function printHba(rules: readonly HbaRule[]): string {
  return rules
    .map((rule) => {
      const problem = checkRule(rule);
      if (problem !== undefined) throw new RangeError(`the access rules cannot hold this: ${problem}`);
      const address = rule.address === undefined ? [] : [rule.address];
      return `${[rule.type, printNames(rule.databases), printNames(rule.users), ...address, rule.method].join(' ')}\n`;
    })
    .join('');
}

/** Stricter than PgBouncer: no files of names, no address with a separate mask, no options behind the method. */
export function parseHba(text: string): ParsedHba {
  const rules: HbaRule[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const fail = (problem: string): ParsedHba => ({ ok: false, line: index + 1, problem });
    const fields = splitFields(line);
    if (fields === undefined) return fail('a double quote is not closed');
    const [typeField, databaseField, userField, ...rest] = fields;
    if (typeField === undefined) continue;
    const type = TYPES.find((name) => name === typeField);
    if (type === undefined) return fail(`a rule begins with one of ${TYPES.join(', ')}`);
    const databases = readNames(databaseField, ['all', 'sameuser', 'replication']);
    const users = readNames(userField, ['all']);
    if (!databases || !users) return fail('a list of names is missing, or holds what PgBouncer does not know');
    const [address, method, extra] = type === 'local' ? [undefined, ...rest] : rest;
    if (method === undefined) return fail('the method is missing');
    if (extra !== undefined) return fail('nothing may follow the method');
    const rule: HbaRule = { type, databases, users, ...(address !== undefined && { address }), method };
    const problem = checkRule(rule);
    if (problem !== undefined) return fail(problem);
    rules.push(rule);
  }
  return { ok: true, rules };
}

function checkRule(rule: HbaRule): string | undefined {
  const names = [...rule.databases, ...rule.users].filter((name) => typeof name === 'string');
  if (rule.databases.length === 0 || rule.users.length === 0) return 'a rule without a name';
  if (names.some((name) => name === '' || hasControlCharacter(name) || byteLength(name) > MAX_USER_BYTES)) {
    return `a name that is empty, has a control character or is longer than ${MAX_USER_BYTES} bytes`;
  }
  if ((rule.type === 'local') !== (rule.address === undefined))
    return `${rule.type} with${rule.address === undefined ? 'out' : ''} an address`;
  if (rule.address !== undefined && !isNetwork(rule.address)) return 'an address that is not like 10.0.0.0/8';
  return METHODS.includes(rule.method) ? undefined : `a method that is none of ${METHODS.join(', ')}`;
}

const printNames = (names: readonly HbaName[]): string =>
  names.map((name) => (typeof name === 'string' ? `"${name.replaceAll('"', '""')}"` : name.keyword)).join(',');

function readNames(field: string | undefined, keywords: readonly HbaKeyword[]): readonly HbaName[] | undefined {
  if (field === undefined) return undefined;
  const names: HbaName[] = [];
  const item = /(?:"((?:[^"]|"")*)"|([^",]+))(,|$)/y;
  while (item.lastIndex < field.length) {
    const [, quoted, bare = '', comma] = item.exec(field) ?? [];
    const name = quoted?.replaceAll('""', '"') ?? keywordOrName(bare, keywords);
    // A comma must be followed by a name.
    if (name === undefined || (comma === ',') !== item.lastIndex < field.length) return undefined;
    names.push(name);
  }
  return names;
}

/** A bare word that means more than its letters, and is none of the keywords, is not taken for a name. */
function keywordOrName(word: string, keywords: readonly HbaKeyword[]): HbaName | undefined {
  const keyword = keywords.find((known) => known === word);
  if (keyword !== undefined) return { keyword };
  return word === '' || /^[@+]/.test(word) || /^(all|same(user|role|group)|replication)$/.test(word) ? undefined : word;
}

/** Fields of a line; quoted parts hold spaces and `#`. Undefined when a quote is not closed. */
function splitFields(line: string): readonly string[] | undefined {
  const fields: string[] = [];
  const field = /[ \t]*((?:"(?:[^"]|"")*"|[^ \t"#])+)/y;
  for (;;) {
    const at = field.lastIndex;
    const match = field.exec(line);
    if (match?.[1] === undefined) return /^[ \t]*(#|$)/.test(line.slice(at)) ? fields : undefined;
    fields.push(match[1]);
  }
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, more] = text.split('/');
  if (more !== undefined || (prefix !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefix))) return false;
  const bits = Number(prefix ?? 0);
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(address))
    return address.split('.').every((byte) => Number(byte) <= 255) && bits <= 32;
  return /^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(address) && bits <= 128;
}
