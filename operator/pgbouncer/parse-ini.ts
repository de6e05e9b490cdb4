/**
 * Reads pgbouncer.ini as strictly as a change deserves: what passes here, every process of that version reads to its
 * end, and with the meaning it has here. PgBouncer itself takes more (octal numbers, repeated headers that reset all
 * settings, pool sizes of garbage); none of that is let through. Values never stand in a problem: they may be secrets.
 */
import { parseConnectionString } from './connection-string.ts';
import type { IniEntry, IniFile } from './ini.ts';
import { existsIn, findSetting, SECTIONS, type Section } from './settings.ts';
import { byteLength, hasControlCharacter, MAX_DATABASE_BYTES, MAX_USER_BYTES, quoteKey, trimBlanks } from './text.ts';
import { checkValue } from './value.ts';
import { atLeast, formatVersion, type Version } from './version.ts';

export type ParsedIni =
  | { readonly ok: true; readonly ini: IniFile; readonly includes: readonly string[] }
  /** Lines count from 1; 0 is the file as a whole. */
  | { readonly ok: false; readonly line: number; readonly problem: string };

export interface ParseIniOptions {
  /** Whether `%include FILE` may stand there; then [pgbouncer] may be missing. The files are named, not read. */
  readonly allowInclude?: boolean;
}

/** The draft of an {@link IniFile}, filled line by line. */
interface Draft {
  readonly databases: Map<string, IniEntry>;
  readonly users: Map<string, IniEntry>;
  readonly peers: Map<string, IniEntry>;
  readonly pgbouncer: Map<string, string>;
  readonly headers: Set<Section>;
  readonly includes: string[];
}

export function parseIni(text: string, version: Version, options: ParseIniOptions = {}): ParsedIni {
  const draft: Draft = {
    databases: new Map(),
    users: new Map(),
    peers: new Map(),
    pgbouncer: new Map(),
    headers: new Set(),
    includes: [],
  };
  let section: Section | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fail = (problem: string): ParsedIni => ({ ok: false, line: index + 1, problem });
    if (hasControlCharacter(line)) return fail('holds a control character');
    const content = trimBlanks(line);
    if (content === '' || content.startsWith(';') || content.startsWith('#')) continue;
    if (content.startsWith('%include ')) {
      if (!options.allowInclude) return fail('includes another file');
      draft.includes.push(trimBlanks(content.slice('%include '.length)));
    } else if (content.startsWith('[')) {
      const header = readHeader(content, version, draft);
      if ('problem' in header) return fail(header.problem);
      section = header.section;
    } else {
      const problem =
        section === undefined ? 'stands before the first section' : readPair(content, section, version, draft);
      if (problem !== undefined) return fail(problem);
    }
  }
  if (!draft.headers.has('pgbouncer') && draft.includes.length === 0) {
    return { ok: false, line: 0, problem: 'there is no section [pgbouncer]' };
  }
  return { ok: true, ini: finish(draft), includes: draft.includes };
}

function readHeader(
  content: string,
  version: Version,
  draft: Draft,
): { readonly section: Section } | { readonly problem: string } {
  const section = SECTIONS.find((name) => content === `[${name}]`);
  if (section === undefined) return { problem: 'is not a section of PgBouncer' };
  if (section === 'peers' && !atLeast(version, '1.19')) return { problem: '[peers] needs PgBouncer 1.19.0 or newer' };
  // PgBouncer would set every setting back to its default at the second [pgbouncer], and say nothing.
  if (draft.headers.has(section)) return { problem: `[${section}] stands there twice` };
  draft.headers.add(section);
  return { section };
}

function readPair(content: string, section: Section, version: Version, draft: Draft): string | undefined {
  const match = /^(?:'([^']*)'|([A-Za-z0-9_.*-]+))[ \t]*=[ \t]*(.*)$/s.exec(content);
  const key = match?.[1] ?? match?.[2];
  const value = match?.[3];
  if (key === undefined || value === undefined) return 'is not a key, `=` and a value';
  if (quoteKey(key, version) === undefined || (match?.[1] !== undefined && !atLeast(version, '1.25'))) {
    return `the name ${JSON.stringify(key)} cannot stand in a file of PgBouncer ${formatVersion(version)}`;
  }
  if (section === 'pgbouncer') {
    if (draft.pgbouncer.has(key)) return `${key} stands there twice`;
    draft.pgbouncer.set(key, value);
    return checkSetting(section, key, value, version);
  }
  return readEntry(key, value, section, version, draft[section]);
}

function readEntry(
  name: string,
  value: string,
  section: Exclude<Section, 'pgbouncer'>,
  version: Version,
  entries: Map<string, IniEntry>,
): string | undefined {
  if (entries.has(name)) return `${name} stands there twice`;
  const problem = checkName(name, section);
  if (problem !== undefined) return `${JSON.stringify(name)} ${problem}`;
  const parsed = parseConnectionString(value);
  if (!parsed.ok) return `${name} ${parsed.problem}`;
  const seen = new Set<string>();
  for (const [key, text] of parsed.pairs) {
    const fault = seen.has(key) ? `${key} stands there twice` : checkSetting(section, key, text, version);
    if (fault !== undefined) return `${name}: ${fault}`;
    seen.add(key);
  }
  entries.set(name, { name, params: Object.fromEntries(parsed.pairs) });
  return undefined;
}

function checkName(name: string, section: Exclude<Section, 'pgbouncer'>): string | undefined {
  switch (section) {
    case 'databases':
      if (name === 'pgbouncer') return 'is the name of the console';
      return byteLength(name) > MAX_DATABASE_BYTES ? `is longer than ${MAX_DATABASE_BYTES} bytes` : undefined;
    case 'users':
      return byteLength(name) > MAX_USER_BYTES ? `is longer than ${MAX_USER_BYTES} bytes` : undefined;
    case 'peers':
      return /^[1-9]\d{0,4}$/.test(name) && Number(name) <= 16_383 ? undefined : 'is not a peer id from 1 to 16383';
  }
}

function checkSetting(section: Section, key: string, value: string, version: Version): string | undefined {
  const setting = findSetting(section, key);
  if (setting === undefined || !existsIn(setting, version)) {
    return `${key} is not a setting of [${section}] in PgBouncer ${formatVersion(version)}`;
  }
  const fault = checkValue(setting, value);
  return fault && `${key} ${fault.problem}; ${fault.remedy}`;
}

function finish(draft: Draft): IniFile {
  return {
    databases: [...draft.databases.values()],
    users: [...draft.users.values()],
    ...(draft.peers.size > 0 && { peers: [...draft.peers.values()] }),
    pgbouncer: [...draft.pgbouncer],
  };
}
