/** Pauses that double up to a limit, with a random part so that many who failed together do not come back together. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly limitMs: number;
  /** 0.5: between half and one and a half times the pause. */
  readonly jitter?: number;
  /** Between 0 and 1; for tests. */
  readonly random?: () => number;
}

/** The pause after the `failures`-th failure in a row, from 1 on; in milliseconds, at most the limit, and random there too. */
export function backoffMs(
  failures: number,
  { firstMs, limitMs, jitter = 0.25, random = Math.random }: BackoffOptions,
): number {
  // 2 ** 50 times the shortest pause is beyond any limit and still a finite number.
  const doubled = firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 50);
  // Cut off only afterwards, half of all would pause for exactly the limit, and come back together.
  const pause = Math.min(limitMs / (1 + jitter), doubled);
  return pause * (1 - jitter + 2 * jitter * random());
}
