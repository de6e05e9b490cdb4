import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  defaultIn,
  isRestartOnly,
  SECTIONS,
  SETTING_TYPES,
  SETTINGS,
  type Section,
  type Setting,
  settingsOf,
} from '../../pgbouncer/settings.ts';
import { readConfig } from '../../pgbouncer/show.ts';
import { quoteConnectionValue } from '../../pgbouncer/text.ts';
import { checkValue, isSameValue } from '../../pgbouncer/value.ts';
import { openSession } from '../session.ts';
import { judgeMany } from './judge-many.ts';
import { REAL_VERSIONS, type RealVersion, startPgbouncer, versionOf } from './real-pgbouncer.ts';
import { ADMIN, filesOf, sampleOf } from './sample.ts';

/** Values that do no harm to a process that only reads its files. */
const HARMLESS: Readonly<Record<string, string>> = {
  'pgbouncer/auth_type': 'trust',
  'pgbouncer/auth_file': '/dev/null',
  'pgbouncer/conffile': '/dev/null',
  'pgbouncer/verbose': '0',
  'pgbouncer/user': '__nouser__',
  'pgbouncer/unix_socket_mode': '0700',
  'pgbouncer/server_tls_sslmode': 'disable',
  'pgbouncer/client_tls_sslmode': 'disable',
};

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`the settings table and pgbouncer ${real}`, () => {
    it('agree on the names, defaults and changeability of [pgbouncer]', async () => {
      const bouncer = await startPgbouncer(real, (place) => filesOf(place, sampleOf(place, 'r'), version));
      try {
        const session = await openSession({ ...bouncer, ...ADMIN });
        const rows = readConfig(await session.show('CONFIG'));
        await session.close();
        const known = settingsOf(version, 'pgbouncer');
        assert.deepEqual(rows.map(({ key }) => key).sort(), known.map(({ name }) => name).sort());
        assert.deepEqual(
          rows.map((row) => ({ ...row, value: undefined })).sort((a, b) => (a.key < b.key ? -1 : 1)),
          known.map((setting) => ({
            key: setting.name,
            value: undefined,
            default: printedDefault(setting, real, rows.find((row) => row.key === setting.name)?.default ?? null),
            changeable: !isRestartOnly(setting, version),
          })),
        );
      } finally {
        await bouncer.stop();
      }
    });

    it('agree on every key that exists: a file with all of them is taken', async () => {
      const all = SECTIONS.map((section) => settingsOf(version, section));
      assert.deepEqual(await judgeMany(real, [iniOf(all.flat())]), [[]]);
    });

    it('agree on every key that does not exist, also one of another section: each alone is refused', async () => {
      const names = [...new Set(SETTINGS.map(({ name }) => name)), 'no_such_setting', 'sslmode'];
      const unknown = SECTIONS.flatMap((section) =>
        names
          .filter((name) => !settingsOf(version, section).some((setting) => setting.name === name))
          .map((name) => ({ section, name, value: '1' })),
      );
      assert.ok(unknown.length > 200, `${unknown.length} keys`);
      const verdicts = await judgeMany(
        real,
        unknown.map((pair) => iniOf([], [pair])),
      );
      const taken = unknown.filter((_, index) => verdicts[index]?.length === 0);
      assert.deepEqual(
        taken.map(({ section, name }) => `${section}/${name}`),
        [],
      );
    });

    it('agree on values: the least and the most of every number, and every word in capitals, are taken', async () => {
      const all = SECTIONS.flatMap((section) => settingsOf(version, section));
      const bounds = (bound: 'min' | 'max') => (setting: Setting) =>
        setting.type === 'integer' || setting.type === 'seconds' ? String(setting[bound]) : valueFor(setting);
      const words = Math.max(...all.map((setting) => setting.enum?.length ?? 0));
      const files = [
        iniOf(all, [], bounds('min')),
        iniOf(all, [], bounds('max')),
        ...Array.from({ length: words }, (_, index) =>
          iniOf(all, [], (setting) => wordOf(setting, index)?.toUpperCase() ?? valueFor(setting)),
        ),
      ];
      for (const setting of all) {
        for (const value of [setting.min, setting.max])
          if (value !== undefined && setting.type !== 'octal')
            assert.equal(checkValue(setting, String(value)), undefined);
      }
      assert.deepEqual(
        await judgeMany(real, files),
        files.map(() => []),
      );
    });

    it('agree on values: of each type, in each section, what the table takes PgBouncer takes', async () => {
      const tried = SECTIONS.flatMap((section) =>
        SETTING_TYPES.flatMap((type) => {
          const setting = settingsOf(version, section).find((one) => one.type === type && !HARMFUL.test(one.name));
          return setting === undefined ? [] : VALUES[type].map((value) => ({ setting, value }));
        }),
      );
      const verdicts = await judgeMany(
        real,
        tried.map(({ setting, value }) => iniOf([setting], [], () => value)),
      );
      const taken = tried.filter(({ setting, value }) => checkValue(setting, value) === undefined);
      const refused = tried.filter((_, index) => (verdicts[index]?.length ?? 0) > 0);
      assert.ok(taken.length >= 20 && refused.length >= 20, `${taken.length} taken, ${refused.length} refused`);
      assert.deepEqual(
        refused
          .filter((pair) => taken.includes(pair))
          .map(({ setting, value }) => `${setting.section}/${setting.name}=${value}`),
        [],
      );
    });

    it('agree on what PgBouncer would take for something else: the table refuses it', () => {
      for (const setting of SECTIONS.flatMap((section) => settingsOf(version, section))) {
        for (const value of MISREAD[setting.type] ?? []) {
          assert.notEqual(checkValue(setting, value), undefined, `${setting.section}/${setting.name}=${value}`);
        }
      }
    });
  });
}

