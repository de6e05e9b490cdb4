/** What `pooler sql` prints, run on a real server, and asked by every version of the real PgBouncer. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { openSession } from '../console/session.ts';
import { REAL_VERSIONS } from '../console/testing/real-pgbouncer.ts';
import { postgresPrograms, type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { configOf, loginTo, serve } from '../plan/testing/serving.ts';
import { runCli } from './testing/run-cli.ts';

const REFUSED = /^refused: /;
const SECRETS = { 'asker/username': 'pooler_auth', 'asker/password': 'asker-pw' };

let postgres: RealPostgres;
let logs: string;

const printed = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await runCli(['sql', ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
};
const logged = async (): Promise<string> =>
  (await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')))).join('\n');

before(async () => {
  logs = await mkdtemp(join(tmpdir(), 'poolkeeper-postgres-log-'));
  await chmod(logs, 0o777);
  postgres = await startPostgres('127.0.0.1', [
    ...['logging_collector=on', `log_directory=${logs}`, 'log_file_mode=0644', 'log_statement=all'],
  ]);
  await postgres.sql('CREATE DATABASE app');
  await postgres.sql("CREATE ROLE q LOGIN PASSWORD 'q-pw'");
  await postgres.sql("CREATE ROLE gone LOGIN PASSWORD 'gone-pw' VALID UNTIL '2001-01-01'");
  await postgres.sql("CREATE ROLE later LOGIN PASSWORD 'later-pw' VALID UNTIL 'infinity'");
  await postgres.sql("CREATE ROLE root SUPERUSER LOGIN PASSWORD 'root-pw'");
  await postgres.sql("CREATE ROLE nologin PASSWORD 'nologin-pw'");
  for (const database of ['postgres', 'app']) await postgres.sql(await printed(), database);
  await postgres.sql("ALTER ROLE pooler_auth PASSWORD 'asker-pw'");
});
after(async () => {
  await postgres.stop();
  await rm(logs, { recursive: true, force: true });
});

describe('the function', () => {
  const ask = (name: string): Promise<string> =>
    postgres.sql(`SET ROLE pooler_auth; SELECT uname, left(phash, 13) FROM pooler.user_lookup('${name}')`);

  it('tells the password of a role that may log in, to the role that asks', async () => {
    assert.equal((await ask('q')).trim(), 'q|SCRAM-SHA-256');
    assert.equal((await ask('later')).trim(), 'later|SCRAM-SHA-256');
  });

  for (const name of ['postgres', 'root', 'gone', 'nologin', 'pooler_auth\\', '', 'nobody'])
    it(`tells nothing of ${name || 'no name'}`, async () => assert.equal((await ask(name)).trim(), ''));

  it('is for nobody else', async () => {
    await assert.rejects(postgres.sql("SET ROLE q; SELECT * FROM pooler.user_lookup('q')"), /permission denied/);
    await postgres.sql('GRANT USAGE ON SCHEMA pooler TO q');
    await assert.rejects(postgres.sql("SET ROLE q; SELECT * FROM pooler.user_lookup('q')"), /permission denied/);
    await postgres.sql('REVOKE USAGE ON SCHEMA pooler FROM q');
  });

  it('cannot be led astray by what the caller puts into its search path', async () => {
    await postgres.sql(
      'CREATE SCHEMA evil; CREATE TABLE evil.pg_authid AS SELECT * FROM pg_roles LIMIT 0; GRANT USAGE ON SCHEMA evil TO pooler_auth',
    );
    await postgres.sql(
      "CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1999-01-01'::timestamptz $$",
    );
    const found = await postgres.sql(
      "SET ROLE pooler_auth; SET search_path = evil, pg_temp, pg_catalog; SELECT count(*) FROM pooler.user_lookup('gone')",
    );
    assert.equal(found.trim(), '0');
    await postgres.sql('DROP SCHEMA evil CASCADE');
  });

  it('is installed a second time without a change, and in the place of one of another shape', async () => {
    await postgres.sql(await printed());
    await postgres.sql(`DROP FUNCTION pooler.user_lookup(text);
      CREATE FUNCTION pooler.user_lookup(IN i text, OUT uname text, OUT phash text) RETURNS record LANGUAGE sql AS 'SELECT i, i'`);
    await postgres.sql(await printed());
    assert.equal((await ask('nobody')).trim(), '');
  });

  it('is taken away again, and a schema that holds other things stays', async () => {
    const other = ['--schema', 'Other.one', '--user', 'asker-2'];
    await postgres.sql(await printed(...other));
    assert.equal((await postgres.sql(`SELECT count(*) FROM "Other.one".user_lookup('q')`)).trim(), '1');
    await postgres.sql('CREATE TABLE "Other.one".mine (a int)');
    await postgres.sql(await printed(...other, '--remove'));
    assert.equal((await postgres.sql(`SELECT to_regprocedure('"Other.one".user_lookup(text)')`)).trim(), '');
    assert.equal((await postgres.sql(`SELECT to_regclass('"Other.one".mine')`)).trim(), '"Other.one".mine');
    await postgres.sql('DROP TABLE "Other.one".mine');
    await postgres.sql(await printed(...other, '--remove'));
    await postgres.sql(await printed(...other, '--remove'));
    assert.equal((await postgres.sql(`SELECT to_regnamespace('"Other.one"')`)).trim(), '');
  });
});

for (const real of REAL_VERSIONS) {
  const oldest = real === '1.18.0';
  describe(`pgbouncer ${real}`, () => {
    const specOf = (query: object, more: object = {}): object => ({
      backends: [{ host: postgres.host, port: postgres.port }],
      databases: [{ name: 'app' }],
      auth: { query: { userSecretRef: { name: 'asker' }, ...query }, ...more },
      users: [{ name: 'q', ...(oldest ? {} : { maxServerConnections: 3 }) }],
    });
    const query = oldest ? {} : { database: 'postgres' };

    it('lets in whom the function knows, and answers the others clearly', async () => {
      const bouncer = await serve(real, configOf(real, specOf(query), SECRETS));
      try {
        assert.equal(await loginTo(bouncer, { user: 'q', password: 'q-pw' }), 'q');
        assert.equal(await loginTo(bouncer, { user: 'later', password: 'later-pw' }), 'later');
        assert.match(await loginTo(bouncer, { user: 'q', password: 'wrong' }), REFUSED);
        for (const user of ['root', 'gone', 'nologin', 'nobody'])
          assert.match(await loginTo(bouncer, { user, password: `${user}-pw` }), /no such user/);
        // The one that asks is no client, and where it asks is no place for clients.
        assert.match(await loginTo(bouncer, { user: 'pooler_auth', password: 'asker-pw' }), REFUSED);
        assert.match(await loginTo(bouncer, { user: 'q', password: 'q-pw', database: 'postgres' }), REFUSED);
        const session = await openSession({ ...bouncer, user: 'poolkeeper', password: 'admin-password' });
        const databases = await session.show('DATABASES');
        const limited = (await session.show('USERS')).find((row) => row['name'] === 'q');
        await session.close();
        assert.equal(limited?.['max_user_connections'], oldest ? undefined : '3');
        const made = databases.find((row) => row['name'] === 'postgres');
        assert.equal(made?.['pool_size'], oldest ? undefined : '2');
        assert.equal(made?.['max_connections'], oldest ? undefined : '2');
      } finally {
        await bouncer.stop();
      }
    });

    if (oldest) {
      it('has no database for all queries, and asks about no user with limits: both are said', () => {
        assert.throws(
          () => configOf(real, specOf({ database: 'postgres' }), SECRETS),
          /query\.database: needs PgBouncer 1\.19/,
        );
        const limited = { ...specOf({}), users: [{ name: 'q', maxServerConnections: 3 }] };
        assert.throws(
          () => configOf(real, limited, SECRETS),
          /users\[0\]\.passwordSecretRef: is missing, and a PgBouncer before 1\.24/,
        );
      });
      it('does not find users of the console by asking: that is said', () =>
        assert.throws(
          () => configOf(real, specOf({}, { adminUsers: ['q'] }), SECRETS),
          /adminUsers\[0\]: has no password/,
        ));
    } else {
      it('finds users of the console by asking', async () => {
        const bouncer = await serve(real, configOf(real, specOf(query, { statsUsers: ['q'] }), SECRETS));
        try {
          const database = 'pgbouncer';
          assert.match(await loginTo(bouncer, { user: 'q', password: 'q-pw', database }), /^PgBouncer/);
          assert.match(await loginTo(bouncer, { user: 'q', password: 'wrong', database }), REFUSED);
          assert.match(await loginTo(bouncer, { user: 'later', password: 'later-pw', database }), REFUSED);
        } finally {
          await bouncer.stop();
        }
      });
    }
  });
}

describe('the Job', () => {
  const POOLER = (port: number): string => `apiVersion: poolkeeper.dev/v1alpha1
kind: ConnectionPooler
metadata: {name: app, namespace: shop}
spec:
  backends: [{host: 127.0.0.1, port: ${port}}]
  databases: [{name: app}]
  auth: {query: {userSecretRef: {name: asker}, database: other}}
`;

  it('installs function, role and password, and removes the function; no password is an argument or is sent', async () => {
    await postgres.sql('CREATE DATABASE other');
    const admin = { username: 'admin', password: 'admin-pw' };
    await postgres.sql(`CREATE ROLE admin SUPERUSER LOGIN PASSWORD '${admin.password}'`);
    const asker = { username: 'asker from a secret', password: "p'w $x" };
    const secrets: Readonly<Record<string, Readonly<Record<string, string>>>> = { 'pg-admin': admin, asker };
    await runJob(['--job', '-f', '-', '--admin-secret', 'pg-admin'], secrets);
    const stored = await postgres.sql(
      `SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = '${asker.username}'`,
    );
    assert.equal(stored.trim(), 'SCRAM-SHA-256');
    const log = await logged();
    assert.match(log, /ALTER (USER|ROLE) "?asker from a secret/);
    assert.ok(!log.includes("p'w") && !log.includes("p''w"), 'the server is sent a verifier');

    const spec = {
      backends: [{ host: postgres.host, port: postgres.port }],
      databases: [{ name: 'app' }],
      auth: { query: { userSecretRef: { name: 'asker' }, database: 'other' } },
    };
    const known = { 'asker/username': asker.username, 'asker/password': asker.password };
    const bouncer = await serve('1.26.1', configOf('1.26.1', spec, known));
    try {
      assert.equal(await loginTo(bouncer, { user: 'q', password: 'q-pw' }), 'q');
    } finally {
      await bouncer.stop();
    }
    await runJob(['--job', '-f', '-', '--admin-secret', 'pg-admin', '--remove'], secrets);
    assert.equal((await postgres.sql("SELECT to_regnamespace('pooler')", 'other')).trim(), '');
  });

  /** As a kubelet would: the command, its environment from Secrets, its file from the ConfigMap, no terminal. */
  async function runJob(
    args: readonly string[],
    secrets: Readonly<Record<string, Readonly<Record<string, string>>>>,
  ): Promise<void> {
    const { code, stdout, stderr } = await runCli(['sql', ...args], POOLER(postgres.port));
    assert.equal(code, 0, stderr);
    const [map, job]: Manifests = JSON.parse(JSON.stringify(loadAll(stdout, { schema: CORE_SCHEMA })));
    const [container] = job.spec.template.spec.containers;
    assert.ok(container);
    for (const { password } of [secrets['asker'], secrets['pg-admin']].filter((secret) => secret !== undefined))
      assert.ok(!stdout.includes(password ?? ''));
    const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-job-'));
    try {
      await writeFile(join(directory, 'lookup.sql'), map.data['lookup.sql'] ?? '');
      const env = Object.fromEntries(
        container.env.map(({ name, value, valueFrom }) => [
          name,
          value ?? secrets[valueFrom?.secretKeyRef.name ?? '']?.[valueFrom?.secretKeyRef.key ?? ''],
        ]),
      );
      const command = container.command.map((word) => word.replaceAll('/sql/', `${directory}/`));
      const child = spawn('setsid', ['--wait', ...command], {
        env: { ...env, PATH: `${await postgresPrograms()}:${process.env['PATH']}` },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const [exit] = await once(child, 'exit');
      assert.equal(exit, 0);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
});

interface Container {
  readonly command: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
}

type Manifests = readonly [
  { readonly data: Readonly<Record<string, string>> },
  { readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } } },
];
