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
/** What is usual is never taken for less, or for more: a request waits aside after a quarter of a second to two seconds. */
const [LEAST_USUAL_MS, MOST_USUAL_MS] = [25, 200];
/** How far one request moves what is usual: as far up as down, so that half of them are above it, however long some hang. */
const STEP = 1.1;
/** So many requests wait aside; each keeps a connection, and the reconcile it belongs to. Others keep their turn meanwhile. */
const ASIDE = 64;

/** @param now milliseconds that only ever grow */
export function createTurns(atOneTime: number, now: () => number = () => performance.now()): Turns {
  const places = createPlaces(atOneTime);
  let aside = 0;
  // Until it is known, nobody is sent aside for being one of many.
  let usualMs: number = MOST_USUAL_MS;
  return async (work, { signal, onAside } = {}) => {
    const leave = await places.enter(signal);
    const started = now();
    let isAside = false;
    const stepAside = (): void => {
      if (aside >= ASIDE) {
        timer = setTimeout(stepAside, TIMES_THE_USUAL * MOST_USUAL_MS);
        return;
      }
      isAside = true;
      aside += 1;
      leave();
      onAside?.();
    };
    let timer = setTimeout(stepAside, TIMES_THE_USUAL * usualMs);
    try {
      const result = await work();
      usualMs =
        now() - started > usualMs ? Math.min(usualMs * STEP, MOST_USUAL_MS) : Math.max(usualMs / STEP, LEAST_USUAL_MS);
      return result;
    } finally {
      clearTimeout(timer);
      if (isAside) aside -= 1;
      leave();
    }
  };
}
