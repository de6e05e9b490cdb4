import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { LABEL_INSTANCE, LABEL_MANAGED_BY, LABEL_TEMPLATE, MANAGED_BY } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';
import { validated } from '../plan/testing/planned.ts';
import { createCaches } from './caches.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { createMemoryStore } from './memory.ts';
import { replaceHopeless } from './replace-hopeless.ts';
import { podsOf } from './situation.ts';

const NAMESPACE = 'shop';
const labels = { [LABEL_INSTANCE]: 'app', [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_TEMPLATE]: 't' };
const podOf = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: NAMESPACE, uid: `uid-of-${name}`, resourceVersion: '5', labels },
});

describe('pods that nothing but a new one helps', () => {
  const ending = new AbortController();
  after(() => ending.abort());

  it('are replaced one at a time, also when the watch does not say yet that the first is on its way out', async () => {
    const { spec } = validated({ backends: [{ host: 'pg' }] });
    assert.ok(spec);
    const pods = [podOf('app-a'), podOf('app-b')];
    const removed: string[] = [];
    const client: KubeClient = {
      request: async <T>(method: string, path: string): Promise<T> => {
        if (method === 'GET') {
          const items = path.endsWith('/pods') ? pods : [];
          return { metadata: { resourceVersion: '10' }, items } as T;
        }
        removed.push(`${method} ${path}`);
        const gone = pods.find(({ metadata }) => path.endsWith(`/${metadata.name}`));
        // As long as it has grace, the server answers with the pod.
        const metadata = { ...gone?.metadata, resourceVersion: '11', deletionTimestamp: '2026-11-21T09:00:00Z' };
        return { ...gone, metadata } as T;
      },
      // Nothing is told any more.
      stream: async function* () {
        await new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
        yield* [];
      },
      close: () => undefined,
    };
    const caches = createCaches(client, { namespaces: [], log: () => undefined });
    caches.pods.start(ending.signal);
    await caches.pods.synced();

    const metadata = { name: 'app', namespace: NAMESPACE, uid: 'uid-of-app' };
    const pooler = { apiVersion: 'poolkeeper.dev/v1alpha1', kind: 'ConnectionPooler', metadata, spec };
    const recorded: string[] = [];
    const events = { record: ({ note }: { readonly note: string }) => void recorded.push(note) };
    const deps = { client, caches, events } as unknown as PoolerDependencies;
    const memory = createMemoryStore().of('shop/app', pooler);
    const lookAgain = (): Promise<void> =>
      replaceHopeless(deps, pooler, memory, { kind: 'waiting', retryMs: 1, replace: podsOf(deps, 'shop/app') });
    await lookAgain();
    await lookAgain();
    assert.deepEqual(removed, [`DELETE /api/v1/namespaces/${NAMESPACE}/pods/app-a`]);
    assert.equal(recorded.length, 1);
  });
});
