/** First in, first out, in constant time: arrays move everything at each `shift`, and Sets step over what was deleted. */
export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  clear(): void;
}

/** How many places at the front may be empty before the rest moves up. */
const SLACK = 1_024;

export function createFifo<T>(): Fifo<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    push: (item) => {
      items.push(item);
    },
    shift: () => {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head] = undefined;
      head += 1;
      if (head > SLACK && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    clear: () => {
      items = [];
      head = 0;
    },
  };
}
