import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createManualClock } from '../runtime/manual-clock.ts';
import { createKubeClient } from './client.ts';
import { type Change, createInformer, type Informer, type InformerOptions } from './informer.ts';
import type { KubeObject } from './objects.ts';
import { SECRETS } from './resources.ts';
import { sendJson, startProtocolServer } from './testing/protocol-server.ts';

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const secret = (name: string, resourceVersion: string, more: object = {}, namespace = 'shop'): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, uid: `uid of ${name}`, resourceVersion, ...more },
  data: { password: 'planted' },
});

interface Following {
  readonly informer: Informer<Secret>;
  readonly changes: readonly Change<Secret>[];
  readonly logs: readonly string[];
  /** Sends an event to the watch of a path, and resolves when the cache has reached it. */
  send(type: string, object: Secret): Promise<void>;
}

/** An informer of a server whose lists, by namespace (`''` for all), hold these objects as of version 10. */
async function follow(
  lists: Readonly<Record<string, readonly Secret[]>>,
  options: InformerOptions<Secret>,
  test: (following: Following) => Promise<void>,
): Promise<void> {
  const watches = new Map<string, ServerResponse>();
  const opened = new Map(Object.keys(lists).map((namespace) => [namespace, Promise.withResolvers<void>()]));
  await using server = await startProtocolServer((request, response) => {
    const namespace = /namespaces\/([^/]+)\//.exec(request.path)?.[1] ?? '';
    if (request.query.get('watch') === null)
      return sendJson(response, 200, { metadata: { resourceVersion: '10' }, items: lists[namespace] });
    response.writeHead(200);
    response.flushHeaders();
    watches.set(namespace, response);
    opened.get(namespace)?.resolve();
  });
  const client = createKubeClient(server.access, { userAgent: 'x' });
  const logs: string[] = [];
  const changes: Change<Secret>[] = [];
  const ending = new AbortController();
  const informer = createInformer<Secret>(client, SECRETS, { log: (message) => logs.push(message), ...options });
  informer.onChange((change) => changes.push(change));
  informer.start(ending.signal);
  await informer.synced();
  await Promise.all([...opened.values()].map(({ promise }) => promise));
  const send = async (type: string, object: Secret): Promise<void> => {
    const to = watches.get(object.metadata.namespace ?? '') ?? watches.get('');
    to?.write(`${JSON.stringify({ type, object })}\n`);
    if (watches.size === 1) await informer.waitFor(object.metadata.resourceVersion ?? '', AbortSignal.timeout(5_000));
  };
  try {
    await test({ informer, changes, logs, send });
  } finally {
    ending.abort();
    client.close();
  }
}

const versions = (changes: readonly Change<Secret>[]): readonly string[] =>
  changes.map(({ old, new: current, initial }) => {
    const of = (object: Secret | undefined) => object?.metadata.resourceVersion ?? '-';
    return `${of(old)}→${of(current)}${initial ? ' initial' : ''}`;
  });