interface Pair {
  readonly section: Section;
  readonly name: string;
  readonly value: string;
}

/** A file with these settings, and with pairs that the table may know nothing of. */
function iniOf(settings: readonly Setting[], more: readonly Pair[] = [], write = valueFor): string {
  const pairs: readonly Pair[] = [
    ...settings.map((setting) => ({ section: setting.section, name: setting.name, value: write(setting) })),
    ...more,
  ];
  const has = (section: Section): boolean => pairs.some((pair) => pair.section === section);
  const entry = (section: Section): string =>
    pairs
      .filter((pair) => pair.section === section)
      .map(({ name, value }) => `${name}=${value === '' ? "''" : quoteConnectionValue(value)}`)
      .join(' ');
  return [
    `[databases]\napp = ${entry('databases')}`,
    `[users]\napp = ${entry('users')}`,
    // A section of later versions, and nothing without a host.
    ...(has('peers')
      ? [`[peers]\n7 = ${pairs.some(({ name }) => name === 'host') ? '' : 'host=x '}${entry('peers')}`]
      : []),
    '[pgbouncer]',
    ...pairs.filter(({ section }) => section === 'pgbouncer').map(({ name, value }) => `${name} = ${value}`),
    '',
  ].join('\n');
}

/** The methods of authentication depend on how a program was built, and some on certificates. */
const wordOf = (setting: Setting, index: number): string | undefined =>
  setting.type !== 'enum' || HARMFUL.test(setting.name) ? undefined : setting.enum?.[index];

/** Whose values say more than their type does: files, users, sockets. */
const HARMFUL = /^(auth_|user$|conffile|admin_users|.*_tls_|verbose|unix_|listen_|dbname|password)/;

/** Right and wrong ones. */
const VALUES: Readonly<Record<Setting['type'], readonly string[]>> = {
  boolean: ['0', '1', '2', '-1', 'yes', 'true', '', '0 ; off'],
  integer: ['1', '7', '010', '0x10', '1e3', '10k', '-1', '0.5', '', 'x', '7 ; c', "'7'"],
  seconds: ['1', '7', '0.5', '1e3', '1h', '-1', '', 'x', '7 ; c', "'7'"],
  octal: ['0700', '0777', '777', '0888', 'x', ''],
  enum: ['session', 'SESSION', 'round-robin', 'bogus', "'session'", 'session ; c', ''],
  string: ['x', 'a b', "it's", "''", '"x"', 'x ; c', 'x # c', '%include /x', '[pgbouncer]', 'a=b', 'ä\u2028🐘', '\\n'],
};

/** Read otherwise than a person means it, or as garbage, without a word from some version. */
const MISREAD: Readonly<Partial<Record<Setting['type'], readonly string[]>>> = {
  boolean: ['2', '-1', '00', 'on'],
  integer: ['010', '0x10', '-1', '99999999999', '1.5'],
  seconds: ['1e3', '010', '-1', '1h', 'nan', 'inf'],
  octal: ['777', '0888'],
};

function valueFor(setting: Setting): string {
  const harmless = HARMLESS[`${setting.section}/${setting.name}`];
  if (harmless !== undefined) return harmless;
  if (setting.type === 'enum') return setting.enum?.[0] ?? '';
  if (setting.type !== 'string') return String(setting.min ?? 0);
  return setting.section === 'pgbouncer' ? (setting.default ?? 'x') : 'x';
}

/** Distributions port the default of auth_query back into older versions, for it closes a hole. */
function printedDefault(setting: Setting, real: RealVersion, found: string | null): string | null {
  const expected = defaultIn(setting, versionOf(real));
  const ported = setting.name === 'auth_query' && setting.defaultChanges.some((change) => change.default === found);
  return ported || isSameValue(setting, found, expected) ? found : expected;
}
