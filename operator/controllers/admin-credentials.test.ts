import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { validated } from '../plan/testing/planned.ts';
import { type AdminCredentials, createAdminCredentialStore } from './admin-credentials.ts';
import type { SecretObject } from './secret-object.ts';

const DAY = 86_400_000;
const DEMANDING = {
  client: { mode: 'verify-full', secretRef: { name: 'tls' }, caSecretRef: { name: 'ca', key: 'ca.crt' } },
};

function poolerOf(tls?: object): ConnectionPooler {
  const { spec } = validated({ backends: [{ host: 'pg' }], ...(tls && { tls }) });
  assert.ok(spec);
  const metadata = { name: 'app', namespace: 'shop', uid: 'uid-of-app' };
  return { apiVersion: 'poolkeeper.dev/v1alpha1', kind: 'ConnectionPooler', metadata, spec };
}

/** One Secret in a cluster that knows nothing else, and a clock to set. */
function cluster() {
  let stored: SecretObject | undefined;
  let writes = 0;
  const clock = { now: Date.UTC(2026, 0, 1) };
  const client: KubeClient = {
    request: async <T>(method: string, path: string, options?: { readonly body?: unknown }): Promise<T> => {
      if (method === 'GET' && stored === undefined) throw new ApiError(404, 'NotFound', path);
      if (method !== 'GET') {
        writes += 1;
        const wanted = JSON.parse(JSON.stringify(options?.body)) as SecretObject;
        stored = { ...wanted, metadata: { ...wanted.metadata, uid: 'uid-of-secret', resourceVersion: String(writes) } };
      }
      return structuredClone(stored) as T;
    },
    stream: () => assert.fail('nothing is watched here'),
    close: () => {},
  };
  // A new one each time: as an operator that was just started.
  const store = () =>
    createAdminCredentialStore(
      client,
      () => stored?.metadata.resourceVersion,
      new Map(),
      () => clock.now,
    );
  const writer = { client, observed: () => undefined, fence: () => undefined };
  const ensure = async (pooler: ConnectionPooler, own = store()): Promise<AdminCredentials> => {
    const result = await own.ensure(pooler, writer);
    assert.ok(!('kind' in result));
    return result;
  };
  return {
    ensure,
    store,
    clock,
    remove: () => {
      stored = undefined;
    },
    writes: () => writes,
    damage: (data: Record<string, string>) => (stored = stored && { ...stored, data: { ...stored.data, ...data } }),
  };
}

const until = ({ certificate }: { readonly certificate: string }): number =>
  new X509Certificate(certificate).validToDate.getTime();

describe("the operator's logins", () => {
  it('are put back as they were when their Secret is deleted: every process knows them', async () => {
    const { ensure, store, remove, writes } = cluster();
    const own = store();
    const before = await ensure(poolerOf(DEMANDING), own);
    remove();
    const after = await ensure(poolerOf(DEMANDING), own);
    assert.equal(writes(), 2);
    for (const item of ['admin', 'stats', 'revisionKey', 'fingerprint', 'epoch', 'certificates'] as const)
      assert.deepEqual(after[item], before[item]);
    // As an operator reads them that was just started.
    assert.deepEqual({ ...(await ensure(poolerOf(DEMANDING))), verifiers: 0 }, { ...before, verifiers: 0 });
    assert.equal(writes(), 2);
  });

  it('are made anew when nobody knows them any more, and the pods with them', async () => {
    const { ensure, remove } = cluster();
    const before = await ensure(poolerOf());
    remove();
    const after = await ensure(poolerOf());
    assert.notEqual(after.admin, before.admin);
    assert.notEqual(after.epoch, before.epoch);
  });
});

describe('the certificate that the operator shows to consoles', () => {
  it('is made when a bundle of authorities is there to put it into, and not before', async () => {
    const { ensure, writes } = cluster();
    const plain = await ensure(poolerOf());
    assert.deepEqual(plain.certificates, []);
    const demanding = await ensure(poolerOf(DEMANDING));
    assert.equal(demanding.certificates.length, 1);
    assert.equal(writes(), 2);
    // New logins would mean new pods.
    assert.equal(demanding.fingerprint, plain.fingerprint);
    assert.equal(demanding.admin, plain.admin);
  });

  it('stays, and nothing is written, for a year; also when it is not demanded for a while', async () => {
    const { ensure, clock, writes } = cluster();
    const { certificates } = await ensure(poolerOf(DEMANDING));
    clock.now += 363 * DAY;
    assert.deepEqual((await ensure(poolerOf(DEMANDING))).certificates, certificates);
    assert.deepEqual((await ensure(poolerOf())).certificates, certificates);
    assert.equal(writes(), 1);
  });

  it('is renewed after a year, and the one before is kept beside it, good for two more', async () => {
    const { ensure, clock } = cluster();
    const [first] = (await ensure(poolerOf(DEMANDING))).certificates;
    assert.ok(first);
    clock.now += 366 * DAY;
    const renewed = await ensure(poolerOf(DEMANDING));
    assert.deepEqual(renewed.certificates[1], first);
    assert.ok(renewed.certificates[0] && until(renewed.certificates[0]) > until(first));
    assert.ok(until(first) > clock.now + 700 * DAY);
    clock.now += 366 * DAY;
    const again = await ensure(poolerOf(DEMANDING));
    assert.deepEqual(again.certificates[1], renewed.certificates[0]);
    assert.equal(again.certificates.length, 2);
  });

  it('that somebody damaged is made anew, and the logins are kept', async () => {
    const { ensure, damage } = cluster();
    const before = await ensure(poolerOf(DEMANDING));
    damage({ 'console.key': Buffer.from('hello').toString('base64') });
    const after = await ensure(poolerOf(DEMANDING));
    assert.equal(after.certificates.length, 1);
    assert.notDeepEqual(after.certificates, before.certificates);
    assert.equal(after.fingerprint, before.fingerprint);
  });
});
