import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  defaultIn,
  existsIn,
  isRestartOnly,
  SETTINGS,
  type Section,
  type Setting,
  settingsOf,
} from '../../pgbouncer/settings.ts';
import { readConfig } from '../../pgbouncer/show.ts';
import { isSameValue } from '../../pgbouncer/value.ts';
import { openSession } from '../session.ts';
import { complaintsOf, REAL_VERSIONS, type RealVersion, startPgbouncer, versionOf } from './real-pgbouncer.ts';
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
      assert.deepEqual(
        await complaintsAbout(
          real,
          settingsOf(version, 'pgbouncer'),
          settingsOf(version, 'databases'),
          settingsOf(version, 'users'),
        ),
        [],
      );
    });

    it('agree on every key that does not exist: each alone is refused', async () => {
      const unknown = SETTINGS.filter((setting) => !existsIn(setting, version) && setting.section !== 'peers');
      for (const setting of unknown) {
        const complaints = await complaintsAbout(
          real,
          ...SPLIT.map((section) => (setting.section === section ? [setting] : [])),
        );
        assert.notDeepEqual(complaints, [], `${setting.section}/${setting.name} is taken`);
      }
    });
  });
}

const SPLIT: readonly Section[] = ['pgbouncer', 'databases', 'users'];

async function complaintsAbout(
  real: RealVersion,
  ...[main = [], databases = [], users = []]: readonly (readonly Setting[])[]
): Promise<readonly string[]> {
  const pair = (setting: Setting): string => `${setting.name}=${valueFor(setting)}`;
  return complaintsOf(real, () => ({
    'pgbouncer.ini': [
      '[databases]',
      `app = ${databases.map(pair).join(' ')}`,
      '[users]',
      `app = ${users.map(pair).join(' ')}`,
      '[pgbouncer]',
      ...main.map(pair),
    ].join('\n'),
  }));
}

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
