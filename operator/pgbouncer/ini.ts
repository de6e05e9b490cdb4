/**
 * Prints pgbouncer.ini. [pgbouncer] comes last, so that an error in an entry leaves its settings as they were; inside
 * it the caller decides the order. The same content gives the same bytes.
 */
import {
  byteLength,
  hasControlCharacter,
  MAX_DATABASE_BYTES,
  MAX_USER_BYTES,
  quoteConnectionValue,
  quoteKey,
} from './text.ts';
import type { Version } from './version.ts';

/** One line of [databases], [users] or [peers]: a name and the pairs of its connection string. */
export interface IniEntry {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

export interface IniFile {
  /** `*` stands for every database without an entry of its own. */
  readonly databases: readonly IniEntry[];
  readonly users: readonly IniEntry[];
  readonly peers?: readonly IniEntry[];
  /** In the order in which they are printed. */
  readonly pgbouncer: readonly (readonly [key: string, value: string])[];
}

/**
 * Entries and their parameters are sorted; every value of an entry is quoted.
 * @throws RangeError naming the entry or key (never a value) that this version of PgBouncer could not read back as it
 * is meant; specs are checked before, so that it is an error of the program
 */
export function printIni(ini: IniFile, version: Version): string {
  return [
    printEntries('databases', ini.databases, MAX_DATABASE_BYTES, version),
    printEntries('users', ini.users, MAX_USER_BYTES, version),
    printEntries('peers', ini.peers ?? [], MAX_USER_BYTES, version),
    `[pgbouncer]\n${printSettings(ini.pgbouncer)}`,
  ]
    .filter((section) => section !== '')
    .join('\n');
}

function printEntries(section: string, entries: readonly IniEntry[], maxBytes: number, version: Version): string {
  if (entries.length === 0) return '';
  refuseRepeated(
    section,
    entries.map(({ name }) => name),
  );
  const lines = entries
    .toSorted((a, b) => compareText(a.name, b.name))
    .map(({ name, params }) => {
      const key = byteLength(name) <= maxBytes ? quoteKey(name, version) : undefined;
      if (key === undefined) throw new RangeError(`[${section}] cannot hold the name ${JSON.stringify(name)}`);
      return `${key} = ${printParams(section, name, params)}`.trimEnd();
    });
  return `[${section}]\n${lines.join('\n')}\n`;
}

function printParams(section: string, entry: string, params: IniEntry['params']): string {
  return Object.entries(params)
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, value]) => {
      if (!isSettingName(key) || value === '' || hasControlCharacter(value)) {
        throw new RangeError(`[${section}] ${entry}: ${JSON.stringify(key)} cannot be written`);
      }
      return `${key}=${quoteConnectionValue(value)}`;
    })
    .join(' ');
}

function printSettings(settings: IniFile['pgbouncer']): string {
  refuseRepeated(
    'pgbouncer',
    settings.map(([key]) => key),
  );
  return settings
    .map(([key, value]) => {
      if (!isSettingName(key) || value !== value.trim() || hasControlCharacter(value)) {
        throw new RangeError(`[pgbouncer] ${JSON.stringify(key)} cannot be written`);
      }
      return `${`${key} = ${value}`.trimEnd()}\n`;
    })
    .join('');
}

const isSettingName = (key: string): boolean => /^[a-z0-9_]+$/.test(key);

function refuseRepeated(section: string, names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new RangeError(`[${section}] ${JSON.stringify(repeated)} stands there twice`);
}

/** By code unit, whatever the locale. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
