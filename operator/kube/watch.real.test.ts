import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from './client.ts';
import { createInformer, type Informer, type InformerOptions } from './informer.ts';
import { type KubeObject, keyOf } from './objects.ts';
import { create } from './operations.ts';
import { type Resource, SECRETS } from './resources.ts';
import {
  type ConfigMap,
  erase as eraseWith,
  type Followed,
  following as followingWith,
  write as writeWith,
} from './testing/config-maps.ts';
import { equalsFreshList } from './testing/fresh-list.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

let api: RealApi;
before(async () => {
  // Its own: the tests stop it, compact it and restart it.
  api = await startRealApi({});
});
after(() => api.stop());

const write = (namespace: string, name: string, data?: Readonly<Record<string, string>>): Promise<ConfigMap> =>
  writeWith(api.client, namespace, name, data);
const erase = (namespace: string, name: string): Promise<unknown> => eraseWith(api.client, namespace, name);

/** Follows the ConfigMaps of a namespace, through a proxy when one is given. */
const following = (
  namespace: string,
  test: (informer: Followed['informer'], changes: Followed['changes'], logs: Followed['logs']) => Promise<void>,
  client: KubeClient = api.client,
  options: InformerOptions<ConfigMap> = {},
): Promise<void> =>
  followingWith(client, namespace, ({ informer, changes, logs }) => test(informer, changes, logs), options);

/** Resolves when the cache is what a fresh list says, which no fault stands before. */
const converges = (informer: Informer<ConfigMap>, namespace: string, withinMs?: number): Promise<void> =>
  equalsFreshList(api.client, informer, namespace, withinMs);

