import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError, ConnectionError, RequestTimeout } from './errors.ts';
import { pauseBeforeRetry } from './retry.ts';

const refused = (status: number, retryAfterSeconds?: number) => new ApiError(status, '', '', { retryAfterSeconds });
const broken = new ConnectionError('', { unsent: false });
const unsent = new ConnectionError('', { unsent: true });

const CASES: readonly (readonly [
  what: string,
  error: unknown,
  method: string,
  attempt: number,
  pause: number | undefined,
])[] = [
  ['a 429 that says when', refused(429, 2), 'POST', 1, 2_000],
  ['a 429 that says when, the tenth time', refused(429, 1), 'GET', 10, 1_000],
  ['a 429 that says when, after ten times', refused(429, 1), 'GET', 11, undefined],
  ['a 429 that says a very long time', refused(429, 3_600), 'GET', 1, 30_000],
  ['a 429 that does not say when', refused(429), 'GET', 1, undefined],
  ['a 503 that says when', refused(503, 1), 'PATCH', 1, 1_000],
  ['a 503 to a POST, which may have been done', refused(503, 1), 'POST', 1, undefined],
  ['a 409', refused(409), 'PATCH', 1, undefined],
  ['a 500', refused(500), 'GET', 1, undefined],
  ['a lost answer to a GET', broken, 'GET', 1, 50],
  ['a lost answer to an apply', broken, 'PATCH', 2, 100],
  ['a lost answer to an apply, the third time', broken, 'PATCH', 3, undefined],
  ['a lost answer to a POST', broken, 'POST', 1, undefined],
  ['a POST that was never sent', unsent, 'POST', 1, 50],
  ['silence', new RequestTimeout(''), 'GET', 1, undefined],
  ['a mistake in the program', new TypeError(''), 'GET', 1, undefined],
];

describe('a request is sent again', () => {
  for (const [what, error, method, attempt, pause] of CASES) {
    it(`${pause === undefined ? 'not' : `in ${pause} ms`} after ${what}`, () => {
      assert.equal(
        pauseBeforeRetry(error, method, attempt, () => 0),
        pause,
      );
    });
  }
});
