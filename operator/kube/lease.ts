/**
 * Leader election on a Lease, as client-go does it: a lease has expired when it was not seen to change for its whole
 * duration by our own clock, never by the times written in it. Who cannot renew stops before anybody else may start.
 */
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { microTime } from './micro-time.ts';
import type { KubeObject } from './objects.ts';
import { create, get, update } from './operations.ts';
import { LEASES } from './resources.ts';

export interface LeaderElectorOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique for each process. */
  readonly identity: string;
  /** False: this process always leads. */
  readonly enabled: boolean;
  readonly clock: Clock;
  readonly log: (message: string, details: object) => void;
  readonly leaseMs?: number;
  readonly renewMs?: number;
  readonly retryMs?: number;
}

export interface LeaderElector {
  /** True when this process leads; false when `stop` came first. */
  waitForLeadership(stop: Promise<unknown>): Promise<boolean>;
  isLeader(): boolean;
  isLost(): boolean;
  /** Resolves with the reason when the leadership is lost. */
  lost(): Promise<string>;
  /** @throws Error when the last renewal is too long ago to be sure */
  assertMayWrite(): void;
  /** What is wrong when this process believes to lead and has not renewed for long; undefined otherwise. */
  watchdog(): string | undefined;
  /** Lets the next one lead at once. Only after all work has ended. */
  release(): Promise<void>;
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** How long past the lease's end a process may believe to lead before it counts as stuck. */
const WATCHDOG_GRACE_MS = 20_000;

export function createLeaderElector(client: KubeClient, options: LeaderElectorOptions): LeaderElector {
  const { clock, namespace, name, identity, leaseMs = 10_000, renewMs = 7_000, retryMs = 1_500 } = options;
  let renewedAt: number | undefined;
  let leading = false;
  let released = false;
  let held: Lease | undefined;
  let seen: { readonly version: string; readonly at: number } | undefined;
  const loss = Promise.withResolvers<string>();
  let lostReason: string | undefined;

  const lose = (reason: string): void => {
    if (!leading) return;
    leading = false;
    lostReason = reason;
    loss.resolve(reason);
  };

  const read = async (): Promise<Lease | undefined> => {
    try {
      return await get<Lease>(client, LEASES, namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };

  /** One attempt to take or keep the lease. */
  const attempt = async (): Promise<boolean> => {
    const started = clock.monotonic();
    const now = microTime(clock.now());
    const spec = { holderIdentity: identity, leaseDurationSeconds: leaseMs / 1000, renewTime: now };
    // Who holds it renews what it wrote last; only a conflict tells of somebody else.
    const lease = held ?? (await read());
    if (lease === undefined) {
      held = await create<Lease>(
        client,
        LEASES,
        {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name, namespace },
          spec: { ...spec, acquireTime: now, leaseTransitions: 0 },
        },
        namespace,
      );
      renewedAt = started;
      return true;
    }
    const version = lease.metadata.resourceVersion ?? '';
    if (seen?.version !== version) seen = { version, at: clock.monotonic() };
    const holder = lease.spec?.holderIdentity ?? '';
    const mine = holder === identity;
    const duration = Math.max((lease.spec?.leaseDurationSeconds ?? 0) * 1000, 1_000);
    const expired = holder === '' || clock.monotonic() - seen.at > duration;
    if (!mine && !expired) return false;
    // With the version that was read: whoever is faster wins, and the other gets a conflict.
    held = await update<Lease>(client, LEASES, {
      ...lease,
      spec: {
        ...spec,
        acquireTime: mine ? (lease.spec?.acquireTime ?? now) : now,
        leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (mine ? 0 : 1),
      },
    } as Lease);
    renewedAt = started;
    return true;
  };

  const tryOnce = async (): Promise<boolean> => {
    try {
      return await attempt();
    } catch (error) {
      held = undefined;
      if (!isConflict(error) && !isAlreadyExists(error))
        options.log('the lease could not be had', {
          lease: `${namespace}/${name}`,
          error: error instanceof Error ? error.message : String(error),
        });
      return false;
    }
  };

  const keep = async (): Promise<void> => {
    while (leading && !released) {
      await clock.sleep(retryMs);
      if (!leading || released) return;
      const kept = await Promise.race([tryOnce(), clock.sleep(renewMs).then(() => false)]);
      if (!kept && clock.monotonic() - (renewedAt ?? 0) > renewMs)
        return lose(`the lease was not renewed for ${renewMs / 1000} s`);
    }
  };

  return {
    waitForLeadership: async (stop) => {
      let stopped = false;
      stop.then(
        () => {
          stopped = true;
        },
        () => undefined,
      );
      if (!options.enabled) {
        leading = true;
        return true;
      }
      while (!stopped) {
        if (await tryOnce()) {
          leading = true;
          keep().catch((error: unknown) => lose(String(error)));
          return true;
        }
        await Promise.race([clock.sleep(retryMs * (1 + Math.random() * 0.2)), stop]);
      }
      return false;
    },
    isLeader: () => leading,
    isLost: () => lostReason !== undefined,
    lost: () => loss.promise,
    assertMayWrite: () => {
      if (!options.enabled) return;
      if (!leading || clock.monotonic() - (renewedAt ?? Number.NEGATIVE_INFINITY) > leaseMs) {
        lose('the lease may have expired');
        throw new Error('this process does not lead any more, and writes nothing');
      }
    },
    watchdog: () => {
      if (!options.enabled || !leading) return undefined;
      const silence = clock.monotonic() - (renewedAt ?? 0);
      return silence > leaseMs + WATCHDOG_GRACE_MS
        ? `the lease was not renewed for ${Math.round(silence / 1000)} s`
        : undefined;
    },
    release: async () => {
      released = true;
      if (!options.enabled || !leading) return;
      leading = false;
      try {
        const lease = await get<Lease>(client, LEASES, namespace, name);
        if (lease.spec?.holderIdentity !== identity) return;
        await update<Lease>(client, LEASES, {
          ...lease,
          spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) },
        } as Lease);
      } catch (error) {
        options.log('the lease was not released', { error: error instanceof Error ? error.message : String(error) });
      }
    },
  };
}
