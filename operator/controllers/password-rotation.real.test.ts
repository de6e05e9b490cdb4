import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { REAL_VERSIONS } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import type { Config } from '../plan/config.ts';
import { APP_PASSWORD, type LocalFleet, startLocalFleet } from './testing/local-fleet.ts';

/** What the user leaves between the one change and the other. */
const GAP_MS = 700;
/** Nobody waits for ever, whatever becomes of a connection. */
const PATIENCE = { connectionTimeoutMillis: 20_000, query_timeout: 20_000 };
/** PgBouncer asks a server that refused it again after a second; the rest is for a loaded machine. */
const SOON_MS = 5_000;

for (const version of REAL_VERSIONS) {
  describe(`passwords and users of two real pgbouncers ${version}`, () => {
    let fleet: LocalFleet;
    let postgres: RealPostgres;
    let current = APP_PASSWORD;
    before(async () => {
      postgres = await startPostgres();
      for (const role of ['app', 'other']) await postgres.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${APP_PASSWORD}'`);
      await postgres.sql('CREATE DATABASE app');
      fleet = await startLocalFleet(version, 2, 900, {
        backends: [{ name: 'primary', host: postgres.host, port: postgres.port }],
        users: users('app', 'other'),
      });
    });
    after(async () => {
      await fleet?.stop();
      await postgres?.stop();
    });

    const users = (...names: readonly string[]) =>
      names.map((name) => ({ name, passwordSecretRef: { name: 's', key: 'k' } }));
    const change = async (config: Config): Promise<void> => {
      const result = await fleet.change(config);
      assert.equal(result.outcome, 'proved', JSON.stringify(result));
    };
    const login = async (port: number, user: string, password: string): Promise<Client> => {
      const client = new Client({ host: '127.0.0.1', port, user, password, database: 'app', ...PATIENCE });
      client.on('error', () => undefined);
      await client.connect();
      await client.query('SELECT 1');
      return client;
    };
    const works = (port: number, user: string, password: string): Promise<boolean> =>
      login(port, user, password).then(
        async (client) => {
          await client.end();
          return true;
        },
        () => false,
      );

    for (const order of ['the role first', 'the Secret first'] as const) {
      it(`a password is rotated, ${order}: who tries both is let in but for the gap, who is connected notices nothing`, async () => {
        const next = `${current}-next`;
        const [port = 0] = fleet.processes.map((process) => process.port);
        const connected = await login(port, 'app', current);
        const refused: number[] = [];
        let rotating = true;
        const old = current;
        const logging = (async () => {
          while (rotating) {
            if (!(await works(port, 'app', old)) && !(await works(port, 'app', next))) refused.push(performance.now());
            await connected.query('SELECT 1');
            await sleep(20);
          }
        })();
        await sleep(200);
        const steps = [
          async () => void (await postgres.sql(`ALTER ROLE app PASSWORD '${next}'`)),
          () => change(fleet.configOf(900, {}, version, undefined, { users: users('app', 'other'), password: next })),
        ];
        const began = performance.now();
        for (const step of order === 'the role first' ? steps : steps.toReversed()) {
          await step();
          await sleep(GAP_MS);
        }
        const ended = performance.now();
        await sleep(1_500);
        rotating = false;
        await logging;
        current = next;
        for (const at of refused)
          assert.ok(at > began && at < ended + SOON_MS, `${Math.round(at - ended)} ms after it`);
        for (const process of fleet.processes) {
          assert.equal(await works(process.port, 'app', next), true);
          assert.equal(await works(process.port, 'app', old), false, 'the old one is worth nothing any more');
        }
        await connected.query('SELECT 1');
        await connected.end();
        await postgres.sql(`ALTER ROLE other PASSWORD '${next}'`);
      });
    }

    it('a user who is removed is refused from then on, also where he had logged in before; who is connected goes on', async () => {
      const connected = await Promise.all(fleet.processes.map(({ port }) => login(port, 'other', current)));
      await change(fleet.configOf(901, {}, version, undefined, { users: users('app'), password: current }));
      for (const { port } of fleet.processes) {
        assert.equal(await works(port, 'other', current), false);
        assert.equal(await works(port, 'app', current), true);
      }
      for (const client of connected) {
        await client.query('SELECT 1');
        await client.end();
      }
    });
  });
}
