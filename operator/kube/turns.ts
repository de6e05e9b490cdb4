/**
 * The turns of requests: so many at one time. One that takes far longer than the others waits for somebody behind the
 * server, an admission webhook or a kubelet, and does so aside: its turn is the next one's. What is far depends on what is
 * usual, so that a server which is slow with everything is not sent more for that.
 */
import { createPlaces } from '../runtime/places.ts';

export interface TurnOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called when `work` waits aside from now on. */
  readonly onAside?: (() => void) | undefined;
}

/** Runs `work` when its turn has come. @throws the signal's reason, or what `work` throws */
export type Turns = <T>(work: () => Promise<T>, options?: TurnOptions) => Promise<T>;

const TIMES_THE_USUAL = 10;
const SHORTEST_MS = 250;
const LONGEST_MS = 2_000;
/** Of one request in what is usual. */
const WEIGHT = 0.05;
/** So many wait aside; each costs a connection, and whoever waits for it. Who comes later keeps his turn. */
const ASIDE = 64;

/** @param now milliseconds that only ever grow */
export function createTurns(atOneTime: number, now: () => number = () => performance.now()): Turns {
  const places = createPlaces(atOneTime);
  let aside = 0;
  let usualMs = 0;
  return async (work, { signal, onAside } = {}) => {
    const leave = await places.enter(signal);
    const started = now();
    let isAside = false;
    const stepAside = (): void => {
      if (aside >= ASIDE) return;
      isAside = true;
      aside += 1;
      leave();
      onAside?.();
    };
    const timer = setTimeout(stepAside, Math.min(Math.max(usualMs * TIMES_THE_USUAL, SHORTEST_MS), LONGEST_MS));
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      if (isAside) aside -= 1;
      else usualMs += (now() - started - usualMs) * WEIGHT;
      leave();
    }
  };
}
