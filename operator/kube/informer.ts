/**
 * A cache of one kind that follows the API server: swapped as a whole when a list is complete, never half; own writes
 * are visible at once; handlers are told old and new, and cannot break it.
 */
import { systemClock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import { isNewer, type KubeObject, keyOf } from './objects.ts';
import type { Resource } from './resources.ts';
import { watch } from './watcher.ts';

export interface Change<T> {
  readonly old?: T;
  readonly new?: T;
  /** Part of the first list after the start. */
  readonly initial: boolean;
}

export interface Informer<T extends KubeObject> {
  readonly resource: Resource;
  start(signal: AbortSignal): void;
  synced(): Promise<void>;
  hasSynced(): boolean;
  get(key: string): T | undefined;
  list(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  onChange(handler: (change: Change<T>) => void): void;
  /** Seconds since the server last said something; 0 before the start. */
  staleSeconds(): number;
  /** Stores what a write returned, when it is newer than what is cached. */
  observed(object: KubeObject): void;
}

export interface InformerOptions<T> {
  /** One watch for each; none: all namespaces. */
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
  /** What is kept of an object; managedFields never are. */
  readonly transform?: (object: T) => T;
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
  readonly log: (message: string, details: object) => void;
}

export function createInformer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: InformerOptions<T>,
): Informer<T> {
  const objects = new Map<string, T>();
  const indexes = new Map(Object.keys(options.indexes ?? {}).map((name) => [name, new Map<string, Set<string>>()]));
  const handlers: ((change: Change<T>) => void)[] = [];
  const scopes: readonly (string | undefined)[] =
    options.namespaces === undefined || options.namespaces.length === 0 ? [undefined] : options.namespaces;
  const pending = new Set(scopes);
  const ready = Promise.withResolvers<void>();
  let heardAt: number | undefined;

  const index = (key: string, object: T, change: 'add' | 'delete'): void => {
    for (const [name, valuesOf] of Object.entries(options.indexes ?? {})) {
      const entries = indexes.get(name);
      for (const value of valuesOf(object)) {
        const keys = entries?.get(value) ?? new Set<string>();
        keys[change](key);
        if (keys.size === 0) entries?.delete(value);
        else entries?.set(value, keys);
      }
    }
  };
  const tell = (change: Change<T>): void => {
    for (const handler of handlers) {
      try {
        handler(change);
      } catch (error) {
        options.log('a handler of changes failed', { kind: resource.kind, error: String(error) });
      }
    }
  };
  const strip = (object: T): T => {
    const { managedFields: _dropped, ...metadata } = object.metadata;
    const stripped = { ...object, metadata };
    return options.transform ? options.transform(stripped) : stripped;
  };
  const store = (key: string, next: T | undefined, initial: boolean): void => {
    const old = objects.get(key);
    if (old) index(key, old, 'delete');
    if (next) {
      objects.set(key, next);
      index(key, next, 'add');
    } else objects.delete(key);
    if (old && next && old.metadata.uid !== next.metadata.uid) {
      tell({ old, initial });
      tell({ new: next, initial });
    } else if (old || next) tell({ ...(old ? { old } : {}), ...(next ? { new: next } : {}), initial });
  };
  /** What is cached may be newer: an own write that the watch has not brought yet. */
  const isStale = (key: string, object: KubeObject): boolean => {
    const cached = objects.get(key)?.metadata.resourceVersion;
    return (
      cached !== undefined &&
      object.metadata.resourceVersion !== undefined &&
      isNewer(cached, object.metadata.resourceVersion)
    );
  };

  const follow = async (namespace: string | undefined, signal: AbortSignal): Promise<void> => {
    let listed = new Map<string, T>();
    const events = watch<T>(client, resource, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
      ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
      ...(options.metadataOnly === undefined ? {} : { metadataOnly: options.metadataOnly }),
      clock: systemClock,
      signal,
      onError: (error) =>
        options.log('a watch is tried again', {
          kind: resource.kind,
          error: error instanceof Error ? error.message : String(error),
        }),
    });
    for await (const event of events) {
      heardAt = performance.now();
      switch (event.type) {
        case 'init':
          listed = new Map();
          break;
        case 'initApply':
          listed.set(keyOf(event.object), strip(event.object));
          break;
        case 'initDone': {
          const initial = pending.has(namespace);
          for (const [key, object] of objects) {
            const inScope = namespace === undefined || object.metadata.namespace === namespace;
            // What was written after the list was made is not in it, and not gone.
            if (inScope && !listed.has(key) && !isNewer(object.metadata.resourceVersion ?? '', event.resourceVersion))
              store(key, undefined, initial);
          }
          for (const [key, object] of listed) {
            if (isStale(key, object)) continue;
            if (objects.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion || initial)
              store(key, object, initial);
          }
          listed = new Map();
          pending.delete(namespace);
          if (pending.size === 0) ready.resolve();
          break;
        }
        case 'apply': {
          const key = keyOf(event.object);
          if (
            !isStale(key, event.object) &&
            objects.get(key)?.metadata.resourceVersion !== event.object.metadata.resourceVersion
          )
            store(key, strip(event.object), false);
          break;
        }
        case 'delete': {
          const key = keyOf(event.object);
          const cached = objects.get(key);
          if (cached && cached.metadata.uid === event.object.metadata.uid) store(key, undefined, false);
          break;
        }
        case 'bookmark':
          break;
      }
    }
  };

  return {
    resource,
    start: (signal) => {
      for (const scope of scopes)
        follow(scope, signal).catch((error: unknown) =>
          options.log('an informer ended', { kind: resource.kind, error: String(error) }),
        );
    },
    synced: () => ready.promise,
    hasSynced: () => pending.size === 0,
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex: (name, value) => [...(indexes.get(name)?.get(value) ?? [])].flatMap((key) => objects.get(key) ?? []),
    onChange: (handler) => {
      handlers.push(handler);
    },
    staleSeconds: () => (heardAt === undefined ? 0 : (performance.now() - heardAt) / 1000),
    observed: (object) => {
      const key = keyOf(object);
      if (isStale(key, object) || objects.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion)
        return;
      // The API edge: the caller read or wrote this kind.
      store(key, strip(object as T), false);
    },
  };
}
