/**
 * RELOADs one process until it is on a revision. Files reach a pod some time after they were handed out, and PgBouncer
 * before 1.25 answers every RELOAD with success: only the marker tells.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { quotable } from '../pgbouncer/text.ts';
import { isLate } from './errors.ts';
import { NO_MARKER, readMarker } from './marker.ts';
import type { Session } from './session.ts';

export interface ReloadOptions {
  readonly session: Session;
  readonly revision: string;
  /** From the call on. */
  readonly deadlineMs: number;
  /** Between two RELOADs; default 50. Before 1.24 every RELOAD reconnects servers that use TLS. */
  readonly intervalMs?: number;
  /** Called after each RELOAD that was too early. */
  readonly onWaiting?: (elapsedMs: number) => void;
  /** Asked after each RELOAD that was too early: true ends the waiting. */
  readonly giveUp?: () => boolean;
  readonly signal?: AbortSignal;
}

export type Reloaded =
  | { readonly ok: true; readonly reloads: number }
  | {
      readonly ok: false;
      /**
       * - `refused`: PgBouncer says that it failed (1.25 and newer), with the old marker until the deadline or with the new one
       * - `half-applied`: it stopped in the middle of the file, and the settings after that are at their defaults
       * - `not-arrived`: it reads another file, or an error before [pgbouncer] makes it look so
       * - `silent`: it does not answer in time
       * - `gone`: the session has ended
       */
      readonly kind: 'refused' | 'half-applied' | 'not-arrived' | 'silent' | 'gone';
      /** It was this file that was refused, and it was read to its end. */
      readonly arrived?: true;
      readonly detail: string;
    };

/** Never rejects. A process that was half-applied before has until the deadline: that is how one is restored. */
export async function reloadUntil(options: ReloadOptions): Promise<Reloaded> {
  const { session, revision, deadlineMs, intervalMs = 50, onWaiting, giveUp, signal } = options;
  const started = performance.now();
  try {
    const before = await readMarker(session);
    for (let reloads = 1; ; reloads += 1) {
      const answer = await session.reload();
      const marker = await readMarker(session);
      if (marker === revision) {
        return answer.ok
          ? { ok: true, reloads }
          : { ok: false, kind: 'refused', arrived: true, detail: answer.message };
      }
      const failure = describe(marker, revision, answer.ok ? undefined : answer.message);
      if (failure.kind === 'half-applied' && before !== NO_MARKER) return failure;

      const elapsed = performance.now() - started;
      onWaiting?.(elapsed);
      if (elapsed + intervalMs > deadlineMs || giveUp?.() || signal?.aborted) return failure;
      await sleep(intervalMs, undefined, signal === undefined ? {} : { signal });
    }
  } catch (error) {
    return {
      ok: false,
      kind: isLate(error) ? 'silent' : 'gone',
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}

function describe(
  marker: string,
  revision: string,
  message: string | undefined,
): Exclude<Reloaded, { readonly ok: true }> {
  if (marker === NO_MARKER) {
    return {
      ok: false,
      kind: 'half-applied',
      detail: `PgBouncer stopped in the middle of the file${message === undefined ? '' : `: ${message}`}`,
    };
  }
  return message === undefined
    ? { ok: false, kind: 'not-arrived', detail: `PgBouncer is still on ${quotable(marker)}, not on ${revision}` }
    : { ok: false, kind: 'refused', detail: message };
}
