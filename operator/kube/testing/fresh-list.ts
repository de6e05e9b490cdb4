/**
 * The oracle of every test of a cache: after whatever went wrong, it holds what a fresh list of the API server holds, to
 * the last field that is kept.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../client.ts';
import type { Informer } from '../informer.ts';
import { type KubeObject, keyOf } from '../objects.ts';
import { list } from '../operations.ts';
import { apiVersionOf } from '../resources.ts';
import { stripped } from '../strip.ts';

/**
 * Resolves when the cache is what a fresh list says. @throws when it does not become so in time
 * @param client past every fault
 */
export async function equalsFreshList<T extends KubeObject>(
  client: KubeClient,
  informer: Informer<T>,
  namespace: string | undefined,
  withinMs = 90_000,
): Promise<void> {
  const { resource } = informer;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const { items } = await list<T>(client, resource, namespace);
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const fresh = byKey(items.map((object) => stripped({ ...object, ...type }, false)));
    const cached = byKey(informer.list());
    if (isDeepStrictEqual(cached, fresh)) return;
    if (performance.now() > deadline) assert.deepEqual(cached, fresh, 'the cache is not what a fresh list says');
    await sleep(50);
  }
}

const byKey = (objects: readonly KubeObject[]): ReadonlyMap<string, KubeObject> =>
  new Map(objects.map((object) => [keyOf(object), object]));
