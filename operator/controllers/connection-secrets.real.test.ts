import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ensureInstalled } from '../../e2e/cluster/machine.ts';
import { startObligingServer } from '../console/testing/obliging-server.ts';
import type { ScriptedServer } from '../console/testing/scripted-server.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { get, list, mergePatch, remove } from '../kube/operations.ts';
import { PODS, SECRETS } from '../kube/resources.ts';
import { type Issued, issue, issueAuthority } from '../plan/testing/issue.ts';
import { startOperator } from '../testing/operator-process.ts';
import { filesIn, type SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

/** Where pods find PostgreSQL. */
const SERVER = '10.77.254.1';
const NAME = 'app-uri';

await inOwnNetwork(import.meta.filename, () => {
  describe('connection Secrets', () => {
    let stage: Stage;
    let server: ScriptedServer;
    before(async () => {
      await ensureInstalled([{ program: 'psql', package: 'postgresql-client' }]);
      server = await startObligingServer(SERVER);
      stage = await startStage({ flags: ['--observe-interval=2s'] });
    });
    after(async () => {
      await stage?.stop();
      await server?.stop();
    });

    const spec = (fields: object = {}) => ({
      replicas: 2,
      backends: [{ host: SERVER, port: server.port }],
      connectionSecrets: [{ name: NAME, user: 'app', database: 'app', keys: { dsn: 'password={password:quoted}' } }],
      ...fields,
    });
    const stored = async (name = NAME): Promise<SecretObject | undefined> => {
      try {
        return await get<SecretObject>(stage.client, SECRETS, stage.namespace, name);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    };
    const texts = async (name = NAME): Promise<Readonly<Record<string, string>>> =>
      filesIn((await stored(name)) ?? { apiVersion: '', kind: '', metadata: { name } });
    const says = (key: string, value: string, name = NAME): Promise<void> =>
      until(`${key} of ${name} to be ${value}`, async () => {
        const found = (await texts(name))[key];
        return found === value ? true : String(found);
      });
    const podAddresses = async (): Promise<readonly string[]> => {
      const { items } = await list<KubeObject & { status?: { podIP?: string } }>(stage.client, PODS, stage.namespace);
      return items.flatMap(({ status, metadata }) =>
        metadata.deletionTimestamp === undefined && status?.podIP !== undefined ? [status.podIP] : [],
      );
    };
    /** There is no kube-proxy and no DNS here: a pod stands for the Service. */
    const at = (address: string, text: string): string =>
      text.replaceAll(`app.${stage.namespace}.svc`, address).replaceAll(/\b5432\b/g, '6432');
    const psql = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> =>
      new Promise((resolve) => {
        const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 20_000 };
        execFile('psql', ['--no-psqlrc', ...args, '-c', 'SET a = 1'], options, (_error, stdout, stderr) =>
          resolve(stdout + stderr),
        );
      });

    it('lead psql and node-postgres to the database, by uri and by password file, through every pod', async () => {
      await stage.proved('app', await stage.pooler('app', spec()));
      await says('type', 'postgresql');
      const { uri = '', pgpass = '' } = await texts();
      assert.equal(uri, `postgresql://app:the-password-of-app@app.${stage.namespace}.svc:6432/app`);
      const addresses = await podAddresses();
      assert.equal(addresses.length, 2);
      for (const address of addresses) {
        assert.equal(await psql(['-d', at(address, uri)]), 'SET\n');
        await writeFile('/run/pgpass', at(address, pgpass), { mode: 0o600 });
        const found = await psql(['-h', address, '-p', '6432', '-U', 'app', '-w', 'app'], {
          PGPASSFILE: '/run/pgpass',
        });
        assert.equal(found, 'SET\n');
        const client = new pg.Client({ connectionString: at(address, uri) });
        await client.connect();
        await client.end();
      }
      assert.match(await psql(['-d', at(addresses[0] ?? '', uri).replace('the-password', 'a-password')]), /failed/);
    });

    it('lead past the pooler', async () => {
      const { 'direct-uri': direct = '' } = await texts();
      assert.equal(direct, `postgresql://app:the-password-of-app@${SERVER}:${server.port}/app`);
      assert.equal(await psql(['-d', direct]), 'SET\n');
    });

    it('are owned by the pooler', async () => {
      const { metadata } = (await stored()) ?? assert.fail();
      assert.equal(metadata.ownerReferences?.[0]?.name, 'app');
    });

    it('have a new password only when every pod takes it', async () => {
      for (const password of ['rotated once: @/%', 'rotated "twice"']) {
        await stage.secret('app', { password });
        await says('password', password);
        const { uri = '' } = await texts();
        // At once, and with every pod: whoever reads the Secret now may use it now.
        for (const address of await podAddresses()) assert.equal(await psql(['-d', at(address, uri)]), 'SET\n');
      }
    });

    it('wait for a pod that does not answer, and follow when it does', async () => {
      const { items } = await list<KubeObject>(stage.client, PODS, stage.namespace);
      const [silent] = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const pod = stage.node.process(silent?.metadata.name ?? '') ?? assert.fail();
      const { password: old } = await texts();
      pod.kill('SIGSTOP');
      try {
        await stage.secret('app', { password: 'not for all yet' });
        await until('the operator to have tried', async () => {
          const synced = await stage.condition('app', 'ConfigSynced');
          return synced?.status === 'False' ? true : `${synced?.message}`;
        });
        await sleep(3_000);
        assert.equal((await texts())['password'], old);
      } finally {
        pod.kill('SIGCONT');
      }
      await says('password', 'not for all yet');
    });

    it('follow the port of the Service, the database and the backend', async () => {
      await stage.pooler('app', spec({ service: { port: 5432 } }));
      await says('port', '5432');
      const databases = [{ name: 'shop', dbname: 'real' }];
      await stage.pooler(
        'app',
        spec({ databases, connectionSecrets: [{ name: NAME, user: 'app', database: 'shop' }] }),
      );
      await says('direct-database', 'real');
      const found = await texts();
      assert.equal(found['dsn'], undefined);
      for (const address of await podAddresses())
        assert.equal(await psql(['-d', at(address, found['uri'] ?? '')]), 'SET\n');
      await stage.proved('app', await stage.pooler('app', spec()));
      await says('port', '6432');
    });

    it('have the authority of the served certificate, and follow when it is replaced', async () => {
      const names = ['app', `app.${stage.namespace}`, `app.${stage.namespace}.svc`];
      const [first, second] = ['first', 'second'].map((name) => issueAuthority(`${name} authority`));
      assert.ok(first && second);
      const serve = (issuer: Issued, authorities: string): Promise<void> => {
        const { certificate, key } = issue({ commonName: 'app', use: 'server', names, issuer });
        return stage.secret('app-tls', { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authorities });
      };
      /** As an application does that has mounted the Secret. */
      const verified = async (): Promise<readonly string[]> => {
        const { 'ca.crt': authority = '', uri = '' } = await texts();
        await writeFile('/run/ca.crt', authority);
        const strict = uri.replace('sslmode=require', 'sslmode=verify-full&sslrootcert=/run/ca.crt');
        return Promise.all((await podAddresses()).map((address) => psql(['-d', `${strict}&hostaddr=${address}`])));
      };
      const tls = { client: { mode: 'require', secretRef: { name: 'app-tls' } } };
      await serve(first, first.certificate);
      await stage.proved('app', await stage.pooler('app', spec({ tls })));
      await says('ca.crt', first.certificate);
      assert.deepEqual(await verified(), ['SET\n', 'SET\n']);

      // Both first, so that nobody is without; the served certificate stays what it is, and no pod is asked for anything.
      const both = first.certificate + second.certificate;
      await mergePatch(
        stage.client,
        SECRETS,
        stage.namespace,
        'app-tls',
        { data: { 'ca.crt': Buffer.from(both).toString('base64') } },
        {},
      );
      await says('ca.crt', both);
      assert.deepEqual(await verified(), ['SET\n', 'SET\n']);
      await serve(second, second.certificate);
      await says('ca.crt', second.certificate);
      assert.deepEqual(await verified(), ['SET\n', 'SET\n']);

      await serve(second, first.certificate);
      await until('the other authority to be told', async () => {
        const valid = await stage.condition('app', 'CertificatesValid');
        return valid?.reason === 'AuthorityUnusable' ? true : `${valid?.reason}`;
      });
      await until('no authority', async () => ((await texts())['ca.crt'] === undefined ? true : 'there is one'));
      await stage.proved('app', await stage.pooler('app', spec()));
      await says('sslmode', 'disable');
    });

    it('come back when they are deleted, and lose what a hand wrote into them', async () => {
      await says('database', 'app');
      const first = await texts();
      await remove(stage.client, SECRETS, stage.namespace, NAME, {});
      await says('uri', first['uri'] ?? '');
      const data = { uri: Buffer.from('postgresql://elsewhere').toString('base64') };
      await mergePatch(stage.client, SECRETS, stage.namespace, NAME, { data }, {});
      await says('uri', first['uri'] ?? '');
      assert.deepEqual(await texts(), first);
    });

    it('are not written again when nothing changes, nor when only metadata of a Secret does, nor by an operator that starts', async () => {
      await stage.proved('app', await stage.pooler('app', spec()));
      await sleep(1_000);
      const before = await stored();
      await mergePatch(stage.client, SECRETS, stage.namespace, 'app', { metadata: { annotations: { a: 'b' } } }, {});
      await sleep(3_000);
      await stage.operator.stop();
      const next = await startOperator({ kubeconfig: stage.kubeconfig, args: ['--observe-interval=2s'] });
      try {
        await until('the other operator to look', async () =>
          (await next.metric('workqueue_work_duration_seconds_count').catch(() => 0)) > 0 ? true : 'not yet',
        );
        await sleep(3_000);
        assert.equal((await stored())?.metadata.resourceVersion, before?.metadata.resourceVersion);
        // It still follows.
        await stage.secret('app', { password: 'after the restart' });
        await says('password', 'after the restart');

        await stage.pooler('app', spec({ connectionSecrets: [{ name: 'taken', user: 'app', database: 'app' }] }));
        await until('the first one to be gone', async () => ((await stored()) === undefined ? true : 'there'));
        await says('user', 'app', 'taken');

        await stage.secret('foreign', { uri: 'theirs' });
        await stage.pooler('app', spec({ connectionSecrets: [{ name: 'foreign', user: 'app', database: 'app' }] }));
        await until('the collision to be told', async () => {
          const stalled = await stage.condition('app', 'Stalled');
          const told =
            /^Secret foreign exists and belongs to somebody else; choose another name in spec.connectionSecrets/;
          return stalled?.reason === 'NameCollision' && told.test(stalled.message) ? true : `${stalled?.message}`;
        });
        assert.deepEqual(await texts('foreign'), { uri: 'theirs' });
        await remove(stage.client, SECRETS, stage.namespace, 'foreign', {});
        await says('user', 'app', 'foreign');
        await until('the pooler to be ready', async () => {
          const ready = await stage.condition('app', 'Ready');
          return ready?.status === 'True' ? true : `${ready?.message}`;
        });
      } finally {
        await next.stop();
      }
    });
  });
});
