/** What `fallbackBackend` does, with two real PostgreSQL: what the field and the documents say of it. */
import assert from 'node:assert/strict';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Client } from 'pg';
import type { PoolerSpec } from '../api/types.ts';
import { freePort } from '../console/testing/free-port.ts';
import { REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { atLeast } from '../pgbouncer/version.ts';
import { holdersOf } from './budget.ts';
import { type Config, planConfig } from './config.ts';
import { issue, issueAuthority } from './testing/issue.ts';
import { faultsOf, PASSWORDS, passwordOf, validated } from './testing/planned.ts';
import { filesFor, NOBODY } from './testing/real-files.ts';

const FIRST = '127.0.0.2';
const SECOND = '127.0.0.3';
const REF = { name: 'app', key: 'password' } as const;
/** Each server has an authority of its own, and its address in its certificate. */
const AUTHORITIES = { [FIRST]: issueAuthority('of the first'), [SECOND]: issueAuthority('of the second') };
const WHERE = 'SELECT host(inet_server_addr())';

let port: number;
let second: RealPostgres;
let first: RealPostgres | undefined;
let bouncer: RealPgbouncer | undefined;
const directories: string[] = [];
const clients: Client[] = [];

before(async () => {
  port = await freePort();
  second = await startServer(SECOND);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
  await bouncer?.stop();
  await first?.stop();
  first = undefined;
});
after(async () => {
  await second?.stop();
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

for (const real of REAL_VERSIONS) {
  describe(`pgbouncer ${real} and a fallback`, () => {
    if (!atLeast(versionOf(real), '1.25'))
      it('reaches no server when a list of hosts is verified in full, which is why that is refused', async () => {
        first = await startServer(FIRST);
        const { spec } = validated({
          backends: [{ hosts: [FIRST, SECOND], port }],
          databases: [{ name: 'app' }],
          users: [{ name: 'app', passwordSecretRef: REF }],
          parameters: { query_wait_timeout: 3 },
          tls: {
            server: {
              mode: 'verify-ca',
              caSecretRef: { name: FIRST, key: 'ca.crt' },
              caSecretRefs: [{ name: SECOND, key: 'ca.crt' }],
            },
          },
        });
        const config = planOf(spec);
        const start = (mode: string) =>
          startPgbouncer(real, (place) =>
            Object.fromEntries(
              Object.entries(filesFor(place, config)).map(([name, text]) => [
                name,
                text.replace(/^server_tls_sslmode = .*$/m, `server_tls_sslmode = ${mode}`),
              ]),
            ),
          );
        bouncer = await start('verify-ca');
        assert.ok([FIRST, SECOND].includes(await where()));
        await bouncer.stop();
        bouncer = await start('verify-full');
        await assert.rejects(where());
        assert.match(bouncer.log(), /name `127\.0\.0\.2,127\.0\.0\.3' not present in server certificate/);
      });

    if (!atLeast(versionOf(real), '1.24')) return;

    it('serves from it when the backend is down at the start, and stays there when told to reconnect', async () => {
      bouncer = await startPooler();
      assert.equal(await where(), SECOND);
      first = await startServer(FIRST);
      await tell('RECONNECT app');
      await tell('PAUSE app');
      await tell('RESUME app');
      assert.equal(await where(), SECOND);
      await bouncer.stop();
      bouncer = await startPooler();
      assert.equal(await where(), FIRST, 'a new process begins with the backend');
    });

    it('goes there when the backend is lost, and a client between two transactions does not notice', async () => {
      first = await startServer(FIRST);
      bouncer = await startPooler();
      const client = await connect();
      assert.equal(await where(client), FIRST);
      await first.stop();
      assert.equal(await where(client), SECOND);
    });

    it('is at both at once when the backend takes no more, so that both budgets count it', async () => {
      first = await startServer(FIRST);
      bouncer = await startPooler();
      const client = await connect();
      await client.query('BEGIN');
      assert.equal(await where(client), FIRST);
      await first.sql('ALTER DATABASE app CONNECTION LIMIT 1');
      assert.equal(await where(), SECOND);
      assert.equal(await where(client), FIRST);
      const { rows } = await tell('SHOW SERVERS');
      assert.deepEqual(rows.map(({ addr }) => addr).sort(), [FIRST, SECOND]);
    });

    it('decides for each user by itself, and keeps to its place in the list over a RELOAD', async () => {
      bouncer = await startPooler();
      assert.equal(await where(), SECOND);
      first = await startServer(FIRST);
      assert.equal(await where(await connect('other')), FIRST, 'a pool that has not seen it down');
      await reload(undefined);
      assert.equal(await where(), FIRST, 'without a fallback');
      await reload('second');
      assert.equal(await where(), SECOND, 'with the fallback again');
      const { rows } = await tell('SHOW DATABASES');
      const shown = rows.find(({ name }) => name === 'app');
      assert.deepEqual([shown?.host, shown?.load_balance_hosts], [`${FIRST},${SECOND}`, 'disable'], 'can be proved');
    });

    if (!atLeast(versionOf(real), '1.25')) return;

    it('is verified in full: each server by its own address, by the authority that it has', async () => {
      first = await startServer(FIRST);
      bouncer = await startPooler([FIRST, SECOND]);
      const client = await connect();
      assert.equal(await where(client), FIRST);
      await first.stop();
      assert.equal(await where(client), SECOND);
      assert.equal((await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0]?.ssl, true);
      await bouncer.stop();
      bouncer = await startPooler([FIRST]);
      await assert.rejects(where(), 'the authority of the second is not trusted');
    });
  });

  const startPooler = (authorities: readonly string[] = []): Promise<RealPgbouncer> => {
    const config = configOf('second', authorities);
    return startPgbouncer(real, (place) => filesFor(place, config));
  };

  async function reload(fallbackBackend: string | undefined): Promise<void> {
    assert.ok(bouncer);
    await bouncer.write(filesFor(bouncer, configOf(fallbackBackend, [])));
    await tell('RELOAD');
    // Connections to a host that changed are closed by and by; this closes them now.
    await tell('RECONNECT app');
    await tell('WAIT_CLOSE app');
  }

  function configOf(fallbackBackend: string | undefined, authorities: readonly string[]) {
    const [caSecretRef, ...caSecretRefs] = authorities.map((name) => ({ name, key: 'ca.crt' }));
    const { spec } = validated({
      backends: [
        { name: 'first', host: FIRST, port },
        { name: 'second', host: SECOND, port },
      ],
      databases: [
        { name: 'app', backend: 'first', ...(fallbackBackend && { fallbackBackend }), poolMode: 'transaction' },
      ],
      users: ['app', 'other'].map((name) => ({ name, passwordSecretRef: REF })),
      parameters: { server_reset_query_always: 0, query_wait_timeout: 5 },
      ...(caSecretRef && { tls: { server: { mode: 'verify-full', caSecretRef, caSecretRefs } } }),
    });
    return planOf(spec);
  }

  function planOf(spec: PoolerSpec | undefined): Config {
    assert.ok(spec);
    const plan = planConfig({
      spec,
      name: 'pooler',
      namespace: 'shop',
      version: versionOf(real),
      holders: holdersOf(spec.replicas, 0),
      passwords: PASSWORDS,
      revisionKey: 'key of the revision',
      lookup: (ref) => ({
        found: true,
        value: Object.entries(AUTHORITIES).find(([name]) => name === ref.name)?.[1].certificate ?? passwordOf(ref),
      }),
    });
    assert.deepEqual(faultsOf(plan), []);
    assert.ok(plan.config);
    return plan.config;
  }
}

async function connect(user = 'app', database = 'app', password = passwordOf(REF)): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: bouncer?.port, user, database, password });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

/** The server behind a client; a new one when none is given. */
async function where(client?: Client): Promise<string> {
  return (await (client ?? (await connect())).query(WHERE)).rows[0]?.host;
}

async function tell(command: string) {
  const console = await connect('poolkeeper', 'pgbouncer', PASSWORDS.admin);
  try {
    return await console.query(command);
  } finally {
    await console.end();
  }
}

async function startServer(host: typeof FIRST | typeof SECOND): Promise<RealPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-fallback-'));
  directories.push(directory);
  await chmod(directory, 0o755);
  const served = issue({ commonName: 'pg', use: 'server', names: [host], issuer: AUTHORITIES[host] });
  const files = { certificate: join(directory, 'tls.crt'), key: join(directory, 'tls.key') };
  for (const name of ['certificate', 'key'] as const) {
    await writeFile(files[name], served[name], { mode: 0o600 });
    if (process.getuid?.() === 0) await chown(files[name], NOBODY, NOBODY);
  }
  const ssl = ['ssl=on', `ssl_cert_file=${files.certificate}`, `ssl_key_file=${files.key}`];
  const server = await startPostgres(host, ssl, port);
  for (const user of ['app', 'other']) await server.sql(`CREATE ROLE ${user} LOGIN PASSWORD '${passwordOf(REF)}'`);
  await server.sql('CREATE DATABASE app');
  return server;
}
