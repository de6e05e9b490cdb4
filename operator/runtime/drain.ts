/**
 * The end of work in good order, within a time: what was begun may finish, what has not by then is told to end, and what
 * does not listen is left behind. A process that waits longer than it was given is killed with its lease in its hand.
 */
import type { Clock } from './clock.ts';

export interface DrainOptions {
  readonly clock: Clock;
  /** How long what was begun may take to finish. */
  readonly finishMs: number;
  /** How long it may take to end once it was told to. */
  readonly endMs: number;
  /** Tells it to end. */
  readonly tell: () => void;
}

/** @returns whether all of it has ended */
export async function drain(work: Promise<void>, { clock, finishMs, endMs, tell }: DrainOptions): Promise<boolean> {
  const over = new AbortController();
  const finished = work.then(() => true);
  const late = (ms: number): Promise<boolean> => clock.sleep(ms, over.signal).then(() => false);
  try {
    if (await Promise.race([finished, late(finishMs)])) return true;
    tell();
    return await Promise.race([finished, late(endMs)]);
  } finally {
    over.abort();
  }
}
