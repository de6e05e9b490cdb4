/**
 * Prints and reads the file of access rules. PgBouncer skips a line that it cannot read and goes on, so that a broken
 * `reject` opens a door: nothing may be printed that it could not read.
 */
import { splitFields } from './fields.ts';
import { isMapName } from './ident.ts';
import { networkProblem } from './network.ts';
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
  /** With its prefix length, `10.0.0.0/8`, `::/0`, or `all` (PgBouncer 1.23 and newer); none for `local`. */
  readonly address?: string;
  readonly method: string;
  /** `map` of a method that knows who the client is, and the `ldap…` of a directory. */
  readonly options?: Readonly<Record<string, string>>;
}

export type ParsedRule =
  | { readonly ok: true; readonly rule: HbaRule }
  /** As half a sentence: "has no method". */
  | { readonly ok: false; readonly problem: string };

export type ParsedHba =
  | { readonly ok: true; readonly rules: readonly HbaRule[] }
  /** Lines count from 1. */
  | { readonly ok: false; readonly line: number; readonly problem: string };

const TYPES = ['host', 'local', 'hostssl', 'hostnossl'] as const;
/** Not `pam`: every version refuses it in a rule. */
const METHODS = ['trust', 'reject', 'md5', 'password', 'peer', 'cert', 'scram-sha-256', 'ldap'];

/** What may follow the method `ldap`. */
export const LDAP_OPTIONS = [
  ...['ldapserver', 'ldapport', 'ldapscheme', 'ldaptls', 'ldapprefix', 'ldapsuffix', 'ldapbasedn', 'ldapbinddn'],
  ...['ldapbindpasswd', 'ldapsearchattribute', 'ldapsearchfilter', 'ldapurl'],
];

/**
 * In the order given; names always in double quotes, so that none is a keyword.
 * @throws RangeError naming what cannot be written
 */
export function printHba(rules: readonly HbaRule[]): string {
  return rules
    .map((rule) => {
      const problem = checkRule(rule);
      if (problem !== undefined) throw new RangeError(`the access rules cannot hold this: a rule ${problem}`);
      const address = rule.address === undefined ? [] : [rule.address];
      const words = [rule.type, printNames(rule.databases), printNames(rule.users), ...address, rule.method];
      return `${[...words, ...printOptions(rule.options ?? {})].join(' ')}\n`;
    })
    .join('');
}

/** Stricter than PgBouncer: no files of names, no address with a separate mask. */
export function parseHba(text: string): ParsedHba {
  const rules: HbaRule[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^[ \t]*(#|$)/.test(line)) continue;
    const parsed = parseHbaLine(line);
    if (!parsed.ok) return { ok: false, line: index + 1, problem: parsed.problem };
    rules.push(parsed.rule);
  }
  return { ok: true, rules };
}

/** One rule. What is not one, also nothing at all, has a problem. */
export function parseHbaLine(line: string): ParsedRule {
  const fail = (problem: string): ParsedRule => ({ ok: false, problem });
  const fields = splitFields(line);
  if (fields === undefined) return fail('has a double quote that is not closed');
  const [typeField, databaseField, userField, ...rest] = fields;
  const type = TYPES.find((name) => name === typeField);
  if (type === undefined) return fail(`begins with none of ${TYPES.join(', ')}`);
  const databases = readNames(databaseField, ['all', 'sameuser', 'replication']);
  const users = readNames(userField, ['all']);
  if (!databases || !users)
    return fail('has no list of databases or users, or one with a file, a group or a hole in it');
  const address = type === 'local' ? undefined : rest[0];
  const [method, ...words] = type === 'local' ? rest : rest.slice(1);
  if (method === undefined)
    return fail(rest.length === 0 ? 'has no address and no method' : 'has no method, or no address');
  // A mask of its own stands where the method would.
  if (/^[\d.]+$|:/.test(method))
    return fail(`has a mask of its own, ${method}: write the address with a length, 10.0.0.0/8`);
  const options = readOptions(words);
  if (options === undefined) return fail(`has words behind its method that are no option: ${words.join(' ')}`);
  const rule: HbaRule = {
    type,
    databases,
    users,
    ...(address !== undefined && { address }),
    method,
    ...(words.length > 0 && { options }),
  };
  const problem = checkRule(rule);
  return problem === undefined ? { ok: true, rule } : fail(problem);
}

function checkRule({ type, databases, users, address, method, options = {} }: HbaRule): string | undefined {
  const names = [...databases, ...users].filter((name) => typeof name === 'string');
  if (databases.length === 0 || users.length === 0) return 'names no database or no user';
  if (names.some((name) => name === '' || hasControlCharacter(name) || byteLength(name) > MAX_USER_BYTES)) {
    return `has a name that is empty, has a control character or is longer than ${MAX_USER_BYTES} bytes`;
  }
  if ((type === 'local') !== (address === undefined))
    return `is ${type} with${address === undefined ? 'out' : ''} an address`;
  if (!METHODS.includes(method)) return `has the method ${method}, which is none of ${METHODS.join(', ')}`;
  const stray = Object.entries(options).find(([key, value]) => !isOption(method, key, value));
  if (stray !== undefined) return `has an option that ${method} does not take: ${stray[0]}`;
  return address === undefined || address === 'all' ? undefined : networkProblem(address);
}

function isOption(method: string, key: string, value: string): boolean {
  if (key === 'map') return (method === 'cert' || method === 'peer') && isMapName(value);
  // PgBouncer knows no way to write a quote inside of quotes here.
  return method === 'ldap' && LDAP_OPTIONS.includes(key) && !/["\\]/.test(value) && !hasControlCharacter(value);
}

/** A map is found only bare; the rest is quoted, because a comma would end it. */
const printOptions = (options: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(options).map(([key, value]) => (key === 'map' ? `map=${value}` : `${key}="${value}"`));

function readOptions(words: readonly string[]): Readonly<Record<string, string>> | undefined {
  const options: Record<string, string> = {};
  for (const word of words) {
    const [, key, quoted, bare] = /^([a-z]+)=(?:"([^"]*)"|([^",]+))$/.exec(word) ?? [];
    if (key === undefined || Object.hasOwn(options, key)) return undefined;
    options[key] = quoted ?? bare ?? '';
  }
  return options;
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
