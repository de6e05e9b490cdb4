/**
 * Whether the pods are to be replaced because only a restart helps. PgBouncer silently keeps some things over a RELOAD:
 * settings that are read at the start, a `*` or a forced user that was removed, and more. A restart is tried once for
 * what is found; what it does not cure is reported and not tried again.
 */
export type RestartMode = 'Automatic' | 'Manual';

/** What the live pod template was made for. */
export interface LiveRestart {
  /** The user's wish it answers to. */
  readonly wished: string | undefined;
  /** When the operator replaced the pods by itself. */
  readonly restarted: string | undefined;
  /** What it replaced them for, as long as that is not gone. */
  readonly restartedFor: readonly string[];
}

export interface RestartInput {
  readonly mode: RestartMode;
  /** The user's wish: any text, which counts by its change. */
  readonly wish: string | undefined;
  /** Undefined before there are pods. */
  readonly live: LiveRestart | undefined;
  /** What the processes go on with, each proved on the desired revision; undefined while that is not known of all. */
  readonly found: readonly string[] | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/** Stands in the pod template: another one means other pods. */
export interface RestartToken {
  readonly wished?: string;
  readonly restarted?: string;
}

export interface RestartPlan {
  readonly token: RestartToken;
  readonly restartedFor: readonly string[];
  /** Something is left that a restart has not cured. */
  readonly incurable: boolean;
}

export function planRestart({ mode, wish, live, found, now }: RestartInput): RestartPlan {
  // Nobody has an old process to be rid of; a wish from before the first pod is fulfilled by it.
  if (live === undefined) return { token: tokenOf(wish, undefined), restartedFor: [], incurable: false };
  const token = tokenOf(wish ?? live.wished, live.restarted);
  if (found === undefined) return { token, restartedFor: live.restartedFor, incurable: false };
  if (found.length === 0) return { token, restartedFor: [], incurable: false };
  const isTried = found.every((item) => live.restartedFor.includes(item));
  if (isTried) return { token, restartedFor: live.restartedFor, incurable: true };
  if (wish !== undefined && wish !== live.wished) return { token, restartedFor: found, incurable: false };
  return mode === 'Automatic'
    ? { token: tokenOf(wish ?? live.wished, now), restartedFor: found, incurable: false }
    : { token, restartedFor: live.restartedFor, incurable: false };
}

export const tokenOf = (wished: string | undefined, restarted: string | undefined): RestartToken => ({
  ...(wished !== undefined && { wished }),
  ...(restarted !== undefined && { restarted }),
});

/** Values of settings that only a restart changes, wanted and as the pods have them. */
export function pendingSettings(
  wanted: Readonly<Record<string, string>>,
  live: Readonly<Record<string, string>>,
): readonly string[] {
  const keys = [...new Set([...Object.keys(wanted), ...Object.keys(live)])].sort();
  return keys.filter((key) => wanted[key] !== live[key]);
}
