/**
 * Leader election on a Lease, by the rules of client-go: a lease has expired when it was not seen to change for its whole
 * duration by our own clock, never by the times written in it. Who cannot renew stops writing 3 seconds (by default)
 * before anybody else may begin. What stays possible: a write that was sent before, and that the server does only after.
 */
import type { Clock } from '../runtime/clock.ts';
import { type Log, messageOf } from '../runtime/log.ts';
import type { KubeClient } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { createLeaseStore, type Lease } from './lease-record.ts';

export interface LeaderElectorOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique for each process. */
  readonly identity: string;
  /** False: this process always leads. */
  readonly enabled: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** How long others wait for a leader that says nothing; default 10 s. */
  readonly leaseMs?: number;
  /** How long a leader that cannot renew goes on; default seven tenths of that. */
  readonly renewMs?: number;
  /** How often it is tried; default 1.5 s, and less when the lease is shorter than 10 s. */
  readonly retryMs?: number;
}

export interface LeaderElector {
  /** True when this process leads; false when `stop` came first. */
  waitForLeadership(stop: Promise<unknown>): Promise<boolean>;
  isLeader(): boolean;
  isLost(): boolean;
  /** Resolves with the reason when the leadership is lost. It does not come back: end the process. */
  lost(): Promise<string>;
  /** Given when the leadership is lost: what is under way should end. */
  readonly signal: AbortSignal;
  /** Whether this process leads, and its last renewal is recent enough to be sure. */
  mayWrite(): boolean;
  /** @throws NotLeading unless `mayWrite` */
  assertMayWrite(): void;
  /** What is wrong when this process believes to lead and has not renewed for long; undefined otherwise. */
  watchdog(): string | undefined;
  /** Lets the next one lead at once. Only after all work has ended. */
  release(): Promise<void>;
}

export class NotLeading extends Error {
  override readonly name = 'NotLeading';
}

/** How long past the lease's end a process may believe to lead before it counts as stuck. */
const WATCHDOG_GRACE_MS = 20_000;
/** The least time an attempt gets. */
const SHORTEST_TRY_MS = 500;

