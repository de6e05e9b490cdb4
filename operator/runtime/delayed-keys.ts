/**
 * Keys that are due later: a heap with ONE timer, however many keys there are. A key is in it once, with its earliest
 * time.
 */
import type { Clock } from './clock.ts';

export interface DelayedKeys {
  /** An earlier time that is already set for the key stays. */
  add(key: string, ms: number): void;
  readonly size: number;
  clear(): void;
}

interface Entry {
  at: number;
  readonly key: string;
  /** Where it is in the heap. */
  place: number;
}

/** @param due called with each key when its time has come, and never before */
export function createDelayedKeys(clock: Clock, due: (key: string) => void): DelayedKeys {
  const heap: Entry[] = [];
  const entries = new Map<string, Entry>();
  let timer: { readonly at: number; readonly ending: AbortController } | undefined;

  const arm = (): void => {
    const first = heap[0];
    if (first === undefined || (timer !== undefined && timer.at <= first.at)) return;
    timer?.ending.abort();
    const armed = { at: first.at, ending: new AbortController() };
    timer = armed;
    clock.sleep(Math.max(first.at - clock.monotonic(), 1), armed.ending.signal).then(
      () => {
        if (timer !== armed) return;
        timer = undefined;
        release();
      },
      () => undefined,
    );
  };
  const release = (): void => {
    const now = clock.monotonic();
    for (let first = heap[0]; first !== undefined && first.at <= now; first = heap[0]) {
      removeFirst(heap);
      entries.delete(first.key);
      due(first.key);
    }
    arm();
  };

  return {
    add: (key, ms) => {
      const at = clock.monotonic() + Math.max(ms, 0);
      const set = entries.get(key);
      if (set !== undefined && set.at <= at) return;
      const entry = set ?? { at, key, place: heap.length };
      entry.at = at;
      entries.set(key, entry);
      rise(heap, entry);
      arm();
    },
    get size() {
      return heap.length;
    },
    clear: () => {
      heap.length = 0;
      entries.clear();
      timer?.ending.abort();
      timer = undefined;
    },
  };
}

function put(heap: Entry[], entry: Entry, place: number): void {
  heap[place] = entry;
  entry.place = place;
}

/** Of an entry that is new at the end, or earlier than it was. */
function rise(heap: Entry[], entry: Entry): void {
  let { place } = entry;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || above.at <= entry.at) break;
    put(heap, above, place);
    place = parent;
  }
  put(heap, entry, place);
}

function removeFirst(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    const left = 2 * place + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    const [child, index] = a !== undefined && b !== undefined && b.at < a.at ? [b, left + 1] : [a, left];
    if (child === undefined || child.at >= last.at) break;
    put(heap, child, place);
    place = index;
  }
  put(heap, last, place);
}
