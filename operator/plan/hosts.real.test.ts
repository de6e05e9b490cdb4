/** What PgBouncer does with a list of hosts: what the field and the documents say of it. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Client } from 'pg';
import { openSession } from '../console/session.ts';
import { type AcceptingServer, startAcceptingServer } from '../console/testing/accepting-server.ts';
import { freePort } from '../console/testing/free-port.ts';
import {
  type Place,
  REAL_VERSIONS,
  type RealPgbouncer,
  startPgbouncer,
  versionOf,
} from '../console/testing/real-pgbouncer.ts';
import { readDatabases } from '../pgbouncer/show.ts';
import { atLeast } from '../pgbouncer/version.ts';
import { PASSWORDS, passwordOf, planned, validated } from './testing/planned.ts';
import { filesFor } from './testing/real-files.ts';
import { relay } from './testing/relay.ts';

const FIRST = '127.0.0.2';
const SECOND = '127.0.0.3';
const REF = { name: 'app', key: 'password' } as const;

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  const clientOf = ({ port }: { readonly port: number }): Client =>
    new Client({ host: '127.0.0.1', port, user: 'app', database: 'app', password: passwordOf(REF) });

  describe(`pgbouncer ${real} and a list of hosts`, () => {
    it('gives each new server connection to the next of them', async () => {
      const { logins } = await connections({}, 4);
      assert.deepEqual(logins, [2, 2]);
    });

    it('shows the longest that there can be as it was written, so that it can be proved', async () => {
      const hosts = Array.from({ length: 16 }, (_, index) => `${index}`.padEnd(253, 'h'));
      const falls = atLeast(version, '1.24');
      const { spec } = validated({
        backends: [{ hosts }, { name: 'second', hosts }],
        databases: [{ name: 'app', backend: 'primary', ...(falls && { fallbackBackend: 'second' }) }],
      });
      const config = spec && planned(spec, version).config;
      assert.ok(config);
      const bouncer = await startPgbouncer(real, (place) => filesFor(place, config));
      try {
        const session = await openSession({ ...bouncer, user: 'poolkeeper', password: PASSWORDS.admin });
        const rows = readDatabases(await session.show('DATABASES'));
        await session.close();
        assert.deepEqual(
          rows.map(({ host }) => host),
          [(falls ? [...hosts, ...hosts] : hosts).join(',')],
        );
      } finally {
        await bouncer.stop();
      }
    });

    it('goes on with the others when one is down, at the cost of a failed attempt each time its turn comes', async () => {
      const { logins, failed } = await connections({}, 4, 'the first is down');
      assert.deepEqual(logins, [0, 4]);
      assert.ok(failed >= 2, `${failed} failed attempts`);
    });

    for (const [what, hostIn] of [
      ['the directory of a Unix socket', (directory: string) => directory],
      ['the name of an abstract socket', (directory: string) => `@${directory.slice(1)}`],
    ] as const)
      it(`reaches a server by ${what}, without TLS though it shall require it, and shows it as it was written`, async () => {
        const port = await freePort();
        const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-socket-'));
        await chmod(directory, 0o755);
        const host = hostIn(directory);
        const server = await startAcceptingServer(FIRST, port);
        const path = `${host.replace('@', '\0')}/.s.PGSQL.${port}`;
        const sidecar = await relay(path, FIRST, port);
        try {
          const { spec } = validated({
            backends: [{ host, port }],
            databases: [{ name: 'app' }],
            users: [{ name: 'app', passwordSecretRef: REF }],
            tls: { server: { mode: 'require' } },
          });
          const config = spec && planned(spec, version).config;
          assert.ok(config);
          const bouncer = await startPgbouncer(real, (place) => filesFor(place, config));
          try {
            const client = clientOf(bouncer);
            await client.connect();
            await client.query('SELECT');
            await client.end();
            assert.equal(server.logins(), 1);
            const session = await openSession({ ...bouncer, user: 'poolkeeper', password: PASSWORDS.admin });
            const rows = readDatabases(await session.show('DATABASES'));
            await session.close();
            assert.deepEqual(
              rows.map((row) => [row.host, row.port]),
              [[host, port]],
            );
          } finally {
            await bouncer.stop();
          }
        } finally {
          await sidecar.close();
          await server.close();
          await rm(directory, { recursive: true, force: true });
        }
      });

    if (!atLeast(version, '1.24')) return;

    it('stays with the first that works when it shall not balance', async () => {
      assert.deepEqual((await connections({ load_balance_hosts: 'disable' }, 4)).logins, [4, 0]);
    });

    it('stays with the next after one that failed', async () => {
      const { logins, failed } = await connections({ load_balance_hosts: 'disable' }, 4, 'the first is down');
      assert.deepEqual(logins, [0, 4]);
      assert.equal(failed, 1);
    });
  });

  /** As many sessions as clients, each with a server connection of its own. */
  async function connections(parameters: Readonly<Record<string, string>>, clients: number, down?: string) {
    const port = await freePort();
    const servers: AcceptingServer[] = [];
    let bouncer: RealPgbouncer | undefined;
    const open: Client[] = [];
    try {
      const first = await startAcceptingServer(FIRST, port, down === undefined ? 'accept' : 'hang up');
      const second = await startAcceptingServer(SECOND, port);
      servers.push(first, second);
      bouncer = await startPgbouncer(real, (place) => sessionFiles(place, port, parameters));
      for (let index = 0; index < clients; index += 1) {
        const client = clientOf(bouncer);
        client.on('error', () => undefined);
        await client.connect();
        open.push(client);
        await client.query('SELECT');
      }
      return { logins: [first.logins(), second.logins()], failed: first.refused() };
    } finally {
      await Promise.all(open.map((client) => client.end().catch(() => undefined)));
      await bouncer?.stop();
      await Promise.all(servers.map((server) => server.close()));
    }
  }

  function sessionFiles(place: Place, port: number, parameters: Readonly<Record<string, string>>) {
    const { spec } = validated({
      backends: [{ hosts: [FIRST, SECOND], port }],
      databases: [{ name: 'app', poolMode: 'session', poolSize: 8, parameters }],
      users: [{ name: 'app', passwordSecretRef: REF }],
      parameters: { server_login_retry: '0.1' },
    });
    const config = spec && planned(spec, version).config;
    assert.ok(config);
    return filesFor(place, config);
  }
}
