/** Objects by key and by index: what an informer keeps, and the only place that changes it. */
import type { KubeObject } from './objects.ts';

/** Each gives the values an object is found under; the same for the same object, and without throwing. */
export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface Store<T extends KubeObject> {
  get(key: string): T | undefined;
  entries(): Iterable<readonly [string, T]>;
  values(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  /** @returns what was there before */
  set(key: string, object: T): T | undefined;
  /** @returns what was there before */
  delete(key: string): T | undefined;
}

export function createStore<T extends KubeObject>(indexes: Indexes<T>): Store<T> {
  const objects = new Map<string, T>();
  /** Of each index, the keys under each value. */
  const indexed = new Map(Object.keys(indexes).map((name) => [name, new Map<string, Set<string>>()]));

  const unplace = (key: string, object: T): void => {
    for (const [name, values] of indexed) {
      for (const value of indexes[name]?.(object) ?? []) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
    }
  };
  const place = (key: string, object: T): void => {
    for (const [name, values] of indexed) {
      for (const value of indexes[name]?.(object) ?? []) {
        const keys = values.get(value);
        if (keys === undefined) values.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  };
  const isPresent = (object: T | undefined): object is T => object !== undefined;

  return {
    get: (key) => objects.get(key),
    entries: () => objects.entries(),
    values: () => [...objects.values()],
    byIndex: (name, value) =>
      [...(indexed.get(name)?.get(value) ?? [])].map((key) => objects.get(key)).filter(isPresent),
    set: (key, object) => {
      const old = objects.get(key);
      if (old !== undefined) unplace(key, old);
      objects.set(key, object);
      place(key, object);
      return old;
    },
    delete: (key) => {
      const old = objects.get(key);
      if (old !== undefined) unplace(key, old);
      objects.delete(key);
      return old;
    },
  };
}
