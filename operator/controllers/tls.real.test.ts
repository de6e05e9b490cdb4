/** Encryption with the real operator and real pgbouncers: certificates come and go while clients work. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLoginRefused } from '../console/errors.ts';
import { openSession, type SessionOptions } from '../console/session.ts';
import type { KubeObject } from '../kube/objects.ts';
import { list } from '../kube/operations.ts';
import { PODS } from '../kube/resources.ts';
import { fingerprintOf } from '../plan/certificate.ts';
import { type Issued, issue, issueAuthority, type Request } from '../plan/testing/issue.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';
import { startTlsBackend, type TlsBackend } from './testing/tls-backend.ts';

const BACKEND = '10.77.200.1';
const DAY_MS = 86_400_000;
const OURS = issueAuthority('our authority');
const CLIENTS = issueAuthority('authority of clients');
const OTHER_CLIENTS = issueAuthority('another authority of clients');
const SERVERS = issueAuthority('authority of servers');
const NEXT_SERVERS = issueAuthority('next authority of servers');

const served = (more: Partial<Request> = {}): Issued =>
  issue({ commonName: 'app', use: 'server', names: ['app'], issuer: OURS, ...more });
const ofBackend = (issuer: Issued): Issued => issue({ commonName: 'pg', use: 'server', names: [BACKEND], issuer });
const ofClient = (commonName: string, issuer: Issued): Issued => issue({ commonName, use: 'client', issuer });
const asSecret = ({ certificate, key }: Issued) => ({ 'tls.crt': certificate, 'tls.key': key });
const sha256 = ({ certificate }: Issued): string => fingerprintOf(new X509Certificate(certificate));

const LOGIN = { user: 'app', password: 'the-password-of-app', database: 'app', port: 6432 } as const;
/** Somebody who works all the time. */
interface Worker {
  readonly stop: () => Promise<{ readonly done: number; readonly failed: readonly string[] }>;
}

