import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ALL, type HbaName, printHba } from '../../pgbouncer/hba.ts';
import { findSetting } from '../../pgbouncer/settings.ts';
import { hbaRule, userlistEntry } from '../../pgbouncer/testing/arbitrary.ts';
import { printUserlist } from '../../pgbouncer/userlist.ts';
import { fc } from '../../testing/properties.ts';
import { isLoginRefused } from '../errors.ts';
import { openSession } from '../session.ts';
import { complaintsOf, REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from './real-pgbouncer.ts';
import { ADMIN, filesOf, sampleOf } from './sample.ts';

/** Names that PgBouncer could take for something else. */
const STRANGE_NAMES = [
  'all',
  'sameuser',
  'replication',
  '@file',
  '+all',
  'a,b',
  'a"b',
  'a b',
  '#a',
  ';a',
  "it's",
  'ä',
  'x'.repeat(127),
];

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`pgbouncer ${real} and logins`, () => {
    let bouncer: RealPgbouncer;
    const users = STRANGE_NAMES.map((name, index) => ({ name, password: `p"w'd ${index} ;#\\` }));
    const allow = (names: readonly HbaName[]): string =>
      printHba([
        { type: 'host', databases: ['pgbouncer'], users: names, address: '127.0.0.1/32', method: 'scram-sha-256' },
        { type: 'host', databases: [ALL], users: [ALL], address: '0.0.0.0/0', method: 'reject' },
      ]);
    const login = async (user: string, password: string): Promise<boolean> => {
      try {
        await (await openSession({ ...bouncer, user, password })).close();
        return true;
      } catch (error) {
        if (isLoginRefused(error)) return false;
        throw error;
      }
    };

    before(async () => {
      bouncer = await startPgbouncer(real, (place) => {
        const sample = sampleOf(place, 'r');
        const settings = sample.ini.pgbouncer.map(([key, value]) =>
          key === 'stats_users'
            ? (['stats_users', STRANGE_NAMES.filter((name) => !/[,\s]/.test(name)).join(',')] as const)
            : ([key, value] as const),
        );
        return {
          ...filesOf(place, { ...sample, ini: { ...sample.ini, pgbouncer: settings } }, version),
          'r.userlist': printUserlist([{ name: ADMIN.user, password: ADMIN.password }, ...users]),
          'r.hba': allow([ADMIN.user]),
        };
      });
    });
    after(() => bouncer.stop());

    it('a name in the access rules lets in the user of that name and nobody else, whatever it looks like', async () => {
      for (const { name, password } of users.filter((user) => !/[,\s]/.test(user.name))) {
        await bouncer.write({ 'r.hba': allow([name, ADMIN.user]) });
        const admin = await openSession({ ...bouncer, ...ADMIN });
        assert.deepEqual(await admin.reload(), { ok: true });
        await admin.close();
        assert.equal(await login(name, password), true, `${name} is let in`);
        for (const other of users.filter((user) => user.name !== name)) {
          assert.equal(await login(other.name, other.password), false, `${other.name} is not let in as ${name}`);
        }
      }
    });

    it('only `verbose`, which is reserved, makes it write passwords into its log', async () => {
      for (const verbose of ['0', '1']) {
        const talkative = await startPgbouncer(real, (place) => {
          const settings = [['verbose', verbose] as const, ['log_connections', '1'] as const];
          return filesOf(place, sampleOf(place, 'r', { settings }), version);
        });
        await (await openSession({ ...talkative, ...ADMIN })).close();
        await assert.rejects(openSession({ ...talkative, ...ADMIN, password: 'a-wrong-password' }), isLoginRefused);
        const log = talkative.log();
        assert.match(log, /login attempt/);
        assert.equal(log.includes(ADMIN.password), verbose === '1');
        assert.ok(!log.includes('a-wrong-password'));
        await talkative.stop();
      }
      assert.equal(findSetting('pgbouncer', 'verbose')?.ownership.kind, 'reserved');
    });

    it('any userlist and any access rules that can be printed are taken without a complaint', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(userlistEntry, { selector: ({ name }) => name, maxLength: 8 }),
          fc.array(hbaRule, { maxLength: 8 }),
          async (entries, rules) => {
            const complaints = await complaintsOf(real, (place) => ({
              'pgbouncer.ini': `[pgbouncer]\nauth_type = hba\nauth_hba_file = ${place.directory}/hba\nauth_file = ${place.directory}/userlist\n`,
              userlist: printUserlist(entries),
              hba: printHba(rules),
            }));
            assert.deepEqual(complaints, []);
          },
        ),
        { numRuns: 25 },
      );
    });
  });
}