/** Makes etcd forget every version but the current one. */
async function compact(): Promise<void> {
  const pid = api.controlPlane?.etcd.pid();
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
  const url = /--listen-client-urls=([^\0]+)/.exec(command)?.[1] ?? '';
  const post = async (path: string, body: object): Promise<{ readonly header: { readonly revision: string } }> => {
    const response = await fetch(`${url}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(response.status, 200);
    return (await response.json()) as { readonly header: { readonly revision: string } };
  };
  const { header } = await post('range', { key: Buffer.from('none').toString('base64') });
  await post('compaction', { revision: header.revision, physical: true });
}

describe('a cache of a real API server', () => {
  it('has every change of a burst of thousands, and tells each object in its order', async () => {
    const namespace = await api.namespace();
    await following(namespace, async (informer, changes) => {
      const names = Array.from({ length: 1_000 }, (_, index) => `burst-${index}`);
      await Promise.all(names.map((name) => write(namespace, name, { step: '1' })));
      await Promise.all(names.map((name) => write(namespace, name, { step: '2' })));
      await Promise.all(names.slice(0, 500).map((name) => erase(namespace, name)));
      await converges(informer, namespace);
      const steps = new Map<string, string>();
      for (const { old, new: current } of changes) {
        const { name } = (current ?? old)?.metadata ?? { name: '' };
        steps.set(name, `${steps.get(name) ?? ''}${current?.data?.['step'] ?? '-'}`);
      }
      for (const [index, name] of names.entries()) assert.equal(steps.get(name), index < 500 ? '12-' : '12', name);
    });
  });

  it('takes an object of more than a megabyte', async () => {
    const namespace = await api.namespace();
    await following(namespace, async (informer) => {
      const written = await write(namespace, 'huge', { text: 'ä'.repeat(500_000) });
      await informer.waitFor(written.metadata.resourceVersion ?? '', AbortSignal.timeout(20_000));
      assert.equal(informer.get(`${namespace}/huge`)?.data?.['text']?.length, 500_000);
    });
  });

  it('has an own write before the next line of the program, and hears of it once', async () => {
    const namespace = await api.namespace();
    await following(namespace, async (informer, changes) => {
      for (let round = 0; round < 20; round += 1) {
        const written = await write(namespace, 'own', { round: String(round) });
        informer.observed(written);
        assert.equal(informer.get(`${namespace}/own`)?.data?.['round'], String(round));
      }
      await erase(namespace, 'own');
      await converges(informer, namespace);
      assert.equal(changes.length, 21);
    });
  });

  it('never sees the contents of Secrets when it asks for metadata', async () => {
    const namespace = await api.namespace();
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'planted',
        namespace,
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'cGxhbnRlZA==' },
      },
      data: { password: 'cGxhbnRlZA==' },
    };
    await create(api.client, SECRETS, secret, namespace);
    const ending = new AbortController();
    const informer = createInformer(api.client, SECRETS, { namespaces: [namespace], metadataOnly: true });
    informer.start(ending.signal);
    await informer.synced();
    const listed = informer.get(`${namespace}/planted`);
    assert.deepEqual([listed?.apiVersion, listed?.kind], ['v1', 'Secret']);
    const second = await create<KubeObject>(
      api.client,
      SECRETS,
      { ...secret, metadata: { ...secret.metadata, name: 'watched' } },
      namespace,
    );
    await informer.waitFor(second.metadata.resourceVersion ?? '', AbortSignal.timeout(10_000));
    assert.equal(informer.list().length, 2);
    assert.doesNotMatch(JSON.stringify(informer.list()), /cGxhbnRlZA|password/);
    ending.abort();
  });

  it('follows a kind that is installed only later', async () => {
    const kind: Resource = { group: 'test.example', version: 'v1', plural: 'laters', kind: 'Later', namespaced: true };
    const ending = new AbortController();
    const informer = createInformer(api.client, kind);
    informer.start(ending.signal);
    await sleep(1_000);
    assert.equal(informer.hasSynced(), false);
    await api.controlPlane?.kubectl(['apply', '-f', '-'], laterDefinition);
    await informer.synced();
    const later = { apiVersion: 'test.example/v1', kind: 'Later', metadata: { name: 'x', namespace: 'default' } };
    const created = await create<KubeObject>(api.client, kind, later, 'default');
    assert.equal(await informer.waitFor(created.metadata.resourceVersion ?? '', AbortSignal.timeout(10_000)), true);
    ending.abort();
  });

  describe('is what a fresh list says again', () => {
    it('after its connection was cut while things changed, and tells a namesake apart', async () => {
      const namespace = await api.namespace();
      await using proxy = await api.proxy();
      const client = await api.through(proxy);
      await write(namespace, 'again');
      await following(
        namespace,
        async (informer, changes) => {
          proxy.be('refuse');
          proxy.cut();
          await erase(namespace, 'again');
          await write(namespace, 'again');
          await write(namespace, 'new');
          proxy.be('pass');
          await converges(informer, namespace);
          const ends = changes.filter(
            ({ old, new: current }) => old?.metadata.name === 'again' && current === undefined,
          );
          assert.equal(ends.length, 1);
        },
        client,
      );
      client.close();
    });

    it('after a connection that swallows everything, within the time a watch may last', async () => {
      const namespace = await api.namespace();
      await using proxy = await api.proxy();
      const client = await api.through(proxy);
      await following(
        namespace,
        async (informer) => {
          await write(namespace, 'before');
          await converges(informer, namespace);
          proxy.be('swallow');
          await write(namespace, 'meanwhile');
          await sleep(2_000);
          assert.equal(informer.get(`${namespace}/meanwhile`), undefined);
          assert.ok(informer.staleSeconds() >= 2, `${informer.staleSeconds()} s`);
          // The network heals, but what was open stays dead: only the silence tells.
          proxy.be('pass');
          const connections = proxy.connections();
          await converges(informer, namespace, 15_000);
          assert.ok(proxy.connections() > connections);
        },
        client,
        { watchSeconds: 3 },
      );
      client.close();
    });

    it('after the API server stood still', async () => {
      const namespace = await api.namespace();
      await following(namespace, async (informer) => {
        api.controlPlane?.apiServer.pause();
        const written = write(namespace, 'slow');
        await sleep(3_000);
        api.controlPlane?.apiServer.resume();
        await written;
        await converges(informer, namespace);
      });
    });

    for (const end of ['killed', 'stopped'] as const) {
      it(`after the API server was ${end} and came back, and only what changed is told`, async () => {
        const namespace = await api.namespace();
        await write(namespace, 'kept');
        await following(namespace, async (informer, changes, logs) => {
          await (end === 'killed' ? api.controlPlane?.apiServer.kill() : api.controlPlane?.apiServer.stop());
          await sleep(1_000);
          await api.controlPlane?.apiServer.restart();
          await api.controlPlane?.ready();
          await write(namespace, 'after');
          await converges(informer, namespace);
          assert.ok(logs.length > 0, 'the failure is told');
          assert.deepEqual(
            changes.map(({ new: current }) => current?.metadata.name),
            ['kept', 'after'],
          );
        });
      });
    }

    it('after etcd was compacted while it was away, and the API server knows nothing older', async () => {
      const namespace = await api.namespace();
      await using proxy = await api.proxy();
      const client = await api.through(proxy);
      await Promise.all(['a', 'b', 'c'].map((name) => write(namespace, name)));
      await following(
        namespace,
        async (informer, changes, logs) => {
          proxy.be('refuse');
          proxy.cut();
          await erase(namespace, 'a');
          await write(namespace, 'b', { changed: 'yes' });
          await write(namespace, 'd');
          await compact();
          await api.controlPlane?.apiServer.kill();
          await api.controlPlane?.apiServer.restart();
          await api.controlPlane?.ready();
          proxy.be('pass');
          await converges(informer, namespace);
          assert.ok(
            logs.some((log) => log.includes('410')),
            logs.join('\n'),
          );
          const told = changes
            .slice(3)
            .map(({ old, new: current }) => `${old?.metadata.name}→${current?.metadata.name}`);
          assert.deepEqual(told.sort(), ['a→undefined', 'b→b', 'undefined→d']);
        },
        client,
      );
      client.close();
    });

    it('when its list was of a version that etcd forgot between two pages', async () => {
      const namespace = await api.namespace();
      await Promise.all(Array.from({ length: 600 }, (_, index) => write(namespace, `page-${index}`)));
      let pages = 0;
      const client: KubeClient = {
        ...api.client,
        request: async (method, path, options) => {
          if (options?.query?.['continue'] !== undefined) {
            pages += 1;
            if (pages === 1) {
              await write(namespace, 'page-0', { changed: 'yes' });
              await compact();
              // The API server keeps recent versions itself.
              await api.controlPlane?.apiServer.kill();
              await api.controlPlane?.apiServer.restart();
              await api.controlPlane?.ready();
            }
          }
          return api.client.request(method, path, options);
        },
      };
      await following(
        namespace,
        async (informer, _changes, logs) => {
          await converges(informer, namespace);
          assert.equal(informer.list().length, 600);
          assert.ok(
            logs.some((log) => log.includes('410')),
            logs.join('\n'),
          );
        },
        client,
      );
    });

    it('after a while of everything at once', async () => {
      const namespace = await api.namespace();
      await using proxy = await api.proxy();
      const client = await api.through(proxy);
      await following(
        namespace,
        async (informer, changes) => {
          const until = performance.now() + 12_000;
          const heard = new Map<string, string | undefined>();
          const writer = async (mine: number): Promise<void> => {
            for (let step = 0; performance.now() < until; step += 1) {
              const name = `object-${mine}-${step % 7}`;
              // Written and deleted by turns; sometimes told to the cache at once, as own writes are.
              if (step % 5 === 4) await erase(namespace, name).catch(() => undefined);
              else {
                const written = await write(namespace, name, { step: String(step) });
                if (step % 2 === 0) informer.observed(written);
              }
            }
          };
          const breaker = async (): Promise<void> => {
            for (let fault = 0; performance.now() < until; fault += 1) {
              await sleep(300);
              if (fault % 3 === 0) proxy.cut();
              if (fault % 3 === 1) proxy.be('swallow');
              if (fault % 3 === 2) proxy.be('refuse');
              await sleep(200);
              proxy.be('pass');
            }
          };
          await Promise.all([writer(1), writer(2), breaker()]);
          await converges(informer, namespace);
          for (const { old, new: current } of changes) {
            const key = keyOf(current ?? old ?? assert.fail('a change of nothing'));
            assert.equal(old?.metadata.resourceVersion, heard.get(key), 'what is old was new before');
            if (current) heard.set(key, current.metadata.resourceVersion);
            else heard.delete(key);
          }
          const cached = informer.list().map((object) => [keyOf(object), object.metadata.resourceVersion] as const);
          assert.deepEqual(heard, new Map(cached));
        },
        client,
        { watchSeconds: 3 },
      );
      client.close();
    });
  });
});

const laterDefinition = JSON.stringify({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'laters.test.example' },
  spec: {
    group: 'test.example',
    scope: 'Namespaced',
    names: { plural: 'laters', kind: 'Later' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
});