await inOwnNetwork(import.meta.filename, () => {
  describe('certificates come and go while clients work', () => {
    let stage: Stage;
    let backend: TlsBackend;
    let addresses: readonly string[] = [];
    let processes: readonly string[] = [];
    const workers: Worker[] = [];
    const first = served();

    const client = { mode: 'require', secretRef: { name: 'app-tls' } };
    const server = { mode: 'verify-full', caSecretRefs: [ref('pg-next-ca'), ref('pg-ca')] };
    const pooler = (tls: object): Promise<number> =>
      stage.pooler('app', {
        replicas: 2,
        backends: [{ host: BACKEND, port: backend.port }],
        databases: [{ name: 'app', poolMode: 'transaction' }],
        tls,
      });
    const pods = async () =>
      (
        await list<
          KubeObject & {
            readonly status?: {
              readonly podIP?: string;
              readonly containerStatuses?: readonly { readonly containerID?: string }[];
            };
          }
        >(stage.client, PODS, stage.namespace)
      ).items;
    const condition = (status: string, reason: string, pattern: RegExp): Promise<void> =>
      until(`CertificatesValid to be ${status} ${reason}`, async () => {
        const found = await stage.condition('app', 'CertificatesValid');
        const fits = found?.status === status && found.reason === reason && pattern.test(found.message);
        return fits ? true : `${found?.status} ${found?.reason}: ${found?.message}`;
      });
    const serves = (pair: Issued): Promise<void> =>
      until('every pod to serve another certificate', async () => {
        const { status } = await stage.read('app');
        const proved = status?.config?.provedReplicas === 2 && status.config.revision === status.config.desiredRevision;
        const told = status?.certificates?.some((row) => row.sha256 === sha256(pair)) ?? false;
        return proved && told ? true : JSON.stringify([status?.config, status?.certificates]);
      });
    const seen = async (options: Partial<SessionOptions> = {}): Promise<readonly (string | undefined)[]> =>
      Promise.all(
        addresses.map(async (host) => {
          const session = await openSession({ ...LOGIN, host, tls: 'ask', ...options });
          await session.close();
          return session.fingerprint;
        }),
      );
    /** Told by whom the plain text is not let in, of what it is made. */
    const untouched = async (): Promise<unknown> => {
      const { status } = await stage.read('app');
      return [status?.config?.revision, status?.certificates, await seen()];
    };

    before(async () => {
      backend = await startTlsBackend(BACKEND, ofBackend(SERVERS));
      stage = await startStage({ flags: ['--observe-interval=2s'] });
      await stage.secret('app-tls', asSecret(first));
      await stage.secret('pg-ca', { 'ca.crt': SERVERS.certificate });
      await stage.secret('pg-next-ca', { 'ca.crt': NEXT_SERVERS.certificate });
      await stage.secret('clients', { 'ca.crt': CLIENTS.certificate });
      await stage.proved('app', await pooler({ client, server }));
      const found = await pods();
      addresses = found.map(({ status }) => status?.podIP ?? '');
      processes = found.map(({ status }) => status?.containerStatuses?.[0]?.containerID ?? '');
      for (const host of addresses) workers.push(await work(host), knockInPlain(host));
    });
    after(async () => {
      for (const worker of workers) await worker.stop();
      await stage?.stop();
      await backend?.stop();
    });

    it('is served from the start, and servers are verified with a bundle of several authorities', async () => {
      assert.deepEqual(await seen(), [sha256(first), sha256(first)]);
      await condition('True', 'NamesNotCovered', /not valid for app\.\S+, app\.\S+\.svc/);
    });

    it('a renewed one is proved and served, without a restart', async () => {
      const second = served();
      await stage.secret('app-tls', asSecret(second));
      await serves(second);
      assert.deepEqual(await seen(), [sha256(second), sha256(second)]);
    });

    const BROKEN: readonly {
      readonly what: string;
      readonly secret: () => Record<string, string>;
      readonly reason: string;
      readonly message: RegExp;
    }[] = [
      {
        what: 'a key of another certificate',
        secret: () => ({ ...asSecret(served()), 'tls.key': served().key }),
        reason: 'CertificateInvalid',
        message: /is the key of another certificate .*app-tls\/tls\.key/,
      },
      {
        what: 'something that is no certificate',
        secret: () => ({ ...asSecret(served()), 'tls.crt': 'hello' }),
        reason: 'CertificateInvalid',
        message: /is not made of certificates .*app-tls\/tls\.crt/,
      },
      {
        what: 'an expired one',
        secret: () => asSecret(served({ notBefore: Date.now() - 9 * DAY_MS, notAfter: Date.now() - DAY_MS })),
        reason: 'Expired',
        message: /expired on/,
      },
      {
        what: 'a weak key',
        secret: () => asSecret(served({ keys: 'rsa-1024' })),
        reason: 'CertificateInvalid',
        message: /refused by OpenSSL/,
      },
      {
        what: 'one for clients',
        secret: () => asSecret(ofClient('app', OURS)),
        reason: 'CertificateInvalid',
        message: /not for servers/,
      },
    ];
    for (const { what, secret, reason, message } of BROKEN) {
      it(`${what} is refused before anybody meets it, and said`, async () => {
        const before = await untouched();
        const content = secret();
        await stage.secret('app-tls', content);
        await condition('False', reason, message);
        assert.deepEqual(await untouched(), before);
        const { status } = await stage.read('app');
        const key = content['tls.key']?.split('\n')[1] ?? '';
        assert.ok(!JSON.stringify(status).includes(key) && !stage.operator.output().includes(key));
        const third = served();
        await stage.secret('app-tls', asSecret(third));
        await serves(third);
      });
    }

    it('a Secret that is gone changes nothing that runs', async () => {
      const before = await untouched();
      await stage.kubectl(['delete', 'secret', 'app-tls']);
      await condition('False', 'SecretMissing', /spec\.tls\.client\.secretRef: does not exist/);
      assert.deepEqual(await untouched(), before);
      await stage.secret('app-tls', asSecret(first));
      await serves(first);
    });

    it('one that begins later is taken when its time has come, although nothing happens', async () => {
      const later = served({ notBefore: Math.ceil(Date.now() / 1000 + 8) * 1000 });
      await stage.secret('app-tls', asSecret(later));
      await condition('False', 'CertificateInvalid', /not valid before/);
      await serves(later);
    });

    it('clients with certificates are demanded and their authority is replaced, and the operator is one of them', async () => {
      const verified = { ...client, mode: 'verify-full', caSecretRef: ref('clients') };
      await stage.proved('app', await pooler({ client: verified, server }));
      await assert.rejects(seen(), /certificate required/);
      await seen({ certificates: [ofClient('app', CLIENTS)] });
      const { status } = await stage.read('app');
      await stage.secret('clients', { 'ca.crt': OTHER_CLIENTS.certificate });
      await until('the other authority to be the one', async () => {
        const now = (await stage.read('app')).status?.config;
        return now?.revision !== status?.config?.revision && now?.provedReplicas === 2 ? true : JSON.stringify(now);
      });
      await assert.rejects(seen({ certificates: [ofClient('app', CLIENTS)] }), /unknown ca/);
      await seen({ certificates: [ofClient('app', OTHER_CLIENTS)] });
      // The operator's observer still looks.
      await until('every console to be read', async () =>
        (await stage.operator.metric('pgbouncer_up')) === 2 ? true : 'silent',
      );
      await stage.proved('app', await pooler({ client, server }));
    });

    it('servers see the certificate of PgBouncer, and the next one after that', async () => {
      for (const name of ['pooler-1', 'pooler-2']) {
        await stage.secret('pooler', asSecret(ofClient(name, CLIENTS)));
        await stage.proved(
          'app',
          await pooler({ client, server: { ...server, certificateSecretRef: { name: 'pooler' } } }),
        );
        await until(`a server to meet ${name}`, async () =>
          backend.lastClient() === `CN=${name}` ? true : backend.lastClient(),
        );
      }
      await stage.proved('app', await pooler({ client, server }));
    });

    it('let nobody in without encryption, failed no client, and restarted nothing', async () => {
      for (const worker of workers.splice(0)) {
        const { done, failed } = await worker.stop();
        assert.deepEqual(failed, []);
        assert.ok(done > 50, `${done}`);
      }
      const found = await pods();
      assert.deepEqual(
        found.map(({ status }) => status?.containerStatuses?.[0]?.containerID ?? ''),
        processes,
      );
    });

    it('servers of another authority are met through the bundle, and others are not', async () => {
      const ask = async (): Promise<string> => {
        const session = await openSession({ ...LOGIN, host: addresses[0] ?? '', tls: 'ask', queryTimeoutMs: 20_000 });
        try {
          return await session.command('SELECT 1').then(
            () => 'answered',
            (error: unknown) => String(error),
          );
        } finally {
          await session.close();
        }
      };
      backend.serve(ofBackend(NEXT_SERVERS));
      await until('the next authority to be trusted', async () => ((await ask()) === 'answered' ? true : 'refused'));
      backend.serve(ofBackend(OURS));
      await until('a strange authority to be refused', async () => {
        const answer = await ask().catch((error: unknown) => String(error));
        return answer === 'answered' ? answer : true;
      });
    });
  });
});