export function createLeaderElector(client: KubeClient, options: LeaderElectorOptions): LeaderElector {
  const { clock, enabled, identity, leaseMs = 10_000 } = options;
  const { renewMs = 0.7 * leaseMs, retryMs = Math.min(1_500, 0.15 * leaseMs) } = options;
  const store = createLeaseStore(client, { ...options, leaseMs });
  let state: 'following' | 'leading' | 'lost' | 'released' = 'following';
  /** When the last renewal that succeeded was begun, by both clocks. */
  let renewed = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
  /** The lease as last seen, and when it was first seen so. */
  let seen: { readonly lease: Lease; readonly at: number } | undefined;
  const loss = Promise.withResolvers<string>();
  const losing = new AbortController();
  const ended = new AbortController();

  const lose = (reason: string): void => {
    if (state !== 'leading') return;
    state = 'lost';
    losing.abort(new NotLeading(reason));
    ended.abort();
    loss.resolve(reason);
  };
  const note = (lease: Lease): Lease => {
    const same = JSON.stringify(seen?.lease.spec) === JSON.stringify(lease.spec);
    seen = { lease, at: seen !== undefined && same ? seen.at : clock.monotonic() };
    return lease;
  };
  const renewing = async (write: () => Promise<Lease>): Promise<true> => {
    // The lease counts from before the request: when it was answered says nothing about when it was done.
    const begun = { monotonic: clock.monotonic(), wall: clock.now() };
    note(await write());
    renewed = begun;
    return true;
  };
  /** The longer of what both clocks say: one stands still while a machine sleeps, the other may be set back. */
  const sinceRenewal = (): number => Math.max(clock.monotonic() - renewed.monotonic, clock.now() - renewed.wall);

  const isFree = ({ lease, at }: { readonly lease: Lease; readonly at: number }): boolean => {
    const { holderIdentity = '', leaseDurationSeconds = 0 } = lease.spec ?? {};
    if (holderIdentity === '' || holderIdentity === identity) return true;
    return clock.monotonic() - at > Math.max(leaseDurationSeconds * 1000, 1_000);
  };

  /** One attempt to take the lease. */
  const acquire = async (timeoutMs: number): Promise<boolean> => {
    let lease: Lease;
    try {
      lease = note(await store.read(timeoutMs));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return renewing(() => store.create(clock.now(), timeoutMs));
    }
    if (seen === undefined || !isFree(seen)) return false;
    // With the version that was read: whoever is faster wins, and the other gets a conflict.
    return renewing(() => store.hold(lease, clock.now(), timeoutMs));
  };

  /** One attempt to keep it: a write without a read, as long as nobody else writes. */
  const renew = async (timeoutMs: number): Promise<boolean> => {
    const lease = seen?.lease ?? (await store.read(timeoutMs));
    try {
      return await renewing(() => store.hold(lease, clock.now(), timeoutMs));
    } catch (error) {
      if (isNotFound(error)) return renewing(() => store.create(clock.now(), timeoutMs));
      if (!isConflict(error)) throw error;
      const now = note(await store.read(timeoutMs));
      // Somebody edited it, or a renewal of our own arrived and its answer did not.
      if (now.spec?.holderIdentity === identity) return renewing(() => store.hold(now, clock.now(), timeoutMs));
      lose(`${now.spec?.holderIdentity || 'nobody'} holds the lease`);
      return false;
    }
  };

  const attempt = async (what: (timeoutMs: number) => Promise<boolean>, timeoutMs: number): Promise<boolean> => {
    const over = new AbortController();
    const tried = what(timeoutMs).catch((error: unknown) => {
      if (!isConflict(error) && !isAlreadyExists(error))
        options.log('the lease could not be had', {
          lease: `${options.namespace}/${options.name}`,
          error: messageOf(error),
        });
      return false;
    });
    // A second deadline, by our clock: the process may have been stopped for longer than the request was to take.
    const late = clock.sleep(timeoutMs + SHORTEST_TRY_MS, over.signal).then(() => false);
    const done = await Promise.race([tried, late]);
    over.abort();
    return done;
  };

  const keep = async (): Promise<void> => {
    while (state === 'leading') {
      await clock.sleep(retryMs, ended.signal);
      if (state !== 'leading') return;
      const left = renewMs - sinceRenewal();
      const kept = await attempt(renew, Math.max(SHORTEST_TRY_MS, Math.min(renewMs / 2, left)));
      if (!kept && sinceRenewal() >= renewMs) lose(`the lease was not renewed for ${renewMs / 1000} s`);
    }
  };

  const mayWrite = (): boolean => state === 'leading' && (!enabled || sinceRenewal() < renewMs);

  return {
    waitForLeadership: async (stop) => {
      const stopping = new AbortController();
      const end = (): void => stopping.abort();
      stop.then(end, end);
      for (let taken = !enabled; !taken; ) {
        taken = await attempt(acquire, renewMs / 2);
        if (taken) break;
        // Not all at one time, and seldom enough apart for a takeover within two seconds of a release.
        await clock.sleep(retryMs * (1 + 0.2 * Math.random()), stopping.signal);
        if (stopping.signal.aborted) return false;
      }
      state = 'leading';
      if (enabled) keep().catch((error: unknown) => lose(messageOf(error)));
      return true;
    },
    isLeader: () => state === 'leading',
    isLost: () => state === 'lost',
    lost: () => loss.promise,
    signal: losing.signal,
    mayWrite,
    assertMayWrite: () => {
      if (!mayWrite()) throw new NotLeading('this process does not lead, or cannot be sure of it, and writes nothing');
    },
    watchdog: () => {
      const silence = clock.monotonic() - renewed.monotonic;
      return enabled && state === 'leading' && silence > leaseMs + WATCHDOG_GRACE_MS
        ? `the lease was not renewed for ${Math.round(silence / 1000)} s`
        : undefined;
    },
    release: async () => {
      const held = state === 'leading' && enabled ? seen?.lease : undefined;
      if (state === 'leading') state = 'released';
      ended.abort();
      if (held === undefined) return;
      const give = (lease: Lease): Promise<Lease> => store.release(lease, clock.now(), renewMs / 2);
      try {
        await give(held).catch(async (error: unknown) => {
          if (!isConflict(error)) throw error;
          // A renewal of our own was still on its way.
          const now = await store.read(renewMs / 2);
          return now.spec?.holderIdentity === identity ? give(now) : now;
        });
      } catch (error) {
        options.log('the lease was not released; the next leader waits for its end', { error: messageOf(error) });
      }
    },
  };
}
