/**
 * A cache of one kind that follows the API server: filled and swapped as a whole, own writes visible at once, every
 * change told to handlers, which only take note of keys and cannot break it. What is cached is never to be changed.
 */
import { type Clock, systemClock } from '../runtime/clock.ts';
import { type Log, messageOf } from '../runtime/log.ts';
import type { KubeClient } from './client.ts';
import { type KubeObject, keyOf } from './objects.ts';
import { compareVersions } from './resource-version.ts';
import type { Resource } from './resources.ts';
import { createScope, type Scope } from './scope.ts';
import { createStore, type Indexes } from './store.ts';
import { stripped } from './strip.ts';
import { watch } from './watcher.ts';

/** Of an object that was deleted and made again under its name, the end is told first and then the beginning. */
export interface Change<T> {
  readonly old?: T;
  readonly new?: T;
  /** Part of the first list after the start. */
  readonly initial: boolean;
}

export interface Informer<T extends KubeObject> {
  readonly resource: Resource;
  /** Begins to follow; ends when the signal is given. */
  start(signal: AbortSignal): void;
  /** Resolves when the first list is complete, of every namespace. */
  synced(): Promise<void>;
  hasSynced(): boolean;
  /** @param key `namespace/name`, or `name` of a kind without namespaces */
  get(key: string): T | undefined;
  list(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  onChange(handler: (change: Change<T>) => void): void;
  /** How old the cache may be, in seconds: since the server last gave a sign of life on its slowest watch; 0 before the start. */
  staleSeconds(): number;
  /** The version up to which everything is known; undefined before `synced`. */
  resourceVersion(): string | undefined;
  /** Stores what a read or write returned, when it is newer than what the watch has brought; other kinds and namespaces than this cache's are the caller's mistake. */
  observed(object: KubeObject): void;
  /** Resolves to true when the cache has reached that version; to false when the signal comes first. */
  waitFor(resourceVersion: string, signal: AbortSignal): Promise<boolean>;
}

export interface InformerOptions<T> {
  /** One watch for each; none: all namespaces. */
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only metadata is asked for and kept, also of what is `observed`. */
  readonly metadataOnly?: boolean;
  /** What is kept of an object; managedFields and what kubectl last applied never are. */
  readonly transform?: (object: T) => T;
  readonly indexes?: Indexes<T>;
  readonly log?: Log;
  readonly clock?: Clock;
  /** How long one watch lasts at most, and with it how long a dead one can go unnoticed; default 145 s. */
  readonly watchSeconds?: number;
}

export function createInformer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: InformerOptions<T> = {},
): Informer<T> {
  const { namespaces = [], log = () => undefined, clock = systemClock } = options;
  const store = createStore<T>(contained(options.indexes ?? {}, resource, log));
  const handlers: ((change: Change<T>) => void)[] = [];
  const progressed = new Set<() => void>();
  const ready = Promise.withResolvers<void>();
  const aliveAt = new Map<Scope<T>, number>();

  const tell = (change: Change<T>): void => {
    for (const handler of handlers) {
      try {
        handler(change);
      } catch (error) {
        log('a handler of changes failed', { kind: resource.kind, error: messageOf(error) });
      }
    }
  };
  const changed = (old: T | undefined, current: T | undefined, initial: boolean): void => {
    if (old !== undefined && current !== undefined && old.metadata.uid !== current.metadata.uid) {
      tell({ old, initial });
      tell({ new: current, initial });
    } else tell({ ...(old ? { old } : {}), ...(current ? { new: current } : {}), initial });
  };
  const strip = (object: T): T => {
    const kept = stripped(object, options.metadataOnly ?? false);
    if (options.transform === undefined) return kept;
    try {
      return options.transform(kept);
    } catch (error) {
      log('an object of unexpected shape is cached whole', {
        kind: resource.kind,
        object: keyOf(kept),
        error: messageOf(error),
      });
      return kept;
    }
  };
  const scopes = (namespaces.length === 0 ? [undefined] : [...new Set(namespaces)]).map((namespace) => ({
    namespace,
    scope: createScope<T>({ store, namespace, strip, changed }),
  }));
  const version = (): string | undefined =>
    scopes
      .map(({ scope }) => scope.version())
      .reduce((a, b) => (a === undefined || b === undefined ? undefined : compareVersions(a, b) < 0 ? a : b));

  const follow = async (namespace: string | undefined, scope: Scope<T>, signal: AbortSignal): Promise<void> => {
    const selectors = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
      ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
      ...(options.metadataOnly === undefined ? {} : { metadataOnly: options.metadataOnly }),
      ...(options.watchSeconds === undefined ? {} : { watchSeconds: options.watchSeconds }),
    };
    const onAlive = (): void => {
      aliveAt.set(scope, clock.monotonic());
    };
    onAlive();
    for await (const event of watch<T>(client, resource, { ...selectors, clock, signal, onAlive })) {
      if (event.type === 'failed') {
        const { error, retryInMs } = event;
        log('a watch failed and is tried again', {
          kind: resource.kind,
          namespace,
          error: messageOf(error),
          retryInSeconds: Math.round(retryInMs / 100) / 10,
        });
        continue;
      }
      scope.follow(event);
      if (event.type === 'initDone' && version() !== undefined) ready.resolve();
      for (const look of progressed) look();
    }
  };

  return {
    resource,
    start: (signal) => {
      for (const { namespace, scope } of scopes) {
        follow(namespace, scope, signal).catch((error: unknown) =>
          log('a watch ended for good', { kind: resource.kind, namespace, error: messageOf(error) }),
        );
      }
    },
    synced: () => ready.promise,
    hasSynced: () => version() !== undefined,
    get: (key) => store.get(key),
    list: () => store.values(),
    byIndex: (name, value) => store.byIndex(name, value),
    onChange: (handler) => {
      handlers.push(handler);
    },
    staleSeconds: () => {
      const now = clock.monotonic();
      return [...aliveAt.values()].reduce((oldest, at) => Math.max(oldest, (now - at) / 1000), 0);
    },
    resourceVersion: version,
    observed: (object) => {
      const place = scopes.find(({ namespace }) => namespace === undefined || namespace === object.metadata.namespace);
      // The API edge: the caller read or wrote this kind.
      place?.scope.observe(object as T);
    },
    waitFor: async (resourceVersion, signal) => {
      const reached = (): boolean => compareVersions(version() ?? '', resourceVersion) >= 0;
      if (reached() || signal.aborted) return reached();
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = (): void => {
        if (reached() || signal.aborted) resolve();
      };
      progressed.add(look);
      signal.addEventListener('abort', look, { once: true });
      await promise;
      progressed.delete(look);
      signal.removeEventListener('abort', look);
      return reached();
    },
  };
}

/** An object of unexpected shape must not stop a watch: it is then not found by that index. */
function contained<T extends KubeObject>(indexes: Indexes<T>, { kind }: Resource, log: Log): Indexes<T> {
  return Object.fromEntries(
    Object.entries(indexes).map(([name, valuesOf]) => [
      name,
      (object: T): readonly string[] => {
        try {
          return valuesOf(object);
        } catch (error) {
          log('an object could not be indexed', { kind, index: name, object: keyOf(object), error: messageOf(error) });
          return [];
        }
      },
    ]),
  );
}
