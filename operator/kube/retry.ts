/**
 * Which requests are sent again, and when: those the server did not begin, as often as it asks for that; and those whose
 * answer was lost, if doing them twice comes to the same as doing them once.
 */
import { ApiError, ConnectionError } from './errors.ts';

/** As client-go: ten times when the server says when. */
const ASKED_TO = 10;
/** A connection that broke says nothing about the next one. */
const BROKEN = 2;
const LONGEST_PAUSE_SECONDS = 30;

/**
 * @param attempt how often it was tried, from 1 on
 * @returns the pause in milliseconds; undefined: it is not tried again
 */
export function pauseBeforeRetry(
  error: unknown,
  method: string,
  attempt: number,
  random = Math.random,
): number | undefined {
  if (error instanceof ApiError) {
    if (error.retryAfterSeconds === undefined || attempt > ASKED_TO) return undefined;
    // 429 is said before anything is done. A 5xx may come after; a second POST could then create a second object.
    if (error.status !== 429 && (error.status < 500 || method === 'POST')) return undefined;
    return Math.min(error.retryAfterSeconds, LONGEST_PAUSE_SECONDS) * 1000 + 250 * random();
  }
  if (!(error instanceof ConnectionError) || attempt > BROKEN) return undefined;
  return error.unsent || method !== 'POST' ? 50 * attempt * (1 + random()) : undefined;
}
