import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from 'pg';
import { REAL_VERSIONS, type RealVersion } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const HERE = '10.77.0.1';
const secretOf = (name: string) => ({ name, key: 'password' });
const user = (more: object = {}) => ({ name: 'app', passwordSecretRef: secretOf('app'), ...more });

await inOwnNetwork(import.meta.filename, () => {
  describe('what only a restart ends', () => {
    let stage: Stage;
    let postgres: RealPostgres;
    let verifier = '';
    before(async () => {
      postgres = await startPostgres(HERE);
      await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'the-password-of-app'");
      await postgres.sql("CREATE ROLE forced LOGIN PASSWORD 'the-password-of-forced'");
      await postgres.sql('CREATE DATABASE app');
      verifier = (await postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")).trim();
      stage = await startStage({ flags: ['--observe-interval=2s'] });
      await stage.secret('forced', { password: 'the-password-of-forced' });
      await stage.secret('verifier', { password: verifier });
    });
    after(async () => {
      await stage?.stop();
      await postgres?.stop();
    });

    const name = (version: RealVersion, kind: string): string => `v${version.replaceAll('.', '')}-${kind}`;
    const specOf = (version: RealVersion, spec: object) => ({
      image: `example.com/pgbouncer:${version}`,
      backends: [{ host: HERE, port: postgres.port }],
      databases: [{ name: 'app' }],
      users: [user()],
      ...spec,
    });
    const pending = (pooler: string, status: 'True' | 'False', pattern: RegExp): Promise<void> =>
      until(`RestartRequired of ${pooler} to be ${status} with ${pattern}`, async () => {
        const found = await stage.condition(pooler, 'RestartRequired');
        const items = (await stage.read(pooler)).status?.config?.restartRequired ?? [];
        const said = `${found?.status} ${found?.reason} ${found?.message}`;
        const listed = status === 'True' ? items.length > 0 : items.length === 0;
        return found?.status === status && pattern.test(said) && listed ? true : `${said} [${items}]`;
      });
    const login = async (address: string, database: string): Promise<unknown> => {
      const client = new Client({ host: address, port: 6432, user: 'app', password: 'the-password-of-app', database });
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query('SELECT current_user AS name');
      await client.end();
      return rows[0]?.name;
    };

    const KINDS = [
      {
        kind: 'any-database',
        what: 'a `*` that was removed',
        from: { databases: [{ name: '*' }] },
        to: { databases: [{ name: 'app' }] },
        item: /database \* \(removed\)/,
      },
      {
        kind: 'forced-user',
        what: 'a serverUser that was removed',
        from: { databases: [{ name: 'app', serverUser: { name: 'forced', passwordSecretRef: secretOf('forced') } }] },
        to: {},
        item: /database app \(its server user was removed\)/,
      },
      {
        kind: 'user-line',
        what: 'the settings of a user that were removed',
        from: { users: [user({ poolMode: 'session' })] },
        to: {},
        item: /user app \(its settings were removed\)/,
      },
      {
        kind: 'verifier',
        what: 'a SCRAM verifier that a password replaced',
        from: { users: [{ name: 'app', passwordSecretRef: secretOf('verifier') }] },
        to: {},
        item: /user app \(a password replaced its SCRAM verifier\)/,
      },
      {
        kind: 'setting',
        what: 'a setting that is read at the start',
        from: {},
        to: { parameters: { listen_backlog: 77 }, maxClientConnections: 777 },
        item: /listen_backlog/,
      },
    ] as const;

    for (const { kind, what, from, to, item } of KINDS) {
      it(`${what}: with Manual it is named and waits for the annotation, on every version`, async () => {
        await Promise.all(
          REAL_VERSIONS.map(async (version) => {
            const pooler = name(version, kind);
            const rollout = { restart: 'Manual' };
            await stage.proved(pooler, await stage.pooler(pooler, specOf(version, { ...from, rollout })));
            const before = await stage.pods(pooler);
            await login(before[0]?.address ?? '', 'app');
            const generation = await stage.pooler(pooler, specOf(version, { ...to, rollout }));
            // Of what PgBouncer would keep, one thing would stop it from working: that alone is not loaded.
            if (kind !== 'forced-user') await stage.proved(pooler, generation);
            await pending(pooler, 'True', /WaitsForRestart/);
            await pending(pooler, 'True', item);
            assert.deepEqual(await stage.pods(pooler), before, 'the same pods, not restarted');
            if (kind === 'forced-user') assert.equal(await login(before[0]?.address ?? '', 'app'), 'forced');
            if (kind === 'setting') {
              const revision = (await stage.read(pooler)).status?.config?.revision;
              assert.ok(revision, 'what does not need a restart was proved at once');
            }
          }),
        );
        if (kind === 'verifier') {
          // A successor knows it, too.
          await stage.replaceOperator();
          await Promise.all(REAL_VERSIONS.map((version) => pending(name(version, kind), 'True', item)));
        }
        await Promise.all(
          REAL_VERSIONS.map(async (version) => {
            const pooler = name(version, kind);
            const [old] = await stage.pods(pooler);
            await stage.kubectl([
              'annotate',
              'cpool',
              pooler,
              `kubectl.kubernetes.io/restartedAt=${new Date().toISOString()}`,
            ]);
            await pending(pooler, 'False', /NothingKept/);
            await until(`${pooler} to have one new pod`, async () => {
              const pods = await stage.pods(pooler);
              return pods.length === 1 && pods[0]?.uid !== old?.uid ? true : JSON.stringify(pods);
            });
            assert.equal(await login((await stage.pods(pooler))[0]?.address ?? '', 'app'), 'app');
          }),
        );
      });
    }

    for (const { kind, what, from } of KINDS.filter(
      (one) => one.kind === 'any-database' || one.kind === 'forced-user',
    )) {
      it(`${what}: with Automatic the pods are replaced once, and nothing is left`, async () => {
        await Promise.all(
          REAL_VERSIONS.map(async (version) => {
            const pooler = name(version, `auto-${kind}`);
            await stage.proved(pooler, await stage.pooler(pooler, specOf(version, from)));
            const before = await stage.pods(pooler);
            const generation = await stage.pooler(pooler, specOf(version, {}));
            await until(`${pooler} to be replaced`, async () => {
              const pods = await stage.pods(pooler);
              return pods.length === 1 && pods[0]?.uid !== before[0]?.uid ? true : JSON.stringify(pods);
            });
            await stage.proved(pooler, generation);
            await pending(pooler, 'False', /NothingKept/);
            assert.equal(await login((await stage.pods(pooler))[0]?.address ?? '', 'app'), 'app');
            const deployment = JSON.parse(await stage.kubectl(['get', 'deployment', pooler, '-o', 'json']));
            assert.equal(deployment.metadata.annotations['deployment.kubernetes.io/revision'], '2', 'one roll');
          }),
        );
      });
    }
  });
});
