import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { fingerprintSecrets, readAhead, readSecrets } from './referenced-secrets.ts';

const ref = (name: string, key: string) => ({ name, key });

const pooler: ConnectionPooler = {
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name: 'app', namespace: 'shop' },
  spec: {
    replicas: 2,
    suspend: false,
    profile: 'balanced',
    backends: [{ name: 'primary', host: 'pg', port: 5432 }],
    users: [
      { name: 'a', passwordSecretRef: ref('db', 'a') },
      { name: 'b', passwordSecretRef: ref('db', 'b') },
    ],
    databases: [{ name: 'app', serverUser: { name: 'c', passwordSecretRef: ref('pool', 'password') } }],
  },
};

/** The API, as far as it is asked: GET of Secrets, everything else is a mistake. */
function apiWith(secrets: Readonly<Record<string, object | Error>>) {
  const asked: string[] = [];
  const client: KubeClient = {
    request: async (method, path) => {
      asked.push(`${method} ${path}`);
      const answer = secrets[path.slice(path.lastIndexOf('/') + 1)] ?? new ApiError(404, 'NotFound', path);
      if (answer instanceof Error) throw answer;
      return JSON.parse(JSON.stringify(answer));
    },
    stream: () => assert.fail('nothing is watched here'),
    close: () => {},
  };
  return { client, asked };
}

const encoded = (value: string | Uint8Array): string => Buffer.from(value).toString('base64');

test('each Secret is read once, by its name, in the namespace of the pooler', async () => {
  const { client, asked } = apiWith({ db: { data: {} }, pool: { data: {} } });
  await readSecrets(client, pooler);
  assert.deepEqual(asked.sort(), [
    'GET /api/v1/namespaces/shop/secrets/db',
    'GET /api/v1/namespaces/shop/secrets/pool',
  ]);
});

const LOOKUPS: readonly { readonly what: string; readonly secret: object | Error; readonly expected: object }[] = [
  { what: 'a value', secret: { data: { a: encoded('päss') } }, expected: { found: true, value: 'päss' } },
  { what: 'an empty value', secret: { data: { a: '' } }, expected: { found: true, value: '' } },
  {
    what: 'no such Secret',
    secret: new ApiError(404, 'NotFound', 'x'),
    expected: { found: false, problem: 'does not exist: there is no such Secret' },
  },
  {
    what: 'no such key, and which there are',
    secret: { data: { username: '', password: '' } },
    expected: { found: false, problem: 'does not exist: the Secret has the keys username, password' },
  },
  {
    what: 'a Secret without data',
    secret: {},
    expected: { found: false, problem: 'does not exist: the Secret has no keys' },
  },
  {
    what: 'no such key among thousands',
    secret: { data: Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`k${index}`, ''])) },
    expected: {
      found: false,
      problem: 'does not exist: the Secret has the keys k0, k1, k2, k3, k4, k5, k6, k7, k8, k9 and 2990 more',
    },
  },
  {
    what: 'a megabyte that nobody can have for a password, which is not kept',
    secret: { data: { a: encoded('x'.repeat(1_000_000)) } },
    expected: { found: false, problem: 'has 1000000 bytes, and no more than 524288 are read' },
  },
  {
    what: 'bytes that are no text',
    secret: { data: { a: encoded(new Uint8Array([0xff, 0xfe])) } },
    expected: { found: false, problem: 'is not UTF-8 text' },
  },
];

for (const { what, secret, expected } of LOOKUPS) {
  test(`a reference leads to what is there: ${what}`, async () => {
    const { client } = apiWith({ db: secret });
    const lookup = await readSecrets(client, pooler);
    assert.deepEqual(lookup(ref('db', 'a')), expected);
  });
}

test('an API server that does not answer is an error, not a missing Secret', async () => {
  for (const error of [
    new ApiError(0, 'NoAnswer', 'timeout'),
    new ApiError(403, 'Forbidden', 'no'),
    new ApiError(500, 'Internal', 'no'),
  ]) {
    const { client } = apiWith({ db: error, pool: { data: {} } });
    await assert.rejects(readSecrets(client, pooler), error);
  }
});

test('what is read ahead is of Secrets as they were seen before the read, at the latest', async () => {
  let version = '1';
  const secrets = {
    get: () => ({ metadata: { name: 'db', uid: 'u', resourceVersion: version } }),
  } as unknown as Informer<KubeObject>;
  const before = fingerprintSecrets(pooler, secrets);
  const { client } = apiWith({ db: { data: { a: encoded('old') } }, pool: { data: {} } });
  const reading: KubeClient = {
    ...client,
    request: async (...call: Parameters<KubeClient['request']>) => {
      const answer = await client.request(...call);
      version = '2';
      return answer as never;
    },
  };
  const { fingerprint } = await readAhead(reading, pooler, secrets);
  assert.equal(fingerprint, before);
  assert.notEqual(fingerprint, fingerprintSecrets(pooler, secrets));
});

test('a read that fails has ended altogether: none of the others goes on', async () => {
  const { client } = apiWith({ db: new ApiError(500, 'InternalError', 'no'), pool: { data: {} } });
  let underWay = 0;
  const slow: KubeClient = {
    ...client,
    request: async (...call: Parameters<KubeClient['request']>) => {
      underWay += 1;
      try {
        if (call[1].endsWith('/pool')) await new Promise((resolve) => setTimeout(resolve, 20));
        return (await client.request(...call)) as never;
      } finally {
        underWay -= 1;
      }
    },
  };
  await assert.rejects(readSecrets(slow, pooler), ApiError);
  assert.equal(underWay, 0);
});
