import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { adminSecretName } from '../api/names.ts';
import { openSession, type Session } from '../console/session.ts';
import { REAL_VERSIONS, type RealVersion } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { get } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import type { SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { startLoad } from './testing/pgbench.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

/** One server, two addresses. */
const HERE = '10.77.0.1';
const THERE = '10.77.0.2';
const PASSWORD = 'the-password-of-app';

await inOwnNetwork(import.meta.filename, () => {
  describe('changes of what runs', () => {
    let stage: Stage;
    let postgres: RealPostgres;
    before(async () => {
      postgres = await startPostgres('0.0.0.0');
      await postgres.sql(`CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'`);
      await postgres.sql('CREATE DATABASE app OWNER app');
      await postgres.pgbenchTables('app', 'app');
      stage = await startStage({ flags: ['--observe-interval=1s'] });
    });
    after(async () => {
      await stage?.stop();
      await postgres?.stop();
    });

    const nameOf = (version: RealVersion): string => `v${version.replaceAll('.', '')}`;
    const to = (name: string, more: object = {}) => ({ name, dbname: 'app', ...more });
    const specOf = (version: RealVersion, spec: object = {}) => ({
      image: `example.com/pgbouncer:${version}`,
      replicas: 2,
      backends: [{ host: HERE, port: postgres.port }],
      defaults: { poolMode: 'transaction' },
      databases: [to('app')],
      users: [{ name: 'app', passwordSecretRef: { name: 'app', key: 'password' } }],
      ...spec,
    });
    const apply = (version: RealVersion, spec: object = {}): Promise<number> =>
      stage.pooler(nameOf(version), specOf(version, spec));
    const prove = async (version: RealVersion, spec: object = {}): Promise<void> =>
      stage.proved(nameOf(version), await apply(version, spec));
    const addresses = async (version: RealVersion): Promise<readonly string[]> =>
      (await stage.pods(nameOf(version))).map(({ address }) => address);
    const connect = async (host: string, database = 'app', password = PASSWORD): Promise<Client> => {
      const client = new Client({ host, port: 6432, user: 'app', password, database, connectionTimeoutMillis: 10_000 });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    const credentials = async (version: RealVersion): Promise<Readonly<Record<string, string>>> => {
      const secret = await get<SecretObject>(stage.client, SECRETS, stage.namespace, adminSecretName(nameOf(version)));
      return Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
      );
    };
    const onConsole = async <T>(
      version: RealVersion,
      host: string,
      work: (session: Session) => Promise<T>,
    ): Promise<T> => {
      const { password = '' } = await credentials(version);
      const session = await openSession({ host, port: 6432, user: 'poolkeeper', password });
      try {
        return await work(session);
      } finally {
        await session.close();
      }
    };
    const says = (version: RealVersion, type: string, pattern: RegExp): Promise<void> =>
      until(`${type} of ${nameOf(version)} to say ${pattern}`, async () => {
        const found = await stage.condition(nameOf(version), type);
        const said = `${found?.status} ${found?.reason}: ${found?.message}`;
        return pattern.test(said) ? true : said;
      });
    const stateOf = async (version: RealVersion, host: string, database: string): Promise<string> =>
      onConsole(version, host, async (session) => {
        const row = (await session.show('DATABASES')).find((candidate) => candidate['name'] === database);
        return row === undefined ? 'absent' : `${row['paused']}${row['disabled']}`;
      });
    const each = (work: (version: RealVersion) => Promise<void>): Promise<unknown> =>
      Promise.all(REAL_VERSIONS.map(work));

    it('a database that is removed finishes its transactions first, lets nobody in meanwhile, and is gone then', async () => {
      await each(async (version) => {
        await prove(version, { databases: [to('app'), to('gone')] });
        const hosts = await addresses(version);
        const clients = await Promise.all(hosts.map((host) => connect(host, 'gone')));
        const running = clients.map(async (client) => {
          await client.query('BEGIN');
          await client.query('CREATE TEMP TABLE mine (i int)');
          await client.query('SELECT pg_sleep(3)');
          await client.query('INSERT INTO mine VALUES (1)');
          await client.query('COMMIT');
        });
        await sleep(500);
        const generation = await apply(version);
        await says(version, 'ConfigSynced', /False EmptyingDatabases: .* removes database gone/);
        await assert.rejects(connect(hosts[0] ?? '', 'gone'), /disabled/);
        await Promise.all(running);
        await stage.proved(nameOf(version), generation);
        await assert.rejects(connect(hosts[0] ?? '', 'gone'), /no such database|does not exist|rejected/);
        for (const host of hosts) assert.equal(await stateOf(version, host, 'gone'), 'absent');
      });
    });

    it('a removal that is taken back lets everybody go on, also when the operator was killed in its middle', async () => {
      await each((version) => prove(version, { databases: [to('app'), to('gone', { poolMode: 'session' })] }));
      const sessions = new Map<RealVersion, Client>();
      await each(async (version) => {
        const [host = ''] = await addresses(version);
        const client = await connect(host, 'gone');
        await client.query('CREATE TEMP TABLE mine (i int)');
        sessions.set(version, client);
        await apply(version, { rollout: { databaseDrain: '10m' } });
        await says(version, 'ConfigSynced', /EmptyingDatabases/);
        assert.equal(await stateOf(version, host, 'gone'), '11');
      });
      await stage.replaceOperator(async () => {
        await each(async (version) => {
          await apply(version, { databases: [to('app'), to('gone', { poolMode: 'session' })] });
        });
      });
      await each(async (version) => {
        for (const host of await addresses(version))
          await until(`${host} to serve it again`, async () => {
            const state = await stateOf(version, host, 'gone');
            return state === '00' ? true : state;
          });
        const client = sessions.get(version);
        await client?.query('INSERT INTO mine VALUES (1)');
        await client?.end();
        await (await connect((await addresses(version))[1] ?? '', 'gone')).end();
        await says(version, 'RuntimeOverride', /False/);
      });
    });

    it('a session that stays is cut off when its time is up, and not before', async () => {
      await each(async (version) => {
        await prove(version, { databases: [to('app'), to('gone', { poolMode: 'session' })] });
        const [host = ''] = await addresses(version);
        const client = await connect(host, 'gone');
        await client.query('SELECT 1');
        const started = performance.now();
        await prove(version, { rollout: { databaseDrain: '4s' } });
        assert.ok(performance.now() - started > 3_900, 'it had its time');
        await assert.rejects(client.query('SELECT 1'));
      });
    });

    it('a backend that changes lets transactions finish where they began, and sessions stay', async () => {
      await each(async (version) => {
        const databases = [to('app'), to('session', { poolMode: 'session' })];
        await prove(version, { databases });
        const [host = ''] = await addresses(version);
        const [transaction, session] = [await connect(host), await connect(host, 'session')];
        await transaction.query('BEGIN');
        for (const client of [transaction, session]) await client.query('CREATE TEMP TABLE mine (i int)');
        await prove(version, { databases, backends: [{ host: THERE, port: postgres.port }] });
        for (const client of [transaction, session]) await client.query('INSERT INTO mine VALUES (1)');
        await transaction.query('COMMIT');
        const server = 'SELECT host(inet_server_addr()) AS address';
        assert.equal((await transaction.query(server)).rows[0].address, THERE, version);
        assert.equal((await session.query(server)).rows[0].address, HERE, 'until its client leaves');
        await Promise.all([transaction.end(), session.end()]);
      });
    });

    it('the state of a database is held on every pod, new ones too, and taken back', async () => {
      await each(async (version) => {
        const databases = [to('app'), to('held', { state: 'Disabled' })];
        await prove(version, { databases });
        const held = async (state: string): Promise<void> => {
          for (const host of await addresses(version))
            await until(`${host} to hold it in ${state}`, async () => {
              const now = await stateOf(version, host, 'held');
              return now === state ? true : now;
            });
        };
        await held('01');
        await prove(version, { databases, replicas: 3 });
        assert.equal((await addresses(version)).length, 3);
        await held('01');
        await prove(version, { databases: [to('app'), to('held', { state: 'Paused' })], replicas: 3 });
        await held('10');
        await says(version, 'RuntimeOverride', /False/);
        await prove(version, { databases: [to('app'), to('held')] });
        await held('00');
      });
    });

    it('what a hand changes is named with pod, key and value, is not fought, and goes with the next change', async () => {
      await each((version) => prove(version));
      await each(async (version) => {
        const [pod] = await stage.pods(nameOf(version));
        await onConsole(version, pod?.address ?? '', async (session) => {
          await session.command("SET max_client_conn = '555'");
          await session.command('DISABLE app');
        });
        await says(version, 'RuntimeOverride', /^True ChangedByHand: .*max_client_conn is 555, expected/);
        await says(version, 'RuntimeOverride', /database app is disabled/);
        assert.ok((await stage.condition(nameOf(version), 'RuntimeOverride'))?.message.includes(pod?.name ?? '?'));
      });
      // A successor takes it for what it is, too.
      await stage.replaceOperator();
      await each(async (version) => {
        const [host = ''] = await addresses(version);
        await sleep(3_000);
        await says(version, 'RuntimeOverride', /^True ChangedByHand: .*max_client_conn is 555, expected/);
        await says(version, 'ConfigSynced', /^True/);
        await onConsole(version, host, (session) => session.command('ENABLE app'));
        await says(
          version,
          'RuntimeOverride',
          /^True ChangedByHand: [^,]*max_client_conn is 555, expected [0-9]+\. What/,
        );
        await prove(version, { maxClientConnections: 600 });
        await says(version, 'RuntimeOverride', /^False/);
        await onConsole(version, host, (session) => session.command("SET query_timeout = '7'"));
        await says(version, 'RuntimeOverride', /query_timeout is 7/);
        await onConsole(version, host, (session) => session.command("SET query_timeout = '0'"));
        await says(version, 'RuntimeOverride', /^False/);
      });
    });

    for (const [what, disturb] of [
      [
        'an entry annotation that a hand points elsewhere',
        async (version: RealVersion, pod: string) => {
          const entry = 'poolkeeper.dev/entry=%include /etc/pgbouncer/elsewhere.ini';
          await stage.kubectl(['annotate', 'pod', pod, '--overwrite', entry]);
          stage.node.process(pod)?.kill('SIGKILL');
          await prove(version, { maxClientConnections: 701 });
        },
      ],
      [
        'a configuration Secret that a hand deletes in the middle of a change',
        async (version: RealVersion) => {
          const generation = await apply(version, { maxClientConnections: 702 });
          const selector = `app.kubernetes.io/instance=${nameOf(version)},poolkeeper.dev/role=config`;
          await stage.kubectl(['delete', 'secret', '-l', selector]);
          await stage.proved(nameOf(version), generation);
        },
      ],
      [
        'a process that is killed in the middle of a change',
        async (version: RealVersion, pod: string) => {
          const generation = await apply(version, { maxClientConnections: 703 });
          stage.node.process(pod)?.kill('SIGKILL');
          await stage.proved(nameOf(version), generation);
        },
      ],
      [
        'an operator that is killed in the middle of a change',
        async (version: RealVersion) => {
          const generation = await apply(version, { maxClientConnections: 704 });
          await stage.replaceOperator();
          await stage.proved(nameOf(version), generation);
        },
      ],
    ] as const) {
      it(`${what} costs no client of the other replica anything, and the change is proved`, async () => {
        const version = '1.26.1';
        await prove(version);
        const [first, second] = await stage.pods(nameOf(version));
        const load = await startLoad({
          host: first?.address ?? '',
          user: 'app',
          password: PASSWORD,
          database: 'app',
          rate: 20,
        });
        await disturb(version, second?.name ?? '');
        await sleep(2_500);
        const { transactions, complaints } = await load.stop();
        assert.deepEqual(complaints, []);
        assert.ok(transactions > 0);
        const { status } = await stage.read(nameOf(version));
        assert.equal(status?.config?.provedReplicas, 2);
      });
    }

    it("the operator's own password and key are replaced while pods run and clients work", async () => {
      await each(async (version) => {
        await prove(version);
        const before = await stage.pods(nameOf(version));
        const loads = await Promise.all(
          before.map(({ address }) =>
            startLoad({ host: address, user: 'app', password: PASSWORD, database: 'app', rate: 20, reconnect: true }),
          ),
        );
        for (const keys of [['password', 'stats-password'], ['revision-key']]) {
          const old = await credentials(version);
          const patch = { data: Object.fromEntries(keys.map((key) => [key, null])) };
          await stage.kubectl([
            'patch',
            'secret',
            adminSecretName(nameOf(version)),
            '--type=merge',
            '-p',
            JSON.stringify(patch),
          ]);
          await until(`the new ${keys} to be proved`, async () => {
            const now = await credentials(version);
            const { status } = await stage.read(nameOf(version));
            const isNew = keys.every((key) => now[key] !== undefined && now[key] !== old[key]);
            const { revision, desiredRevision, provedReplicas } = status?.config ?? {};
            const works = isNew && revision === desiredRevision && provedReplicas === 2;
            if (!works) return JSON.stringify([isNew, status?.config]);
            const logins = await Promise.allSettled(
              before.map(({ address }) => onConsole(version, address, (session) => session.show('VERSION'))),
            );
            return logins.every(({ status: login }) => login === 'fulfilled') || 'the new one is refused';
          });
        }
        assert.deepEqual(await stage.pods(nameOf(version)), before, 'the same pods, not restarted');
        for (const load of loads) assert.deepEqual((await load.stop()).complaints, []);
      });
    });
  });
});
