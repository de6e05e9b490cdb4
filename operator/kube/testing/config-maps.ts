/** ConfigMaps of a real API server: what the tests write and follow, since any kind will do. */
import type { KubeClient } from '../client.ts';
import { type Change, createInformer, type Informer, type InformerOptions } from '../informer.ts';
import type { KubeObject } from '../objects.ts';
import { apply, remove } from '../operations.ts';
import type { Resource } from '../resources.ts';

export const CONFIG_MAPS: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

type Data = Readonly<Record<string, string>>;

export const configMap = (namespace: string, name: string, data: Data = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

export const write = (client: KubeClient, namespace: string, name: string, data?: Data): Promise<ConfigMap> =>
  apply<ConfigMap>(client, CONFIG_MAPS, configMap(namespace, name, data), { fieldManager: 'test', force: true });

export const erase = (client: KubeClient, namespace: string, name: string): Promise<unknown> =>
  remove(client, CONFIG_MAPS, namespace, name);

export interface Followed {
  readonly informer: Informer<ConfigMap>;
  /** Every change that was told, in its order. */
  readonly changes: readonly Change<ConfigMap>[];
  readonly logs: readonly string[];
}

/** Runs a test with a cache of a namespace's ConfigMaps that is filled. */
export async function following(
  client: KubeClient,
  namespace: string,
  test: (followed: Followed) => Promise<void>,
  options: InformerOptions<ConfigMap> = {},
): Promise<void> {
  const ending = new AbortController();
  const changes: Change<ConfigMap>[] = [];
  const logs: string[] = [];
  const informer = createInformer<ConfigMap>(client, CONFIG_MAPS, {
    namespaces: [namespace],
    log: (message, details) => logs.push(`${message} ${JSON.stringify(details)}`),
    ...options,
  });
  informer.onChange((change) => changes.push(change));
  informer.start(ending.signal);
  try {
    await informer.synced();
    await test({ informer, changes, logs });
  } finally {
    ending.abort();
  }
}
