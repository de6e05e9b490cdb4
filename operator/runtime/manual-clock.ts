/**
 * A clock for tests that stands still until it is moved. Moving it wakes the sleepers in their order and lets what they
 * started run before the next one wakes, so that a minute of protocol takes no time and has one outcome.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from './clock.ts';

export interface ManualClock extends Clock {
  /** Moves both clocks forward, waking every sleep that ends meanwhile. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, as an administrator or NTP would. */
  skewWall(ms: number): void;
  /** Lets time pass without waking anybody: a process that is stopped. */
  freeze(ms: number): void;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Turns of the event loop after a wake-up: enough for a call over loopback sockets is not promised, for promises it is. */
const TURNS = 5;

export function createManualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let elapsed = 0;
  let wall = startMs;
  const sleepers = new Set<Sleeper>();
  const settle = async (): Promise<void> => {
    for (let count = 0; count < TURNS; count += 1) await turn();
  };
  const pass = (ms: number): void => {
    elapsed += ms;
    wall += ms;
  };
  return {
    now: () => wall,
    monotonic: () => elapsed,
    sleep: (ms, signal) => {
      if (ms <= 0 || signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper: Sleeper = {
          at: elapsed + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      });
    },
    advance: async (ms) => {
      const end = elapsed + ms;
      await settle();
      for (;;) {
        const next = [...sleepers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        if (next.at > elapsed) pass(next.at - elapsed);
        next.wake();
        await settle();
      }
      if (end > elapsed) pass(end - elapsed);
      await settle();
    },
    skewWall: (ms) => {
      wall += ms;
    },
    freeze: pass,
  };
}
