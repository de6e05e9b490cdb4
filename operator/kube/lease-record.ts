/** The Lease object as leader election writes it, and the four things it can do with one. */
import type { KubeClient } from './client.ts';
import { microTime } from './micro-time.ts';
import type { KubeObject } from './objects.ts';
import { apiVersionOf, LEASES, resourcePath } from './resources.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    /** Empty: released. */
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeaseStore {
  read(timeoutMs: number): Promise<Lease>;
  /** A Lease that nobody had before. @throws ApiError AlreadyExists */
  create(nowMs: number, timeoutMs: number): Promise<Lease>;
  /** Takes or keeps it, if it is still as it was read. @throws ApiError Conflict */
  hold(lease: Lease, nowMs: number, timeoutMs: number): Promise<Lease>;
  /** Gives it back, if it is still as it was read. @throws ApiError Conflict */
  release(lease: Lease, nowMs: number, timeoutMs: number): Promise<Lease>;
}

export interface LeaseIdentity {
  readonly namespace: string;
  readonly name: string;
  /** Unique for each process. */
  readonly identity: string;
  readonly leaseMs: number;
}

export function createLeaseStore(
  client: KubeClient,
  { namespace, name, identity, leaseMs }: LeaseIdentity,
): LeaseStore {
  const path = resourcePath(LEASES, namespace, name);
  // Renewals do not queue behind other requests, nor wait for them.
  const call = <T>(method: string, at: string, timeoutMs: number, body?: object): Promise<T> =>
    client.request<T>(method, at, { ...(body ? { body } : {}), timeoutMs, urgent: true });
  const leaseDurationSeconds = Math.ceil(leaseMs / 1000);
  return {
    read: (timeoutMs) => call('GET', path, timeoutMs),
    create: (nowMs, timeoutMs) => {
      const now = microTime(nowMs);
      return call('POST', resourcePath(LEASES, namespace), timeoutMs, {
        apiVersion: apiVersionOf(LEASES),
        kind: LEASES.kind,
        metadata: { name, namespace },
        spec: { holderIdentity: identity, leaseDurationSeconds, acquireTime: now, renewTime: now, leaseTransitions: 0 },
      });
    },
    hold: (lease, nowMs, timeoutMs) => {
      const mine = lease.spec?.holderIdentity === identity;
      const now = microTime(nowMs);
      return call('PUT', path, timeoutMs, {
        ...lease,
        spec: {
          ...lease.spec,
          holderIdentity: identity,
          leaseDurationSeconds,
          acquireTime: mine ? (lease.spec?.acquireTime ?? now) : now,
          renewTime: now,
          leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (mine ? 0 : 1),
        },
      });
    },
    release: (lease, nowMs, timeoutMs) =>
      call('PUT', path, timeoutMs, {
        ...lease,
        spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(nowMs) },
      }),
  };
}
