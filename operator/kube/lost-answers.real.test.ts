import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ConnectionError, isAlreadyExists, isConflict, isNotFound, RequestTimeout } from './errors.ts';
import { create, get, list, mergePatch, remove } from './operations.ts';
import { CONFIG_MAPS, type ConfigMap, configMap, erase, following, write } from './testing/config-maps.ts';
import { equalsFreshList } from './testing/fresh-list.ts';
import { type RealApi, type Spoiled, startRealApi } from './testing/real-api.ts';

let api: RealApi;
let namespace: string;
before(async () => {
  api = await startRealApi();
  namespace = await api.namespace();
});
after(() => api.stop());

/** Runs a test through a proxy that loses the next answers, and lets the request after them through when `meanwhile` is over. */
async function losing(
  count: number,
  test: (spoiled: Spoiled) => Promise<void>,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  await using spoiled = await api.spoiled();
  let left = count;
  spoiled.proxy.spoil(() => {
    left -= 1;
    if (left >= 0) return { kind: 'lose' };
    return left === -1 ? { kind: 'hold', until: meanwhile() } : undefined;
  });
  await test(spoiled);
}

const stored = (name: string): Promise<ConfigMap> => get<ConfigMap>(api.client, CONFIG_MAPS, namespace, name);

describe('a write whose answer is lost after the server did it', () => {
  for (const lost of [1, 2]) {
    it(`is applied once, however often it is sent: ${lost + 1} times`, async () => {
      const name = `applied-${lost}`;
      const first = await write(api.client, namespace, name, { step: '1' });
      await losing(lost, async ({ client, proxy }) => {
        const answer = await write(client, namespace, name, { step: '2' });
        assert.equal(proxy.requests.length, lost + 1);
        const now = await stored(name);
        assert.equal(answer.metadata.resourceVersion, now.metadata.resourceVersion);
        assert.deepEqual(now.data, { step: '2' });
        assert.notEqual(now.metadata.resourceVersion, first.metadata.resourceVersion);
        // The second time it changed nothing: a watch sees one change.
        assert.equal(now.metadata.managedFields?.length, 1);
      });
    });
  }

  it('is seen once by a watch', async () => {
    const own = await api.namespace();
    await following(api.client, own, async ({ informer, changes }) => {
      await losing(2, async ({ client }) => {
        await write(client, own, 'once', { a: '1' });
      });
      await equalsFreshList(api.client, informer, own);
      assert.equal(changes.length, 1);
    });
  });

  it('is reported when it is lost again and again, and done once more changes nothing', async () => {
    await losing(3, async ({ client, proxy }) => {
      await assert.rejects(write(client, namespace, 'reported', { a: '1' }), ConnectionError);
      assert.equal(proxy.requests.length, 3);
      const { metadata } = await stored('reported');
      const again = await write(client, namespace, 'reported', { a: '1' });
      assert.equal(again.metadata.resourceVersion, metadata.resourceVersion);
    });
  });

  it('is not sent again when it creates, so that there is one object', async () => {
    const generated = await api.namespace();
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'one-', namespace: generated } };
    await losing(1, async ({ client, proxy }) => {
      await assert.rejects(create(client, CONFIG_MAPS, object, generated), ConnectionError);
      assert.equal(proxy.requests.length, 1);
      assert.equal((await list(api.client, CONFIG_MAPS, generated)).items.length, 1);
    });
    await losing(1, async ({ client }) => {
      const named = configMap(namespace, 'created');
      await assert.rejects(create(client, CONFIG_MAPS, named, namespace), ConnectionError);
      await assert.rejects(create(client, CONFIG_MAPS, named, namespace), isAlreadyExists);
    });
  });

  it('that was only for one version of the object conflicts with itself, and is done once', async () => {
    const { metadata } = await write(api.client, namespace, 'versioned', { a: '1' });
    const patch = { metadata: { resourceVersion: metadata.resourceVersion }, data: { b: '2' } };
    await losing(1, async ({ client }) => {
      await assert.rejects(mergePatch(client, CONFIG_MAPS, namespace, 'versioned', patch), isConflict);
      assert.deepEqual((await stored('versioned')).data, { a: '1', b: '2' });
    });
  });

  it('is not done to the namesake of what was removed', async () => {
    const { metadata } = await write(api.client, namespace, 'removed', { a: '1' });
    const uid = metadata.uid ?? '';
    const remake = () => write(api.client, namespace, 'removed', { namesake: 'yes' });
    // Between the two attempts it goes for good, and somebody makes it again.
    await losing(
      1,
      async ({ client, proxy }) => {
        await assert.rejects(remove(client, CONFIG_MAPS, namespace, 'removed', { uid }), isConflict);
        assert.equal(proxy.requests.length, 2);
        assert.deepEqual((await stored('removed')).data, { namesake: 'yes' });
      },
      remake,
    );
  });

  it('that removes says that it is gone', async () => {
    await write(api.client, namespace, 'gone');
    await losing(1, async ({ client }) => {
      await assert.rejects(erase(client, namespace, 'gone'), isNotFound);
    });
  });

  it('ends at its deadline when no answer ever comes, and done once more changes nothing', async () => {
    await using spoiled = await api.spoiled();
    spoiled.proxy.spoil(() => ({ kind: 'swallow' }));
    const object = configMap(namespace, 'silent', { a: '1' });
    const path = `/api/v1/namespaces/${namespace}/configmaps/silent`;
    const options = {
      body: object,
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: 'test', force: 'true' },
    };
    await assert.rejects(spoiled.client.request('PATCH', path, { ...options, timeoutMs: 1_000 }), RequestTimeout);
    // The server had done it.
    const { metadata } = await stored('silent');
    spoiled.proxy.spoil(() => undefined);
    const again = await write(spoiled.client, namespace, 'silent', { a: '1' });
    assert.equal(again.metadata.resourceVersion, metadata.resourceVersion);
  });
});