describe('an informer', () => {
  it('holds what the server has, finds it by index, and tells every change', () =>
    follow(
      { '': [secret('a', '1', { labels: { app: 'one' } }), secret('b', '2', { labels: { app: 'one' } })] },
      { indexes: { app: ({ metadata }) => [metadata.labels?.['app'] ?? ''] } },
      async ({ informer, changes, send }) => {
        assert.equal(informer.byIndex('app', 'one').length, 2);
        assert.equal(informer.resourceVersion(), '10');
        await send('MODIFIED', secret('a', '11', { labels: { app: 'two' } }));
        await send('DELETED', secret('b', '12'));
        await send('ADDED', secret('c', '13'));
        assert.deepEqual(versions(changes), ['-→1 initial', '-→2 initial', '1→11', '2→-', '-→13']);
        assert.deepEqual(
          informer.byIndex('app', 'two').map(({ metadata }) => metadata.name),
          ['a'],
        );
        assert.deepEqual(informer.byIndex('app', 'one'), []);
        assert.equal(informer.get('shop/c')?.metadata.resourceVersion, '13');
        assert.equal(informer.list().length, 2);
      },
    ));

  it('tells the end of an object and the beginning of its namesake, when it was made again', () =>
    follow({ '': [secret('a', '1')] }, {}, async ({ changes, send }) => {
      await send('MODIFIED', secret('a', '11', { uid: 'another' }));
      assert.deepEqual(versions(changes), ['-→1 initial', '1→-', '-→11']);
    }));

  it('keeps nothing of the contents of Secrets when only metadata is wanted, not even of own writes', () =>
    follow({ '': [secret('a', '1')] }, { metadataOnly: true }, async ({ informer, changes }) => {
      informer.observed(secret('b', '11'));
      assert.equal(informer.get('shop/b')?.metadata.resourceVersion, '11');
      assert.doesNotMatch(JSON.stringify([informer.list(), changes]), /planted/);
    }));

  it('takes own writes in through the same transformation', () =>
    follow(
      { '': [] },
      {
        transform: ({ apiVersion, kind, metadata }) => ({
          apiVersion,
          kind,
          metadata: { ...metadata, labels: { seen: 'yes' } },
        }),
      },
      async ({ informer }) => {
        informer.observed(secret('b', '11'));
        assert.deepEqual(informer.get('shop/b')?.metadata.labels, { seen: 'yes' });
      },
    ));

  it('is not stopped by a handler, an index or a transformation that throws', () =>
    follow(
      { '': [secret('a', '1')] },
      {
        indexes: {
          odd: () => {
            throw new Error('an index of no use');
          },
        },
        transform: (object) => {
          if (object.metadata.name === 'odd') throw new Error('an odd shape');
          return object;
        },
      },
      async ({ informer, changes, logs, send }) => {
        informer.onChange(() => {
          throw new Error('a handler of no use');
        });
        await send('ADDED', secret('odd', '11'));
        await send('ADDED', secret('b', '12'));
        assert.equal(informer.list().length, 3);
        assert.equal(changes.length, 3);
        assert.deepEqual(informer.byIndex('odd', 'x'), []);
        for (const expected of ['handler', 'indexed', 'shape'])
          assert.ok(
            logs.some((log) => log.includes(expected)),
            expected,
          );
      },
    ));

  it('follows each of several namespaces, and is synced when all are', () =>
    follow(
      { one: [secret('a', '1', {}, 'one')], two: [secret('a', '2', {}, 'two')] },
      { namespaces: ['one', 'two', 'one'] },
      async ({ informer, send }) => {
        assert.deepEqual(
          informer
            .list()
            .map(({ metadata }) => metadata.namespace)
            .sort(),
          ['one', 'two'],
        );
        await send('DELETED', secret('a', '11', {}, 'one'));
        await send('MODIFIED', secret('a', '12', {}, 'two'));
        while (informer.resourceVersion() !== '11') await sleep(5);
        assert.equal(informer.get('one/a'), undefined);
        informer.observed(secret('stranger', '20', {}, 'three'));
        assert.equal(informer.get('three/stranger'), undefined);
      },
    ));

  it('says how long the server has been silent', async () => {
    const clock = createManualClock();
    await follow({ '': [] }, { clock }, async ({ informer, send }) => {
      assert.equal(informer.staleSeconds(), 0);
      clock.freeze(42_000);
      assert.equal(informer.staleSeconds(), 42);
      await send('ADDED', secret('a', '11'));
      assert.equal(informer.staleSeconds(), 0);
    });
  });

  it('lets one wait for a version, or until one has had enough', () =>
    follow({ '': [] }, {}, async ({ informer, send }) => {
      assert.equal(await informer.waitFor('10', AbortSignal.timeout(5_000)), true);
      assert.equal(await informer.waitFor('11', AbortSignal.timeout(20)), false);
      const reached = informer.waitFor('11', AbortSignal.timeout(5_000));
      await send('ADDED', secret('a', '11'));
      assert.equal(await reached, true);
    }));

  it('is not synced while a list is not complete', async () => {
    await using server = await startProtocolServer((_request, response) => {
      response.writeHead(200);
      response.write('{"metadata":');
    });
    const client = createKubeClient(server.access, { userAgent: 'x' });
    const informer = createInformer(client, SECRETS);
    const ending = new AbortController();
    informer.start(ending.signal);
    await sleep(30);
    assert.deepEqual([informer.hasSynced(), informer.resourceVersion()], [false, undefined]);
    ending.abort();
    client.close();
  });
});
