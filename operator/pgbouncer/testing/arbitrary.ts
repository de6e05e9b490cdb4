/** Arbitrary content for property tests: everything that a version of PgBouncer takes, and text that hopes to break out. */
import { fc } from '../../testing/properties.ts';
import type { HbaName, HbaRule } from '../hba.ts';
import type { IniEntry, IniFile } from '../ini.ts';
import { type Section, type Setting, settingsOf } from '../settings.ts';
import { byteLength, hasControlCharacter, MAX_DATABASE_BYTES, MAX_USER_BYTES, quoteKey } from '../text.ts';
import type { UserlistEntry } from '../userlist.ts';
import type { Version } from '../version.ts';

/** Pieces of PgBouncer's own syntax, so that the generator need not stumble over them. */
const SYNTAX = [
  "'",
  '"',
  '\\',
  ' ',
  '\t',
  '=',
  ';',
  '#',
  ',',
  '%include /x',
  '[pgbouncer]',
  'admin_users=x',
  "' host='x",
  '" "x',
  '\\n',
  '*',
  // What other programs take for the end of a line, for nothing, or for a space.
  '\u2028',
  '\u2029',
  '\ufeff',
  '\u00a0',
  'ä',
  '🐘',
  'a',
  '0',
];
const BREAKS = [
  ...['\n', '\r', '\r\n', '\0', '\x1b', '\u0085', '\ud800', '\udc00', '\\\n'],
  ...['\nadmin_users = x\n', '\n%include /x\n', '\n[pgbouncer]\n', "'\n[databases]\nx = host='x"],
];

const pieces = (from: readonly string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof(fc.constantFrom(...from), fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 8 })
    .map((parts) => parts.join(''));

/** Any text at all, control characters included. */
export const hostileText: fc.Arbitrary<string> = pieces([...SYNTAX, ...BREAKS]);

/** Text that can stand in a file. */
export const printableText: fc.Arbitrary<string> = pieces(SYNTAX).filter((text) => !hasControlCharacter(text));

/** A value as the settings table allows it for this setting. */
export function settingValue(setting: Setting): fc.Arbitrary<string> {
  const { min = 0, max = 1_000_000 } = setting;
  switch (setting.type) {
    case 'boolean':
      return fc.constantFrom('0', '1');
    case 'enum':
      return fc.constantFrom(...(setting.enum ?? []));
    case 'octal':
      return fc.constantFrom('0777', '0700', '0000');
    case 'integer':
      return fc.integer({ min, max }).map(String);
    case 'seconds':
      return fc.oneof(
        fc.integer({ min, max }).map(String),
        fc.integer({ min: min * 10, max: 100_000 }).map((tenths) => String(tenths / 10)),
      );
    case 'string':
      return printableText.map((text) => text.trim()).filter((text) => setting.section === 'pgbouncer' || text !== '');
  }
}

/** Parameters of one entry, of those that `wanted` picks. */
const params = (
  section: Section,
  version: Version,
  wanted: (setting: Setting) => boolean,
): fc.Arbitrary<IniEntry['params']> =>
  fc
    .subarray(settingsOf(version, section).filter(wanted))
    .chain((settings) =>
      fc.tuple(...settings.map((setting) => settingValue(setting).map((value) => [setting.name, value] as const))),
    )
    .map((pairs) => Object.fromEntries(pairs));

const name = (version: Version, maxBytes: number): fc.Arbitrary<string> =>
  fc
    .oneof(fc.stringMatching(/^[A-Za-z0-9_.*-]{1,63}$/), printableText)
    .filter((text) => quoteKey(text, version) !== undefined && byteLength(text) <= maxBytes);

const entries = (
  names: fc.Arbitrary<string>,
  values: fc.Arbitrary<IniEntry['params']>,
): fc.Arbitrary<readonly IniEntry[]> =>
  fc.uniqueArray(fc.record({ name: names, params: values }, { noNullPrototype: true }), {
    selector: (entry) => entry.name,
    maxLength: 5,
  });

/** Everything printable: any setting of the version with any value that the table allows. */
export const iniFile = (version: Version, wanted: (setting: Setting) => boolean = () => true): fc.Arbitrary<IniFile> =>
  fc.record(
    {
      databases: entries(
        name(version, MAX_DATABASE_BYTES).filter((text) => text !== 'pgbouncer'),
        params('databases', version, wanted),
      ),
      users: entries(name(version, MAX_USER_BYTES), params('users', version, wanted)),
      pgbouncer: params('pgbouncer', version, wanted).map((settings) => Object.entries(settings)),
    },
    { noNullPrototype: true },
  );

const userName: fc.Arbitrary<string> = fc
  .oneof(fc.constantFrom('all', 'replication', '+all', '@file'), printableText)
  .filter((text) => text !== '' && byteLength(text.replaceAll('"', '""')) <= MAX_USER_BYTES);

export const userlistEntry: fc.Arbitrary<UserlistEntry> = fc.record(
  { name: userName, password: printableText },
  { noNullPrototype: true },
);

const hbaNames = (keyword: HbaName): fc.Arbitrary<readonly HbaName[]> =>
  fc.array(fc.oneof(userName, fc.constant(keyword)), { minLength: 1, maxLength: 4 });

export const hbaRule: fc.Arbitrary<HbaRule> = fc.record(
  {
    type: fc.constantFrom('host', 'hostssl', 'hostnossl'),
    databases: hbaNames({ keyword: 'sameuser' }),
    users: hbaNames({ keyword: 'all' }),
    address: fc.constantFrom('10.0.0.0/8', '0.0.0.0/0', '::/0', '192.168.1.7/32', 'fd00::1/128'),
    method: fc.constantFrom('scram-sha-256', 'md5', 'reject', 'trust'),
  },
  { noNullPrototype: true },
);
