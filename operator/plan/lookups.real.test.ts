/** One pooler that asks two servers for passwords, each in the name of a login of its own: real pgbouncers and servers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectationOf } from '../console/expectation.ts';
import { prove } from '../console/prove.ts';
import { openSession, type Session } from '../console/session.ts';
import { REAL_VERSIONS, type RealPgbouncer, versionOf } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { installLookup, LOOKUP_SCHEMA } from './lookup-sql.ts';
import { loadedFrom, retainedAfter } from './retained.ts';
import { relocated } from './testing/real-files.ts';
import { configOf, filesAt, loginTo, type Secrets, serve } from './testing/serving.ts';

const REFUSED = /^refused: /;
const SECRETS: Secrets = {
  'one/username': 'ask_one',
  'one/password': 'one-pw',
  'two/username': 'ask_two',
  'two/password': 'two-pw',
  'spare/username': 'ask_spare',
  'spare/password': 'spare-pw',
};
/** Users whom nobody has looked up yet, one for each question. */
const FRESH = Array.from({ length: 40 }, (_, index) => `user_${index}`);
const servers: RealPostgres[] = [];

before(async () => {
  for (const side of ['one', 'two']) {
    const server = await startPostgres();
    servers.push(server);
    await server.sql('CREATE DATABASE app');
    for (const database of ['app', 'postgres'])
      for (const role of [`ask_${side}`, 'ask_spare'])
        await server.sql(
          // The function is dropped and made again, and with it who may call it.
          `${installLookup({ schema: LOOKUP_SCHEMA, role: { name: role } })} GRANT EXECUTE ON FUNCTION pooler.user_lookup(text) TO ask_${side}`,
          database,
        );
    await server.sql(`ALTER ROLE ask_${side} PASSWORD '${side}-pw'; ALTER ROLE ask_spare PASSWORD 'spare-pw'`);
    await server.sql(FRESH.map((name) => `CREATE ROLE ${name} LOGIN PASSWORD 'pw-${side}'`).join(';'));
  }
});
after(() => Promise.all(servers.map((server) => server.stop())));

