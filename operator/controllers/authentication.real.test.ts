import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isLoginRefused } from '../console/errors.ts';
import { openSession } from '../console/session.ts';
import type { KubeObject } from '../kube/objects.ts';
import { list } from '../kube/operations.ts';
import { PODS } from '../kube/resources.ts';
import type { Row } from '../pgbouncer/rows.ts';
import { scramVerifier } from '../pgbouncer/scram-verifier.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

await inOwnNetwork(import.meta.filename, () => {
  describe('logins that come from Secrets', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=2s'] });
      await stage.secret('legacy', { users: '; the old team\n"dba" "one"\n' });
    });
    after(() => stage?.stop());

    const AUTH = { userlistSecretRefs: [{ name: 'legacy', key: 'users' }], adminUsers: ['dba'] };
    const QUERY = { userSecretRef: { name: 'asker' }, database: 'postgres' };

    const credentials = (reason: string, message: RegExp): Promise<void> =>
      until(`CredentialsValid to be ${reason} and to say ${message}`, async () => {
        const found = await stage.condition('app', 'CredentialsValid');
        return found?.reason === reason && message.test(found.message) ? true : `${found?.reason}: ${found?.message}`;
      });
    const address = async (): Promise<string> => {
      const pods = await list<KubeObject & { readonly status?: { readonly podIP?: string } }>(
        stage.client,
        PODS,
        stage.namespace,
      );
      return pods.items.find(({ metadata }) => metadata.deletionTimestamp === undefined)?.status?.podIP ?? '';
    };
    /** What the console shows to `dba`; undefined when it is not let in. */
    const console = async (password: string, what: string): Promise<readonly Row[] | undefined> => {
      try {
        const session = await openSession({ host: await address(), port: 6432, user: 'dba', password });
        const rows = await session.show(what);
        await session.close();
        return rows;
      } catch (error) {
        if (isLoginRefused(error)) return undefined;
        throw error;
      }
    };
    const setting = async (password: string, key: string): Promise<unknown> =>
      (await console(password, 'CONFIG'))?.find((row) => row['key'] === key)?.['value'];

    it('let in whom a userlist names, to the console too when the pooler says so', async () => {
      await stage.proved('app', await stage.pooler('app', { auth: AUTH }));
      assert.equal(await setting('one', 'admin_users'), 'poolkeeper,poolkeeper_proof,dba');
      assert.equal(await setting('two', 'admin_users'), undefined);
      await credentials('Valid', /well formed/);
    });

    it('follow their Secret; a line that PgBouncer would stumble over is named, and changes nothing', async () => {
      await stage.secret('legacy', { users: '"dba" "two"\n# planted\n' });
      await credentials('SecretInvalid', /userlistSecretRefs\[0\]: line 2 begins with #.*\("legacy\/users"\)/);
      assert.doesNotMatch((await stage.condition('app', 'CredentialsValid'))?.message ?? '', /planted/);
      assert.equal(await setting('one', 'auth_type'), 'hba');
      const { revision } = (await stage.read('app')).status?.config ?? {};
      await stage.secret('legacy', { users: '"dba" "two"\n' });
      await until('the new password to be in force', async () =>
        (await setting('two', 'auth_type')) === 'hba' ? true : `revision ${revision} before`,
      );
      assert.equal(await setting('one', 'auth_type'), undefined);
    });

    it('say what they cannot do, and are in force all the same', async () => {
      await stage.secret('legacy', { users: `"dba" "two"\n"old" "${scramVerifier('x', Buffer.alloc(16))}"\n` });
      await credentials('ValidWithWarnings', /userlistSecretRefs\[0\]: holds a SCRAM verifier for old/);
      const { generation = 0 } = (await stage.read('app')).metadata;
      await stage.proved('app', generation);
    });

    it('wait for the login that asks the server, and then ask in its name', async () => {
      const generation = await stage.pooler('app', {
        auth: { ...AUTH, query: QUERY },
        users: [{ name: 'looked-up', maxServerConnections: 3 }],
      });
      await credentials('SecretMissing', /query\.userSecretRef: does not exist.*\("asker\/username"\)/);
      await stage.secret('asker', { username: 'pooler_auth', password: 'x' });
      await stage.proved('app', generation);
      assert.equal(await setting('two', 'auth_user'), 'pooler_auth');
      assert.equal(await setting('two', 'auth_dbname'), 'postgres');
      const databases = (await console('two', 'DATABASES')) ?? [];
      assert.equal(databases.find((row) => row['name'] === 'postgres')?.['pool_size'], '2');
      await stage.secret('asker', { username: 'another', password: 'x' });
      await until('the new name to be in force', async () => {
        const name = await setting('two', 'auth_user');
        return name === 'another' ? true : String(name);
      });
    });

    it('wait for the login of a single database, too, and follow its Secret without a restart', async () => {
      const generation = await stage.pooler('app', {
        auth: { ...AUTH, query: QUERY },
        databases: [{ name: 'app', authQuery: { userSecretRef: { name: 'own-asker' }, database: 'postgres' } }],
      });
      await credentials(
        'SecretMissing',
        /databases\[0\]\.authQuery\.userSecretRef: does not exist.*\("own-asker\/username"\)/,
      );
      await stage.secret('own-asker', { username: 'own_auth', password: 'x' });
      await stage.proved('app', generation);
      const before = (await stage.read('app')).status?.config;
      await stage.secret('own-asker', { username: 'own_auth', password: 'rotated' });
      await until('the new password to be in force', async () => {
        const { revision, restartRequired = [] } = (await stage.read('app')).status?.config ?? {};
        return revision !== before?.revision && restartRequired.length === 0 ? true : `still ${revision}`;
      });
      // The name of the common one, which has another password.
      await stage.secret('own-asker', { username: 'another', password: 'rotated' });
      await credentials(
        'SecretInvalid',
        /databases\[0\]\.authQuery\.userSecretRef: holds another password for another than spec\.auth\.query\.userSecretRef/,
      );
      await stage.secret('own-asker', { username: 'own_next', password: 'rotated' });
      await credentials('ValidWithWarnings', /holds a SCRAM verifier for old/);
    });

    it('are refused by the API server with the reason when PgBouncer cannot do it', async () => {
      await assert.rejects(
        stage.pooler('app', { auth: { type: 'pam' } }),
        /PgBouncer cannot combine it with access rules/,
      );
      await assert.rejects(stage.pooler('app', { auth: { type: 'hba' } }), /type hba needs lines in hba/);
    });

    it('by lines of access rules are told by their index, and let in again when they are corrected', async () => {
      await stage.pooler('app', {
        auth: { ...AUTH, hba: ['host all all 10.0.0.0/8 md5', 'host all all 10.0.0.1/8 md5'] },
      });
      await until('Stalled to name the line', async () => {
        const found = await stage.condition('app', 'Stalled');
        return /spec\.auth\.hba\[1\]: has an address that goes beyond its network/.test(found?.message ?? '')
          ? true
          : (found?.message ?? 'nothing');
      });
      await stage.proved('app', await stage.pooler('app', { auth: { ...AUTH, hba: ['host all all 10.0.0.0/8 md5'] } }));
      // The login that asked the server goes with a restart, so that the process may still be the one before.
      await until('the rules to be in force', async () => {
        const type = await setting('two', 'auth_type').catch((error: unknown) => String(error));
        return type === 'hba' ? true : String(type);
      });
      assert.ok(stage.operator.running());
      assert.doesNotMatch(stage.operator.output(), /planted|TypeError|RangeError/);
    });
  });
});
