import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { IniFile } from '../pgbouncer/ini.ts';
import { readConfig } from '../pgbouncer/show.ts';
import { printUserlist } from '../pgbouncer/userlist.ts';
import { type Expectation, expectationOf } from './expectation.ts';
import { type Proof, prove } from './prove.ts';
import { changedByHand } from './prove-rows.ts';
import { openSession, type Session } from './session.ts';
import { type Place, REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from './testing/real-pgbouncer.ts';
import { ADMIN, filesOf, PROOF_USER, proofPasswordOf, type Sample, sampleOf } from './testing/sample.ts';

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`a proof on pgbouncer ${real}`, () => {
    let bouncer: RealPgbouncer;
    let session: Session;
    let revisions = 0;

    before(async () => {
      bouncer = await startPgbouncer(real, (place) => filesOf(place, startSample(place), version));
      session = await openSession({ ...bouncer, ...ADMIN });
    });
    after(async () => {
      await session.close();
      await bouncer.stop();
    });

    const startSample = (place: Place): Sample => sampleOf(place, 'start');
    const expect = (sample: Sample): Expectation =>
      expectationOf(sample.ini, {
        revision: sample.revision,
        proofLogin: { user: PROOF_USER, password: proofPasswordOf(sample.revision) },
        version,
      });
    /** Loads what a sample renders to, and proves it against something. */
    const proveLoaded = async (
      changes: Parameters<typeof sampleOf>[2],
      against: (loaded: Sample) => Expectation = expect,
      files: (sample: Sample) => Readonly<Record<string, string>> = () => ({}),
    ): Promise<Shown> => {
      revisions += 1;
      const sample = sampleOf(bouncer, `r${revisions}`, changes);
      await bouncer.write({ ...filesOf(bouncer, sample, version), ...files(sample) });
      await session.reload();
      return inShort(await prove(session, bouncer, against(sample)));
    };
    const withIni = (sample: Sample, ini: Partial<IniFile>): Expectation =>
      expect({ ...sample, ini: { ...sample.ini, ...ini } });

    it('succeeds when everything is as rendered', async () => {
      assert.deepEqual(await proveLoaded({}), { proved: true, restartRequired: [] });
    });

    it('fails by the marker alone when the process is on another revision', async () => {
      const proof = await proveLoaded({}, (sample) => ({ ...expect(sample), revision: 'other' }));
      assertFault(proof, 'marker', /the revision is r\d+, expected other/);
    });

    it('fails by the marker alone when the file was not read to its end', async () => {
      const proof = await proveLoaded({}, expect, (sample) => ({
        [`${sample.revision}.ini`]: `${filesOf(bouncer, sample, version)[`${sample.revision}.ini`]?.replace(/syslog_ident.*\n/, 'no_such_key = 1\n')}`,
      }));
      assertFault(proof, 'marker', /the revision is pgbouncer/);
    });

    it('fails by the configuration alone when one key has another value', async () => {
      const proof = await proveLoaded({ settings: [['max_client_conn', '333']] }, (sample) =>
        withIni(sample, {
          pgbouncer: sample.ini.pgbouncer.map(([key, value]) =>
            key === 'max_client_conn' ? [key, '334'] : [key, value],
          ),
        }),
      );
      assertFault(proof, 'config', /^max_client_conn is 333, expected 334$/);
    });

    it('fails by the configuration alone when somebody SET a value by hand', async () => {
      await proveLoaded({ settings: [['query_timeout', '5']] });
      await session.command('SET query_timeout = 7');
      const sample = sampleOf(bouncer, `r${revisions}`, { settings: [['query_timeout', '5']] });
      assertFault(await prove(session, bouncer, expect(sample)), 'config', /^query_timeout is 7, expected 5$/);
    });

    it('fails by the databases alone when one has another value', async () => {
      const databases = [
        { name: 'app', params: { host: '127.0.0.1', port: '5432', dbname: 'app_production', pool_size: '8' } },
      ];
      const proof = await proveLoaded({}, (sample) => withIni(sample, { databases }));
      assertFault(proof, 'databases', /^database app has poolSize 7, expected 8$/);
    });

    it('fails by the databases alone when one is missing', async () => {
      const proof = await proveLoaded({}, (sample) =>
        withIni(sample, { databases: [...sample.ini.databases, { name: 'more', params: { host: 'h' } }] }),
      );
      assertFault(proof, 'databases', /^database more is not there$/);
    });

    it('fails by the databases alone when a size that the entry leaves open is not the default of all', async () => {
      const proof = await proveLoaded({ databases: [{ name: 'app', params: { host: 'h' } }] }, (sample) => ({
        ...withIni(sample, { pgbouncer: [...sample.ini.pgbouncer, ['default_pool_size', '21']] }),
        config: new Map(sample.ini.pgbouncer),
      }));
      assertFault(proof, 'databases', /^database app has poolSize 20, expected 21$/);
    });

    it('fails by the users alone when one has another value', async () => {
      const proof = await proveLoaded({}, (sample) =>
        withIni(sample, { users: [{ name: 'app', params: { pool_mode: 'session' } }] }),
      );
      assertFault(proof, 'users', /^user app has poolMode transaction, expected session$/);
    });

    it('fails by the users alone when one is missing', async () => {
      const proof = await proveLoaded({}, (sample) =>
        withIni(sample, { users: [...sample.ini.users, { name: 'more', params: { pool_mode: 'session' } }] }),
      );
      assertFault(proof, 'users', /^user more is not there$/);
    });

    it('fails by the login alone when the userlist is missing', async () => {
      revisions += 1;
      const sample = sampleOf(bouncer, `r${revisions}`);
      const { [`${sample.revision}.userlist`]: _, ...files } = filesOf(bouncer, sample, version);
      await bouncer.write(files);
      await session.reload();
      assertFault(await prove(session, bouncer, expect(sample)), 'login', /^poolkeeper_proof cannot log in/);
    });

    it('fails by the login alone when a line before its end is broken', async () => {
      const proof = await proveLoaded({}, expect, (sample) => ({
        [`${sample.revision}.userlist`]: `${printUserlist(sample.userlist.slice(0, 1))}broken\n${printUserlist(sample.userlist.slice(1))}`,
      }));
      assertFault(proof, 'login', /^poolkeeper_proof cannot log in/);
      assert.ok(!JSON.stringify(proof).includes(proofPasswordOf(`r${revisions}`)), 'the password does not show');
    });

    it('fails by the login alone when the access rules are missing', async () => {
      revisions += 1;
      const sample = sampleOf(bouncer, `r${revisions}`, {});
      await bouncer.write({ ...filesOf(bouncer, sample, version), [`${sample.revision}.hba`]: '' });
      await session.reload();
      assertFault(await prove(session, bouncer, expect(sample)), 'login', /^poolkeeper_proof cannot log in/);
    });

    it('compares values as PgBouncer prints them', async () => {
      const settings: IniFile['pgbouncer'] = [
        ['pool_mode', 'TRANSACTION'],
        ['query_timeout', '0.5'],
        ['server_lifetime', '1000041'],
        ['server_reset_query', ''],
        ['ignore_startup_parameters', 'extra_float_digits, options'],
      ];
      assert.deepEqual(await proveLoaded({ settings }), { proved: true, restartRequired: [] });
    });

    it('lists restart-only keys instead of failing, also those that are no longer rendered', async () => {
      const changed = await proveLoaded({ settings: [['listen_backlog', '64']] });
      assert.deepEqual(changed, { proved: true, restartRequired: ['listen_backlog'] });
      const removed = await proveLoaded({}, (sample) => {
        const config = new Map(sample.ini.pgbouncer.filter(([key]) => key !== 'unix_socket_dir'));
        return { ...expect(sample), config };
      });
      assert.deepEqual(removed, { proved: true, restartRequired: ['unix_socket_dir (removed)'] });
    });

    it('lists what a user keeps whose line was removed', async () => {
      assert.deepEqual(await proveLoaded({ users: [] }), {
        proved: true,
        restartRequired: ['user app (its settings were removed)'],
      });
      await proveLoaded({ users: [{ name: 'app', params: {} }] });
    });

    it('takes what a hand has SET for an override where the process was proved before, and for a fault after a RELOAD', async () => {
      await proveLoaded({});
      const loaded = sampleOf(bouncer, `r${revisions}`);
      const before = await prove(session, bouncer, expect(loaded));
      await session.command("SET default_pool_size = '77'");
      await session.command("SET query_timeout = '7'");
      const strict = await prove(session, bouncer, expect(loaded));
      const tolerant = await prove(session, bouncer, expect(loaded), { tolerant: true });
      // Neither is rendered: databases that have no size of their own would show the first.
      assert.ok(tolerant.proved && before.proved && strict.proved);
      assert.notEqual(tolerant.settings, before.settings, 'the fingerprint tells');
      assert.deepEqual(changedByHand(readConfig(await session.show('CONFIG')), expect(loaded)), [
        'default_pool_size is 77, expected 20',
        'query_timeout is 7, expected 0',
      ]);
      await session.command("SET server_tls_sslmode = 'allow'");
      assert.equal((await prove(session, bouncer, expect(loaded))).proved, false);
      const rendered = await prove(session, bouncer, expect(loaded), { tolerant: true });
      assert.deepEqual(rendered.proved && rendered.overrides, ['server_tls_sslmode is allow, expected disable']);
      await session.reload();
      const after = await prove(session, bouncer, expect(loaded));
      assert.equal(after.proved && after.settings, before.settings, 'a RELOAD resets what was SET');
      assert.deepEqual(changedByHand(readConfig(await session.show('CONFIG')), expect(loaded)), []);
    });

    it('takes databases that `*` made for no leftovers while it is rendered', async () => {
      const databases = [{ name: '*', params: { host: '127.0.0.1', port: '1' } }];
      assert.deepEqual(await proveLoaded({ databases }), { proved: true, restartRequired: [] });
      const comesIntoBeing = async (): Promise<boolean> => {
        await session.command('DISABLE something');
        return (await session.show('DATABASES')).some((row) => row['name'] === 'something');
      };
      // PgBouncer's upkeep, three times a second, may come between the two.
      assert.ok((await comesIntoBeing()) || (await comesIntoBeing()), 'the database came into being');
      const again = await proveLoaded({ databases });
      assert.deepEqual(again, { proved: true, restartRequired: [] });
    });
  });

  describe(`what a restart must remove from pgbouncer ${real}`, () => {
    it('is listed: a forced user that is gone from its database', async () => {
      const forced = [{ name: 'app', params: { host: '127.0.0.1', user: 'app' } }];
      const bouncer = await startPgbouncer(real, (place) =>
        filesOf(place, sampleOf(place, 'r1', { databases: forced }), version),
      );
      try {
        const session = await openSession({ ...bouncer, ...ADMIN });
        const sample = sampleOf(bouncer, 'r2', { databases: [{ name: 'app', params: { host: '127.0.0.1' } }] });
        await bouncer.write(filesOf(bouncer, sample, version));
        await session.reload();
        const proofLogin = { user: PROOF_USER, password: proofPasswordOf('r2') };
        assert.deepEqual(
          inShort(await prove(session, bouncer, expectationOf(sample.ini, { revision: 'r2', proofLogin, version }))),
          {
            proved: true,
            restartRequired: ['database app (its server user was removed)'],
          },
        );
        await session.close();
      } finally {
        await bouncer.stop();
      }
    });
  });
}

/** Without the fingerprint of what SHOW CONFIG said. */
function inShort(proof: Proof): Shown {
  if (!proof.proved) return proof;
  const { settings: _, overrides, ...rest } = proof;
  assert.deepEqual(overrides, []);
  return rest;
}

type Shown =
  | Exclude<Proof, { readonly proved: true }>
  | Omit<Extract<Proof, { readonly proved: true }>, 'settings' | 'overrides'>;

function assertFault(proof: Shown, item: string, detail: RegExp): void {
  assert.equal(proof.proved, false);
  assert.equal(proof.proved || proof.item, item);
  assert.match(proof.proved ? '' : proof.detail, detail);
}
