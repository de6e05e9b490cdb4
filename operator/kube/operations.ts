/** The verbs that controllers use, each one call. */
import type { KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';
import { PODS, type Resource, resourcePath } from './resources.ts';

export const get = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string,
  name: string,
): Promise<T> => client.request<T>('GET', resourcePath(resource, namespace, name));

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export const list = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string,
  options: ListOptions = {},
): Promise<{ readonly items: readonly T[] }> =>
  client.request('GET', resourcePath(resource, namespace), {
    query: { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector },
  });

export const create = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: object,
  namespace: string,
): Promise<T> => client.request<T>('POST', resourcePath(resource, namespace), { body: object });

export const update = <T extends KubeObject>(client: KubeClient, resource: Resource, object: KubeObject): Promise<T> =>
  client.request<T>('PUT', resourcePath(resource, object.metadata.namespace, object.metadata.name), { body: object });

export interface ApplyOptions {
  readonly fieldManager: string;
  /** Take fields from whoever else owns them; without it they conflict (409). */
  readonly force?: boolean;
  readonly subresource?: string;
}

/** Server-side apply: what is not said any more is removed. */
export const apply = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: { readonly metadata: { readonly name: string; readonly namespace?: string } },
  options: ApplyOptions,
): Promise<T> =>
  client.request<T>(
    'PATCH',
    resourcePath(resource, object.metadata.namespace, object.metadata.name, options.subresource),
    {
      body: object,
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: options.fieldManager, force: options.force ? 'true' : undefined },
    },
  );

export const mergePatch = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string,
  name: string,
  patch: object,
  options: { readonly subresource?: string; readonly fieldManager?: string } = {},
): Promise<T> =>
  client.request<T>('PATCH', resourcePath(resource, namespace, name, options.subresource), {
    body: patch,
    contentType: 'application/merge-patch+json',
    query: { fieldManager: options.fieldManager },
  });

/** @param preconditions what must still be true, or the server answers 409 */
export const remove = (
  client: KubeClient,
  resource: Resource,
  namespace: string,
  name: string,
  preconditions: { readonly uid?: string; readonly resourceVersion?: string } = {},
): Promise<unknown> =>
  client.request('DELETE', resourcePath(resource, namespace, name), {
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: 'Background' },
  });

export interface LogOptions {
  readonly container: string;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  readonly limitBytes?: number;
  /** Of the container before its last restart. */
  readonly previous?: boolean;
}

export const podLogs = (client: KubeClient, namespace: string, name: string, options: LogOptions): Promise<string> =>
  client.request<string>('GET', resourcePath(PODS, namespace, name, 'log'), {
    accept: 'text/plain, */*',
    query: {
      container: options.container,
      tailLines: options.tailLines?.toString(),
      sinceSeconds: options.sinceSeconds?.toString(),
      limitBytes: options.limitBytes?.toString(),
      previous: options.previous ? 'true' : undefined,
    },
  });
