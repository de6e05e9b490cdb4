/** What the types of `auth` let in, on real pgbouncers in front of a real server. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { certificateAuthority, issueCertificate } from '../../e2e/cluster/certificates.ts';
import { openSession } from '../console/session.ts';
import { type LdapServer, startLdap } from '../console/testing/ldap-server.ts';
import { REAL_VERSIONS, type RealPgbouncer, type RealVersion } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { configOf, connectFrom, filesAt, loginTo, type Secrets, serve } from './testing/serving.ts';

const REFUSED = /^refused: /;
const SECRETS: Secrets = { 'app/password': 'app-pw', 'dba/password': 'dba-pw', 'pool/password': 'pool-pw' };
const ref = (name: string, key = 'password') => ({ passwordSecretRef: { name, key } });
const APP = { name: 'app', ...ref('app') };
const DBA = { name: 'dba', ...ref('dba') };

let postgres: RealPostgres;
let ldap: LdapServer;
let verifier: string;
let directory: string;
const pem: Record<string, string> = {};

before(async () => {
  postgres = await startPostgres();
  ldap = await startLdap({ 'uid=app,dc=x': 'app-pw', 'uid=dba,dc=x': 'dba-pw' });
  for (const role of ['app', 'dba', 'pool']) await postgres.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${role}-pw'`);
  await postgres.sql('CREATE DATABASE app');
  verifier = (await postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")).trim();
  directory = await mkdtemp(join(tmpdir(), 'poolkeeper-certificates-'));
  const path = directory;
  await certificateAuthority(path);
  await issueCertificate(path, 'server', { commonName: 'pooler', hosts: ['127.0.0.1'] });
  for (const name of ['app', 'dba', 'app.example.com', 'poolkeeper'])
    await issueCertificate(path, name, { commonName: name });
  for (const name of ['ca', 'server', 'app', 'dba', 'app.example.com', 'poolkeeper']) {
    pem[`${name}.crt`] = await readFile(join(path, `${name}.crt`), 'utf8');
    pem[`${name}.key`] = await readFile(join(path, `${name}.key`), 'utf8');
  }
});
after(async () => {
  await postgres.stop();
  await ldap.stop();
  await rm(directory, { recursive: true, force: true });
});

const TLS = {
  client: { mode: 'verify-full', secretRef: { name: 'server' }, caSecretRef: { name: 'ca', key: 'ca.crt' } },
};
const certificates = (): Secrets => ({
  'server/tls.crt': pem['server.crt'] ?? '',
  'server/tls.key': pem['server.key'] ?? '',
  'ca/ca.crt': pem['ca.crt'] ?? '',
});
const certificateOf = (name: string) => ({
  ssl: { ca: pem['ca.crt'], cert: pem[`${name}.crt`], key: pem[`${name}.key`], rejectUnauthorized: true },
});

for (const real of REAL_VERSIONS) {
  const olderThan = (minor: number): boolean => Number(real.split('.')[1]) < minor;
  const specOf = (auth: object, more: object = {}): object => ({
    backends: [{ host: postgres.host, port: postgres.port }],
    databases: [{ name: 'app' }],
    users: [APP, DBA],
    auth,
    parameters: { server_login_retry: 1 },
    ...more,
  });
  const withServer = (
    auth: object,
    work: (bouncer: RealPgbouncer) => Promise<void>,
    { more = {}, secrets = SECRETS, tls = false }: { more?: object; secrets?: Secrets; tls?: boolean } = {},
  ): Promise<void> =>
    within(real, specOf(auth, { ...(tls && { tls: TLS }), ...more }), { ...secrets, ...certificates() }, work);

  describe(`pgbouncer ${real}`, () => {
    for (const type of ['scram-sha-256', 'md5', 'plain']) {
      it(`lets in by ${type} whoever knows the password, and nobody else`, () =>
        withServer({ type, adminUsers: ['dba'] }, async (bouncer) => {
          assert.equal(await loginTo(bouncer, { user: 'app', password: 'app-pw' }), 'app');
          assert.match(await loginTo(bouncer, { user: 'app', password: 'wrong' }), REFUSED);
          assert.match(await loginTo(bouncer, { user: 'app', password: '' }), REFUSED);
          assert.match(await loginTo(bouncer, { user: 'pool', password: 'pool-pw' }), REFUSED);
          await assertConsole(bouncer, 'dba', 'dba-pw');
        }));
    }

    it('lets in by trust whom it knows, and to the console by password only', () =>
      withServer(
        { type: 'trust', adminUsers: ['dba'] },
        async (bouncer) => {
          assert.equal(await loginTo(bouncer, { user: 'app' }), 'app');
          assert.equal(await loginTo(bouncer, { user: 'named', database: 'forced' }), 'pool');
          assert.match(await loginTo(bouncer, { user: 'stranger', database: 'forced' }), REFUSED);
          await assertConsole(bouncer, 'dba', 'dba-pw');
        },
        {
          more: {
            users: [APP, DBA, { name: 'named' }],
            databases: [
              { name: 'app' },
              { name: 'forced', dbname: 'app', serverUser: { name: 'pool', ...ref('pool') } },
            ],
          },
        },
      ));

    it('lets in by certificate whose name is the user, with and without a stored password', () =>
      withServer(
        { type: 'cert', adminUsers: ['dba', 'nobody'] },
        async (bouncer) => {
          assert.equal(await loginTo(bouncer, { user: 'app', ...certificateOf('app') }), 'app');
          assert.match(await loginTo(bouncer, { user: 'app', ...certificateOf('dba') }), REFUSED);
          assert.match(await loginTo(bouncer, { user: 'app', password: 'app-pw' }), REFUSED);
          const console = { user: 'dba', database: 'pgbouncer' };
          assert.match(await loginTo(bouncer, { ...console, ...certificateOf('dba') }), /^PgBouncer/);
          assert.match(await loginTo(bouncer, { ...console, ...certificateOf('app') }), REFUSED);
          // Not even with a certificate of its name does anybody become the operator.
          assert.match(
            await loginTo(bouncer, { user: 'poolkeeper', database: 'pgbouncer', ...certificateOf('poolkeeper') }),
            REFUSED,
          );
          assert.match(
            await loginTo(bouncer, {
              user: 'poolkeeper',
              password: 'admin-password',
              database: 'pgbouncer',
              ...certificateOf('app'),
            }),
            /^PgBouncer/,
          );
        },
        { more: { users: [APP, { name: 'dba' }] }, tls: true },
      ));

    if (olderThan(23)) {
      it('has no maps from certificates to users, and says so', () => {
        const auth = { hba: ['hostssl all all 0.0.0.0/0 cert map=m'], ident: ['m app.example.com app'] };
        assert.throws(
          () => configOf(real, specOf(auth, { tls: TLS }), { ...SECRETS, ...certificates() }),
          /auth\.ident: needs PgBouncer 1\.23 or newer/,
        );
      });
    } else {
      it('lets in by certificate whom a map names', () =>
        withServer(
          {
            hba: ['hostssl all all 0.0.0.0/0 cert map=clients'],
            ident: ['clients "app.example.com" app', 'other dba app'],
          },
          async (bouncer) => {
            assert.equal(await loginTo(bouncer, { user: 'app', ...certificateOf('app.example.com') }), 'app');
            assert.match(await loginTo(bouncer, { user: 'dba', ...certificateOf('app.example.com') }), REFUSED);
            assert.match(await loginTo(bouncer, { user: 'app', ...certificateOf('dba') }), REFUSED);
          },
          { tls: true },
        ));
    }

    if (olderThan(25)) {
      it('asks no directory, and says so', () => {
        const auth = { type: 'ldap', ldap: { options: { ldapserver: 'x', ldapprefix: 'uid=' } } };
        assert.throws(
          () => configOf(real, specOf(auth), SECRETS),
          /auth\.type: needs PgBouncer 1\.25 or newer for ldap/,
        );
      });
    } else {
      it('asks a directory, also about the console', () => {
        const options = {
          ldapserver: '127.0.0.1',
          ldapport: String(ldap.port),
          ldapprefix: 'uid=',
          ldapsuffix: ',dc=x',
        };
        return withServer(
          { type: 'ldap', ldap: { options }, adminUsers: ['dba'] },
          async (bouncer) => {
            assert.equal(await loginTo(bouncer, { user: 'app', password: 'app-pw' }), 'app');
            assert.match(await loginTo(bouncer, { user: 'app', password: 'wrong' }), REFUSED);
            assert.match(await loginTo(bouncer, { user: 'pool', password: 'pool-pw' }), REFUSED);
            await assertConsole(bouncer, 'dba', 'dba-pw');
          },
          { more: { users: [{ name: 'app' }, { name: 'dba' }] } },
        );
      });
    }

    it('lets in from the addresses of a list, by the first line that matches, and nobody by none', () =>
      withServer(
        {
          hba: [
            'host app app 127.0.0.1/32 scram-sha-256',
            'host all dba 127.0.0.2/32 reject',
            'host all dba 127.0.0.0/8 scram-sha-256 # the office',
          ],
        },
        async (bouncer) => {
          const from = (localAddress: string, user: string) =>
            loginTo(bouncer, { user, password: `${user}-pw`, stream: () => connectFrom(localAddress) });
          assert.equal(await from('127.0.0.1', 'app'), 'app');
          assert.match(await from('127.0.0.3', 'app'), REFUSED);
          assert.match(await from('127.0.0.2', 'dba'), REFUSED);
          assert.equal(await from('127.0.0.3', 'dba'), 'dba');
        },
      ));

    it('keeps its console to itself, whatever lines say', () =>
      withServer(
        {
          hba: [
            'host all all 0.0.0.0/0 trust',
            'host sameuser all 0.0.0.0/0 trust',
            'hostnossl all all 0.0.0.0/0 trust',
            ...(olderThan(23) ? [] : ['host replication all 0.0.0.0/0 trust', 'host all,replication all all trust']),
          ],
          adminUsers: ['dba'],
        },
        async (bouncer) => {
          await assertConsole(bouncer, 'dba', 'dba-pw');
          for (const replication of [undefined, 'true', 'database'])
            for (const user of ['poolkeeper', 'poolkeeper_stats', 'poolkeeper_proof', 'dba', 'app', 'pgbouncer'])
              for (const database of user.startsWith('poolkeeper') ? ['pgbouncer', 'app', user] : ['pgbouncer'])
                assert.match(
                  await loginTo(bouncer, { user, database, ...(replication && { replication }) }),
                  REFUSED,
                  `${user} to ${database} with replication=${replication}`,
                );
        },
      ));

    for (const method of ['password', 'md5', 'scram-sha-256']) {
      it(`lets in nobody by ${method} with the empty password that only makes a user known`, () =>
        withServer(
          { hba: ['host all named 127.0.0.9/32 trust', `host all all 0.0.0.0/0 ${method}`] },
          async (bouncer) => {
            const named = { user: 'named', database: 'forced' };
            assert.match(await loginTo(bouncer, { ...named, password: '' }), REFUSED);
            assert.equal(await loginTo(bouncer, { ...named, stream: () => connectFrom('127.0.0.9') }), 'pool');
          },
          {
            more: {
              users: [{ name: 'named' }],
              databases: [{ name: 'forced', dbname: 'app', serverUser: { name: 'pool', ...ref('pool') } }],
            },
          },
        ));
    }

    it('logs in to the server with another password than clients have, for one database alone', () =>
      withServer(
        {},
        async (bouncer) => {
          // The client's own password is not the one of the server.
          const client = { user: 'app', password: `it's "mine", 10% = x;#` };
          assert.equal(await loginTo(bouncer, { ...client, database: 'forced' }), 'app');
          assert.match(await loginTo(bouncer, { ...client, password: 'app-pw', database: 'forced' }), REFUSED);
          assert.match(await loginTo(bouncer, client), REFUSED);
        },
        {
          more: {
            users: [{ name: 'app', ...ref('client') }],
            databases: [{ name: 'app' }, { name: 'forced', dbname: 'app', serverUser: { name: 'app', ...ref('app') } }],
          },
          secrets: { ...SECRETS, 'client/password': `it's "mine", 10% = x;#` },
        },
      ));

    it('logs in with one password to one server and with another to the next', () =>
      withServer(
        {},
        async (bouncer) => {
          const client = { user: 'app', password: 'app-pw' };
          assert.equal(await loginTo(bouncer, { ...client, database: 'first' }), 'pool');
          assert.match(await loginTo(bouncer, { ...client, database: 'second' }), REFUSED);
          assert.equal(await loginTo(bouncer, { ...client, database: 'third' }), 'pool');
        },
        {
          more: {
            databases: [
              { name: 'first', dbname: 'app', serverUser: { name: 'pool', ...ref('pool') } },
              { name: 'second', dbname: 'app', serverUser: { name: 'pool', ...ref('quoted') } },
              { name: 'third', dbname: 'app', serverUser: { name: 'pool', ...ref('pool') } },
            ],
          },
          secrets: { ...SECRETS, 'quoted/password': "o'ther" },
        },
      ));

    it('takes a verifier that the server has, for as long as no one else needs it', () =>
      withServer(
        { type: 'scram-sha-256' },
        async (bouncer) => {
          assert.equal(await loginTo(bouncer, { user: 'app', password: 'app-pw' }), 'app');
          assert.match(await loginTo(bouncer, { user: 'app', password: 'wrong' }), REFUSED);
        },
        { secrets: { ...SECRETS, 'app/password': verifier } },
      ));

    it('cannot log in to the server with a verifier after a login in clear text, as the warning says', () =>
      withServer(
        { type: 'plain' },
        async (bouncer) =>
          assert.match(await loginTo(bouncer, { user: 'app', password: 'app-pw' }), /wrong password type/),
        { secrets: { ...SECRETS, 'app/password': verifier } },
      ));

    it('merges userlists, and what a field says counts for more', () =>
      withServer(
        {
          userlistSecretRefs: [
            { name: 'legacy', key: 'a' },
            { name: 'legacy', key: 'b' },
          ],
        },
        async (bouncer) => {
          assert.equal(await loginTo(bouncer, { user: 'dba', password: 'dba-pw' }), 'dba');
          assert.equal(await loginTo(bouncer, { user: 'pool', password: 'pool-pw' }), 'pool');
          assert.equal(await loginTo(bouncer, { user: 'app', password: 'app-pw' }), 'app');
        },
        {
          more: { users: [APP] },
          secrets: {
            'app/password': 'app-pw',
            'legacy/a': '; the old team\r\n"dba" "dba-pw"\r\n"app" "stale"\r\n',
            'legacy/b': '"pool" "pool-pw" ; comment\n"dba" "dba-pw"',
          },
        },
      ));

    it('goes on with the keys it has learned when a plain password takes the place of a verifier, until a restart', async () => {
      await postgres.sql("CREATE ROLE learned LOGIN PASSWORD 'one'");
      const stored = (await postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'learned'")).trim();
      const more = { users: [{ name: 'learned', ...ref('learned') }] };
      const [before, after] = [stored, 'two'].map((value) =>
        configOf(real, specOf({}, more), { 'learned/password': value }),
      );
      assert.ok(before && after);
      const bouncer = await serve(real, before);
      try {
        assert.equal(await loginTo(bouncer, { user: 'learned', password: 'one' }), 'learned');
        await postgres.sql("ALTER ROLE learned PASSWORD 'two'");
        const session = await openSession({ ...bouncer, user: 'poolkeeper', password: 'admin-password' });
        await bouncer.write(filesAt(bouncer, after));
        assert.deepEqual(await session.reload(), { ok: true });
        await session.command('RECONNECT');
        await session.close();
        assert.match(await loginTo(bouncer, { user: 'learned', password: 'two' }), REFUSED);
      } finally {
        await bouncer.stop();
      }
      const restarted = await serve(real, after);
      assert.equal(await loginTo(restarted, { user: 'learned', password: 'two' }), 'learned');
      await restarted.stop();
      await postgres.sql('DROP ROLE learned');
    });

    it('takes another password of a database, and none of its own any more, with a reload', async () => {
      const passwords = (client: string, server: string): Secrets => ({ 'c/password': client, 's/password': server });
      const spec = specOf(
        {},
        {
          users: [{ name: 'pool', ...ref('c') }],
          databases: [{ name: 'app', serverUser: { name: 'pool', ...ref('s') } }],
        },
      );
      const bouncer = await serve(real, configOf(real, spec, passwords('mine', 'stale')));
      try {
        const client = { user: 'pool', password: 'mine' };
        assert.match(await loginTo(bouncer, client), REFUSED);
        const session = await openSession({ ...bouncer, user: 'poolkeeper', password: 'admin-password' });
        const reload = async (secrets: Secrets): Promise<void> => {
          await bouncer.write(filesAt(bouncer, configOf(real, spec, secrets)));
          assert.deepEqual(await session.reload(), { ok: true });
          await session.command('RECONNECT');
        };
        await reload(passwords('mine', 'pool-pw'));
        assert.equal(await patiently(bouncer, client), 'pool');
        await reload(passwords('mine', 'stale again'));
        assert.match(await loginTo(bouncer, client), REFUSED);
        await reload(passwords('pool-pw', 'pool-pw'));
        assert.equal(await patiently(bouncer, { user: 'pool', password: 'pool-pw' }), 'pool');
        await session.close();
      } finally {
        await bouncer.stop();
      }
    });

    it('takes a new password, from another Secret, with a reload and no restart', async () => {
      await postgres.sql("CREATE ROLE rotating LOGIN PASSWORD 'one'");
      const user = (name: string) => ({ users: [{ name: 'rotating', ...ref(name) }] });
      const [old, fresh] = [
        configOf(real, specOf({}, user('blue')), { 'blue/password': 'one' }),
        configOf(real, specOf({}, user('green')), { 'green/password': 'two' }),
      ];
      const bouncer = await serve(real, old);
      try {
        assert.equal(await loginTo(bouncer, { user: 'rotating', password: 'one' }), 'rotating');
        await postgres.sql("ALTER ROLE rotating PASSWORD 'two'");
        const session = await openSession({ ...bouncer, user: 'poolkeeper', password: 'admin-password' });
        await bouncer.write(filesAt(bouncer, fresh));
        assert.deepEqual(await session.reload(), { ok: true });
        await session.command('RECONNECT');
        await session.close();
        assert.equal(await loginTo(bouncer, { user: 'rotating', password: 'two' }), 'rotating');
        assert.match(await loginTo(bouncer, { user: 'rotating', password: 'one' }), REFUSED);
      } finally {
        await bouncer.stop();
        await postgres.sql('DROP ROLE rotating');
      }
    });
  });
}

/** After a login that failed, PgBouncer waits for a second before it tries the server again, and refuses meanwhile. */
async function patiently(bouncer: RealPgbouncer, client: { readonly user: string; readonly password: string }) {
  for (let attempt = 1; ; attempt += 1) {
    const who = await loginTo(bouncer, client);
    if (!REFUSED.test(who) || attempt === 20) return who;
    await sleep(250);
  }
}

async function within(
  real: RealVersion,
  spec: object,
  secrets: Secrets,
  work: (bouncer: RealPgbouncer) => Promise<void>,
): Promise<void> {
  const bouncer = await serve(real, configOf(real, spec, secrets));
  try {
    await work(bouncer);
    assert.doesNotMatch(bouncer.log(), /could not parse|unsupported (method|parameters)|does not match mask/);
  } finally {
    await bouncer.stop();
  }
}

/** The console admits the operator and this user, by password; never anybody else, and no one without. */
async function assertConsole(bouncer: RealPgbouncer, user: string, password: string): Promise<void> {
  const database = 'pgbouncer';
  assert.match(await loginTo(bouncer, { user: 'poolkeeper', password: 'admin-password', database }), /^PgBouncer/);
  assert.match(await loginTo(bouncer, { user, password, database }), /^PgBouncer/);
  assert.match(await loginTo(bouncer, { user, database }), REFUSED);
  assert.match(await loginTo(bouncer, { user: 'app', password: 'app-pw', database }), REFUSED);
  assert.match(await loginTo(bouncer, { user: 'poolkeeper', password: 'app-pw', database }), REFUSED);
}
