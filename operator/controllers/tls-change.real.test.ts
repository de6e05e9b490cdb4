/** Encryption changed in every direction on real pgbouncers, while somebody tries to get in without it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLoginRefused } from '../console/errors.ts';
import { openSession } from '../console/session.ts';
import { REAL_VERSIONS } from '../console/testing/real-pgbouncer.ts';
import type { Config } from '../plan/config.ts';
import { type Issued, issue, issueAuthority } from '../plan/testing/issue.ts';
import type { ChangeResult } from './change.ts';
import { provePods } from './prove-pods.ts';
import {
  consoleCertificate,
  type Encryption,
  type LocalFleet,
  startLocalFleet,
  versionOf,
} from './testing/local-fleet.ts';
import { startTlsBackend } from './testing/tls-backend.ts';

const AUTHORITY = issueAuthority('authority of servers');
const CLIENTS = issueAuthority('authority of clients');
const OTHER_CLIENTS = issueAuthority('another authority of clients');
const APP = issue({ commonName: 'app', use: 'client', issuer: CLIENTS });
const served = () => issue({ commonName: 'pooler', use: 'server', names: ['pooler'], issuer: AUTHORITY });
const [FIRST, SECOND] = [served(), served()];
const SERVER = issue({ commonName: 'pg', use: 'server', names: ['127.0.0.1'], issuer: AUTHORITY });
const LOGIN = { host: '127.0.0.1', user: 'app', password: 'secret', database: 'app' } as const;

type Mode = NonNullable<Encryption['tls']['client']>['mode'];

const encrypted = (mode: Mode, pair = FIRST, authority = CLIENTS): Encryption => ({
  tls: { client: { mode, secretRef: { name: 'tls' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } },
  secrets: { 'tls/tls.crt': pair.certificate, 'tls/tls.key': pair.key, 'ca/ca.crt': authority.certificate },
});

for (const version of REAL_VERSIONS) {
  describe(`encryption on three real pgbouncers ${version}`, () => {
    let fleet: LocalFleet;
    let clients = 700;
    before(async () => {
      fleet = await startLocalFleet(version, 3, clients);
    });
    after(() => fleet.stop());

    const configOf = (encryption?: Encryption): Config => {
      clients += 1;
      return fleet.configOf(clients, {}, version, encryption);
    };
    const change = (config: Config): Promise<ChangeResult> => fleet.change(config);
    const becomes = async (encryption?: Encryption): Promise<void> => {
      const config = configOf(encryption);
      const result = await change(config);
      assert.equal(result.outcome, 'proved', JSON.stringify(result));
      assert.equal(result.outcome === 'proved' && result.proved.length, 3);
      // As an operator that was just started would: with sessions that are opened now.
      const attempts = await provePods(fleet.steps(), config, versionOf(version), fleet.pods);
      assert.deepEqual(
        attempts.map(({ kind }) => kind),
        ['proved', 'proved', 'proved'],
        JSON.stringify(attempts),
      );
    };

    test('is changed in every direction, and never locks the operator out', async () => {
      await becomes(encrypted('require'));
      await becomes(encrypted('verify-full'));
      await becomes();
      await becomes(encrypted('verify-ca'));
      await becomes(encrypted('allow'));
      await becomes(encrypted('verify-full', SECOND, OTHER_CLIENTS));
      await becomes(encrypted('verify-full', FIRST, CLIENTS));
      await becomes(encrypted('prefer', SECOND));
      await becomes();
    });

    test("the operator's own certificate is replaced, and the one before it still gets in where the new is not known", async () => {
      await becomes(encrypted('verify-full'));
      fleet.certificates.unshift(consoleCertificate());
      await becomes(encrypted('verify-full'));
      // The one before may go only now.
      fleet.certificates.pop();
      await becomes(encrypted('verify-full'));
      await becomes();
    });

    test('that PgBouncer cannot use is refused by all versions, and what was served is served on', async () => {
      await becomes(encrypted('require'));
      const pointer = await fleet.pointer();
      const config = configOf(encrypted('require', SECOND));
      // Past the checks of the operator: as if OpenSSL there were pickier than here.
      const files = Object.entries(config.files).map(([name, text]) => [
        name,
        name.endsWith('.client.crt') ? text.replace(/^[A-Za-z0-9+/]{64}$/m, 'A'.repeat(64)) : text,
      ]);
      const result = await change({ ...config, files: Object.fromEntries(files) });
      assert.equal(result.outcome, 'refused', JSON.stringify(result));
      assert.match(
        result.outcome === 'refused' ? result.reason : '',
        /^pod-2: (TLS setup failed|TLS configuration|the certificate)/,
      );
      assert.equal(await fleet.pointer(), pointer);
      await becomes(encrypted('require', SECOND));
      await becomes();
    });

    test('of servers that PgBouncer cannot use is refused, although clients meet no difference', async () => {
      const server = (ciphers: string): Encryption => ({
        tls: { server: { mode: 'verify-full', ciphers, caSecretRef: { name: 'pg', key: 'ca.crt' } } },
        secrets: { 'pg/ca.crt': AUTHORITY.certificate },
      });
      await becomes(server('HIGH'));
      const config = configOf(server('ECDHE-ECDSA-AES256-GCM-SHA384'));
      const name = `${config.revision}.ini`;
      const text = (config.files[name] ?? '').replace('ECDHE-ECDSA-AES256-GCM-SHA384', 'NO-SUCH-CIPHER');
      const ini = {
        ...config.ini,
        pgbouncer: config.ini.pgbouncer.map(
          ([key, value]) => [key, value.replace(/^ECDHE.*/, 'NO-SUCH-CIPHER')] as const,
        ),
      };
      const result = await change({ ...config, ini, files: { ...config.files, [name]: text } });
      assert.equal(result.outcome, 'refused', JSON.stringify(result));
      await becomes(server('ECDHE-ECDSA-AES256-GCM-SHA384'));
      await becomes();
    });

    test('of servers is verified with a merged bundle, and costs connections only when it is what changed', async () => {
      const backend = await startTlsBackend('127.0.0.1', SERVER);
      try {
        const to = (...bundle: readonly Issued[]): Encryption => ({
          tls: {
            server: {
              mode: 'verify-full',
              caSecretRefs: bundle.map((_, index) => ({ name: `pg-${index}`, key: 'ca.crt' })),
            },
          },
          secrets: Object.fromEntries(bundle.map(({ certificate }, index) => [`pg-${index}/ca.crt`, certificate])),
          port: backend.port,
        });
        const ask = async (): Promise<void> => {
          const session = await openSession({ ...LOGIN, port: fleet.processes[0]?.port ?? 0, queryTimeoutMs: 15_000 });
          await session.command('SELECT 1');
          await session.close();
        };
        await becomes(to(CLIENTS, AUTHORITY));
        await ask();
        const before = backend.opened();
        await becomes(to(CLIENTS, AUTHORITY));
        await ask();
        // Until 1.24 each RELOAD closes them.
        if (version !== '1.18.0') assert.equal(backend.opened(), before);
        await becomes(to(OTHER_CLIENTS, AUTHORITY));
        await ask();
        assert.ok(backend.opened() > before);
        await becomes(to(CLIENTS));
        await assert.rejects(ask());
        await becomes();
      } finally {
        await backend.stop();
      }
    });

    test('once demanded lets nobody in without it at any moment, whatever changes, breaks and is rolled back', async () => {
      await becomes(encrypted('require'));
      const hammer = startHammer(fleet);
      try {
        await becomes(encrypted('require', SECOND));
        await becomes(encrypted('verify-full', SECOND));
        const broken = configOf(encrypted('require', FIRST));
        const name = `${broken.revision}.ini`;
        const text = (broken.files[name] ?? '').replace('log_stats = 0', 'no_such_setting = 1\nlog_stats = 0');
        const result = await change({ ...broken, files: { ...broken.files, [name]: text } });
        assert.equal(result.outcome, 'refused', JSON.stringify(result));
        await becomes(encrypted('require', FIRST));
      } finally {
        const { attempts, letIn } = await hammer.stop();
        assert.deepEqual(letIn, []);
        assert.ok(attempts > 20, `${attempts} attempts`);
      }
      const [process] = fleet.processes;
      const session = await openSession({ ...LOGIN, port: process?.port ?? 0, tls: 'ask' }).catch(
        (error: unknown) => error,
      );
      // The hammer was no blind one: with TLS the same login comes as far as the server, which is none.
      assert.ok(!isLoginRefused(session) || !/SSL required/.test(session.message), String(session));
    });

    test('with a client certificate lets in who has one, and nobody else', async () => {
      await becomes(encrypted('verify-full'));
      const port = fleet.processes[0]?.port ?? 0;
      const login = (certificates: readonly (typeof APP)[]) =>
        openSession({ ...LOGIN, port, tls: 'ask', certificates, connectTimeoutMs: 2_000 }).then(
          () => 'let in',
          (error: unknown) => String(error),
        );
      assert.match(await login([]), /certificate required/);
      assert.match(await login([issue({ commonName: 'app', use: 'client', issuer: OTHER_CLIENTS })]), /unknown ca/);
      // It comes as far as the server, which is none.
      assert.doesNotMatch(await login([APP]), /handshake|SSL required/);
      await becomes();
    });
  });
}

/** Tries to get in without TLS, at all processes at once, without a pause. */
function startHammer(fleet: LocalFleet): {
  readonly stop: () => Promise<{ readonly attempts: number; readonly letIn: readonly string[] }>;
} {
  let attempts = 0;
  let stopped = false;
  const letIn: string[] = [];
  const hammering = fleet.processes.map(async ({ port }, index) => {
    while (!stopped) {
      attempts += 1;
      try {
        await (await openSession({ ...LOGIN, port, tls: 'never', connectTimeoutMs: 2_000 })).close();
        letIn.push(`pod-${index} let in`);
      } catch (error) {
        if (!isLoginRefused(error) || !/SSL required/.test(error.message)) letIn.push(`pod-${index}: ${String(error)}`);
      }
      await sleep(5);
    }
  });
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(hammering);
      return { attempts, letIn };
    },
  };
}
