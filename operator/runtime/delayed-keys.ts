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
  readonly at: number;
  readonly key: string;
}

/** @param due called with each key when its time has come, and never before */
export function createDelayedKeys(clock: Clock, due: (key: string) => void): DelayedKeys {
  const heap: Entry[] = [];
  /** What counts: entries of the heap that say another time are leftovers. */
  const times = new Map<string, number>();
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
      if (times.get(first.key) !== first.at) continue;
      times.delete(first.key);
      due(first.key);
    }
    arm();
  };

  return {
    add: (key, ms) => {
      const at = clock.monotonic() + Math.max(ms, 0);
      const set = times.get(key);
      if (set !== undefined && set <= at) return;
      times.set(key, at);
      insert(heap, { at, key });
      arm();
    },
    get size() {
      return times.size;
    },
    clear: () => {
      heap.length = 0;
      times.clear();
      timer?.ending.abort();
      timer = undefined;
    },
  };
}

function insert(heap: Entry[], entry: Entry): void {
  let place = heap.push(entry) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || above.at <= entry.at) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = entry;
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
    heap[place] = child;
    place = index;
  }
  heap[place] = last;
}