for (const real of REAL_VERSIONS) {
  const oldest = real === '1.18.0';
  const version = versionOf(real);
  const where = oldest ? {} : { database: 'postgres' };
  const by = (name: string, more: object = where) => ({ authQuery: { userSecretRef: { name }, ...more } });

  const specOf = (one: object, two: object, more: object = {}): object => ({
    backends: servers.map(({ host, port }, index) => ({ name: ['one', 'two'][index], host, port })),
    databases: [
      { name: 'one', backend: 'one', dbname: 'app', ...one },
      { name: 'two', backend: 'two', dbname: 'app', ...two },
    ],
    parameters: { server_login_retry: 1 },
    ...more,
  });

  describe(`pgbouncer ${real} with a lookup for each of two servers`, () => {
    let bouncer: RealPgbouncer;
    let session: Session;
    const names = FRESH.values();
    const fresh = (): string => names.next().value ?? '';
    const login = (database: string, password: string, user = fresh()): Promise<string> =>
      loginTo(bouncer, { user, password, database });
    const both = (): object => specOf(by('one'), by('two'));

    /** Has other files read; @returns what a proof finds only a restart would change */
    const reload = async (spec: object, secrets = SECRETS): Promise<readonly string[]> => {
      const config = configOf(real, spec, secrets);
      await bouncer.write(filesAt(bouncer, config));
      assert.deepEqual(await session.reload(), { ok: true });
      const pgbouncer = config.ini.pgbouncer.map(([key, value]) => {
        const here = key === 'listen_addr' ? '127.0.0.1' : key === 'listen_port' ? String(bouncer.port) : undefined;
        return [key, here ?? relocated(value, bouncer.directory)] as const;
      });
      const proof = await prove(
        session,
        bouncer,
        expectationOf(
          { ...config.ini, pgbouncer },
          {
            revision: config.revision,
            proofLogin: { user: 'poolkeeper_proof', password: config.proofPassword },
            version,
          },
        ),
      );
      assert.ok(proof.proved, JSON.stringify(proof));
      return proof.restartRequired;
    };

    before(async () => {
      bouncer = await serve(real, configOf(real, both(), SECRETS));
      session = await openSession({ ...bouncer, user: 'poolkeeper', password: 'admin-password' });
    });
    after(async () => {
      await session?.close();
      await bouncer?.stop();
    });

    it('lets one name in to each with the password of that server, and with no other', async () => {
      const user = fresh();
      assert.equal(await login('one', 'pw-one', user), user);
      assert.equal(await login('two', 'pw-two', user), user);
      assert.match(await login('one', 'pw-two', user), REFUSED);
      assert.match(await login('two', 'pw-one', user), REFUSED);
    });

    it('asks in the name of the one login and the other, and lets nobody in as them or to where they ask', async () => {
      const asked = (await session.show('POOLS')).map((row) => `${row['database']}/${row['user']}`);
      const asking = oldest ? ['one/ask_one', 'two/ask_two'] : ['postgres.two/ask_two', 'postgres/ask_one'];
      assert.deepEqual(asked.filter((pool) => pool.includes('ask_')).sort(), asking);
      assert.match(await login('one', 'one-pw', 'ask_one'), REFUSED);
      if (!oldest) assert.match(await login('postgres.two', 'pw-two'), REFUSED);
    });

    it('takes a new password of one login from its Secret with a reload', async () => {
      await servers[1]?.sql("ALTER ROLE ask_two PASSWORD 'rotated'");
      assert.deepEqual(await reload(both(), { ...SECRETS, 'two/password': 'rotated' }), []);
      await servers[1]?.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ask_two'");
      await sleep(100);
      const user = fresh();
      assert.equal(await login('two', 'pw-two', user), user);
      await servers[1]?.sql("ALTER ROLE ask_two PASSWORD 'two-pw'");
    });

    it('asks as another login after a reload, and of nobody where the lookup is gone; nothing is kept', async () => {
      assert.deepEqual(await reload(specOf(by('one'), by('spare'))), []);
      const user = fresh();
      assert.equal(await login('two', 'pw-two', user), user);
      const pools = (await session.show('POOLS')).map((row) => row['user']);
      assert.ok(pools.includes('ask_spare'), pools.join());
      assert.deepEqual(await reload(specOf(by('one'), {})), []);
      assert.match(await login('two', 'pw-two'), REFUSED);
      assert.match(await login('two', 'pw-two', user), REFUSED, 'nor whom it had found before');
      const other = fresh();
      assert.equal(await login('one', 'pw-one', other), other);
    });

    it('goes on asking in a common name that was removed, until a restart: that is told', async () => {
      const common = specOf({}, by('two'), { auth: { query: { userSecretRef: { name: 'spare' }, ...where } } });
      assert.deepEqual(await reload(common), []);
      const user = fresh();
      assert.equal(await login('one', 'pw-one', user), user);
      assert.deepEqual(await reload(both()), oldest ? [] : ['auth_dbname (removed)', 'auth_user (removed)']);
      // Before 1.22 the query stays, and only the files tell.
      const [was, is] = [common, both()].map((spec) => {
        const { files, revision } = configOf(real, spec, SECRETS);
        return loadedFrom(files, revision, version);
      });
      assert.ok(was && is);
      assert.deepEqual(retainedAfter([], was, is), oldest ? ['auth_user (removed)'] : []);
    });

    if (!oldest)
      it('stays in its own database where it names none, whatever the common one says, or said', async () => {
        const auth = { query: { userSecretRef: { name: 'one' }, database: 'postgres' } };
        for (const common of [{ auth }, {}]) {
          await reload(specOf({}, by('two', {}), common));
          const user = fresh();
          assert.equal(await login('two', 'pw-two', user), user, bouncer.log().slice(-300));
        }
        const pools = (await session.show('POOLS')).map((row) => `${row['database']}/${row['user']}`);
        assert.ok(pools.includes('two/ask_two'), pools.join());
      });
  });
}