function ref(name: string): { readonly name: string; readonly key: string } {
  return { name, key: 'ca.crt' };
}

/** One connection that asks without end: it must not notice anything. */
async function work(host: string): Promise<Worker> {
  const session = await openSession({ ...LOGIN, host, tls: 'ask', applicationName: 'worker', queryTimeoutMs: 30_000 });
  const failed: string[] = [];
  let done = 0;
  let stopped = false;
  const working = (async () => {
    while (!stopped && failed.length === 0) {
      await session.command('SELECT 1').then(
        () => {
          done += 1;
        },
        (error: unknown) => failed.push(String(error)),
      );
      await sleep(20);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await working;
      await session.close();
      return { done, failed };
    },
  };
}

/** New connections without encryption, one after the other: none may be let in. */
function knockInPlain(host: string): Worker {
  const failed: string[] = [];
  let done = 0;
  let stopped = false;
  const knocking = (async () => {
    while (!stopped) {
      try {
        await (await openSession({ ...LOGIN, host, tls: 'never' })).close();
        failed.push(`${host} let in plain text`);
      } catch (error) {
        if (!isLoginRefused(error) || !/SSL required/.test(error.message)) failed.push(String(error));
      }
      done += 1;
      await sleep(10);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await knocking;
      return { done, failed };
    },
  };
}
