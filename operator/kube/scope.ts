/**
 * What one watch has told: its part of a cache, in which a list replaces everything at once, own writes are seen before
 * the watch brings them, and nothing that is older ever replaces what is newer.
 */
import { type KubeObject, keyOf } from './objects.ts';
import { compareVersions, isNewer } from './resource-version.ts';
import type { Store } from './store.ts';
import type { WatchEvent } from './watcher.ts';

export interface Scope<T extends KubeObject> {
  /** Changes the store as the event says. */
  follow(event: Exclude<WatchEvent<T>, { readonly type: 'failed' }>): void;
  /** Takes in what a write returned, unless the watch is already past it. */
  observe(object: T): void;
  /** Where the watch is; undefined before the first list is complete. */
  version(): string | undefined;
}

export interface ScopeOptions<T extends KubeObject> {
  readonly store: Store<T>;
  /** Undefined: all. */
  readonly namespace: string | undefined;
  /** What is kept of an own write. What the watch tells comes as it is to be kept. */
  readonly strip: (object: T) => T;
  /** Told of every change, after the store is as it says. */
  readonly changed: (old: T | undefined, current: T | undefined, initial: boolean) => void;
}

export function createScope<T extends KubeObject>({ store, namespace, strip, changed }: ScopeOptions<T>): Scope<T> {
  let version: string | undefined;
  let listed = new Map<string, T>();
  /**
   * Own writes that the watch has not reached, and what the store held then. A list that begins now holds them all, so
   * they are forgotten with it: should the server come back with an older history, its word counts.
   */
  const ahead = new Map<string, string>();

  /** @returns false when an own write is newer than what the watch says of the key */
  const reached = (key: string, at: string): boolean => {
    const written = ahead.get(key);
    if (written === undefined) return true;
    if (compareVersions(at, written) < 0) return false;
    ahead.delete(key);
    return true;
  };
  const put = (key: string, object: T): void => changed(store.set(key, object), object, false);

  const replaceAll = (at: string): void => {
    const initial = version === undefined;
    const changes: (readonly [old: T | undefined, current: T | undefined])[] = [];
    for (const [key, old] of store.entries()) {
      if (namespace !== undefined && old.metadata.namespace !== namespace) continue;
      if (!listed.has(key) && reached(key, at)) changes.push([old, undefined]);
    }
    for (const [key, current] of listed) {
      const old = store.get(key);
      if (
        old?.metadata.resourceVersion === current.metadata.resourceVersion &&
        old?.metadata.uid === current.metadata.uid
      )
        continue;
      if (reached(key, at)) changes.push([old, current]);
    }
    listed = new Map();
    version = at;
    // The store is complete before anybody hears of it.
    for (const [old, current] of changes) {
      if (current !== undefined) store.set(keyOf(current), current);
      else if (old !== undefined) store.delete(keyOf(old));
    }
    for (const [old, current] of changes) changed(old, current, initial);
  };

  return {
    version: () => version,
    follow: (event) => {
      switch (event.type) {
        case 'init':
          listed = new Map();
          ahead.clear();
          return;
        case 'initApply':
          listed.set(keyOf(event.object), event.object);
          return;
        case 'initDone':
          return replaceAll(event.resourceVersion);
        case 'bookmark':
          version = event.resourceVersion;
          return;
        case 'apply': {
          version = event.resourceVersion;
          const key = keyOf(event.object);
          if (!reached(key, version) || store.get(key)?.metadata.resourceVersion === version) return;
          return put(key, event.object);
        }
        case 'delete': {
          version = event.resourceVersion;
          const key = keyOf(event.object);
          if (!reached(key, version)) return;
          const old = store.delete(key);
          if (old !== undefined) changed(old, undefined, false);
          return;
        }
      }
    },
    observe: (object) => {
      const written = object.metadata.resourceVersion;
      const key = keyOf(object);
      // Where the watch has been, the store is right; it may even know that the object is gone again.
      if (written === undefined || version === undefined || !isNewer(written, version)) return;
      if (ahead.has(key) && !isNewer(written, ahead.get(key))) return;
      ahead.set(key, written);
      put(key, strip(object));
    },
  };
}
