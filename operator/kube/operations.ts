/** The verbs that controllers use, each one call (a list may be several). All throw {@link KubeError}s. */
import type { KubeClient } from './client.ts';
import { isGone, isNotFound } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { PODS, type Resource, resourcePath } from './resources.ts';

/** What every verb takes: given the signal, the call ends with the signal's reason. */
export interface VerbOptions {
  readonly signal?: AbortSignal;
}

/** @param namespace undefined for kinds without one */
export const get = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  name: string,
  options: VerbOptions = {},
): Promise<T> => client.request<T>('GET', resourcePath(resource, namespace, name), options);

/** The same, and undefined when there is none of that name. */
export async function getIfThere<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  name: string,
  options: VerbOptions = {},
): Promise<T | undefined> {
  try {
    return await get<T>(client, resource, namespace, name, options);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export interface ListOptions extends VerbOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** One page of a list, as the API answers it. */
export interface Page<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

/** Objects of a page: large enough to be quick, small enough to be read in one go. */
export const PAGE_SIZE = 500;

/** Everything, read in pages. @param namespace undefined for all namespaces */
export async function list<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  options: ListOptions = {},
): Promise<{ readonly items: readonly T[] }> {
  const all = async (limit: number | 'none'): Promise<{ readonly items: readonly T[] }> => {
    const items: T[] = [];
    for await (const page of pages<T>(client, resource, namespace, { ...options, limit })) items.push(...page);
    return { items };
  };
  try {
    return await all(PAGE_SIZE);
  } catch (error) {
    if (!isGone(error)) throw error;
    // The version the pages are of is no longer known: once more, in one go.
    return all('none');
  }
}

/** Page by page, so that no more than one is held; ends with an error when the server forgets the version they are of. */
export async function* pages<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  { signal, limit = PAGE_SIZE, ...selectors }: ListOptions & { readonly limit?: number | 'none' } = {},
): AsyncGenerator<readonly T[]> {
  let more: string | undefined;
  do {
    const page = await client.request<Page<T>>('GET', resourcePath(resource, namespace), {
      query: { ...selectors, limit: limit === 'none' ? undefined : String(limit), continue: more },
      ...(signal ? { signal } : {}),
    });
    yield page.items ?? [];
    more = page.metadata?.continue || undefined;
  } while (more !== undefined);
}

export const create = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: object,
  namespace: string | undefined,
  options: VerbOptions & { readonly fieldManager?: string; readonly dryRun?: boolean } = {},
): Promise<T> =>
  client.request<T>('POST', resourcePath(resource, namespace), {
    body: object,
    query: { fieldManager: options.fieldManager, dryRun: dryRun(options) },
    ...ending(options),
  });

/** Replaces the whole object; with a resource version in it, only if it is still that version. */
export const update = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: KubeObject,
  options: VerbOptions & { readonly subresource?: string } = {},
): Promise<T> =>
  client.request<T>(
    'PUT',
    resourcePath(resource, object.metadata.namespace, object.metadata.name, options.subresource),
    { body: object, ...ending(options) },
  );

export interface ApplyOptions extends VerbOptions {
  readonly fieldManager: string;
  /** Take fields from whoever else owns them; without it they conflict (409). */
  readonly force?: boolean;
  readonly subresource?: string;
  readonly dryRun?: boolean;
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
      // JSON is YAML.
      contentType: 'application/apply-patch+yaml',
      query: {
        fieldManager: options.fieldManager,
        force: options.force ? 'true' : undefined,
        dryRun: dryRun(options),
      },
      ...ending(options),
    },
  );

/** With `metadata.uid` or `metadata.resourceVersion` in the patch, only onto that very object (else `isConflict`). */
export const mergePatch = <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  name: string,
  patch: object,
  options: VerbOptions & { readonly subresource?: string; readonly fieldManager?: string } = {},
): Promise<T> =>
  client.request<T>('PATCH', resourcePath(resource, namespace, name, options.subresource), {
    body: patch,
    contentType: 'application/merge-patch+json',
    query: { fieldManager: options.fieldManager },
    ...ending(options),
  });

export interface RemoveOptions extends VerbOptions {
  /** What must still be true, or the server answers 409: a view that is old must not delete what came after it. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Default Background. */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

/** @returns the object when it is not gone at once (grace period, finalizers), else a Status */
export const remove = (
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  name: string,
  options: RemoveOptions = {},
): Promise<unknown> => {
  const { uid, resourceVersion, propagationPolicy = 'Background', gracePeriodSeconds } = options;
  // What is undefined is left out of the JSON.
  const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
  return client.request('DELETE', resourcePath(resource, namespace, name), {
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy, gracePeriodSeconds },
    ...ending(options),
  });
};

/** The same; that it was gone before is as good. */
export async function removeIfThere(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  name: string,
  options: RemoveOptions = {},
): Promise<void> {
  try {
    await remove(client, resource, namespace, name, options);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

export interface LogOptions extends VerbOptions {
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
    ...ending(options),
  });

const ending = ({ signal }: VerbOptions): VerbOptions => (signal === undefined ? {} : { signal });

const dryRun = (options: { readonly dryRun?: boolean }): string | undefined => (options.dryRun ? 'All' : undefined);
