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
/** Who takes longer hangs, and tells nothing of the server. */
const LONGEST_MS = 2_000;
/** Of one request in the mean that is the usual: the last twenty count. */
const WEIGHT = 0.05;
/** So many requests wait aside; each keeps a connection, and the reconcile it belongs to. Others keep their turn meanwhile. */
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
      if (aside >= ASIDE) {
        timer = setTimeout(stepAside, LONGEST_MS);
        return;
      }
      isAside = true;
      aside += 1;
      leave();
      onAside?.();
    };
    let timer = setTimeout(stepAside, Math.min(Math.max(usualMs * TIMES_THE_USUAL, SHORTEST_MS), LONGEST_MS));
    try {
      const result = await work();
      const tookMs = now() - started;
      if (tookMs <= LONGEST_MS) usualMs += (tookMs - usualMs) * WEIGHT;
      return result;
    } finally {
      clearTimeout(timer);
      if (isAside) aside -= 1;
      leave();
    }
  };
}
