/** The Lease of an API server in memory: versions, conflicts, and the ways in which it is not there. */
import type { CallOptions, KubeClient } from '../client.ts';
import { ApiError, ConnectionError } from '../errors.ts';
import type { Lease } from '../lease-record.ts';

export interface LeaseApi {
  readonly client: KubeClient;
  /** The Lease as it is; undefined when there is none. */
  lease(): Lease | undefined;
  /** Every write that was done. */
  readonly writes: readonly string[];
  /** `away`: refuses connections. `silent`: never answers. `deaf`: does what it is asked, and the answer is lost. */
  be(state: 'there' | 'away' | 'silent' | 'deaf'): void;
  /** Somebody edits the Lease by hand. */
  edit(change: (lease: Lease) => Lease): void;
  remove(): void;
}

export function createLeaseApi(): LeaseApi {
  let state: 'there' | 'away' | 'silent' | 'deaf' = 'there';
  let lease: Lease | undefined;
  let version = 0;
  const writes: string[] = [];
  const store = (next: Lease): Lease => {
    version += 1;
    lease = { ...next, metadata: { ...next.metadata, resourceVersion: String(version) } };
    return lease;
  };
  const answer = (method: string, body: Lease | undefined): Lease => {
    if (method === 'GET') {
      if (lease === undefined) throw new ApiError(404, 'NotFound', 'no lease');
      return lease;
    }
    if (body === undefined) throw new ApiError(400, 'BadRequest', 'no body');
    if (method === 'POST') {
      if (lease !== undefined) throw new ApiError(409, 'AlreadyExists', 'there is one');
    } else {
      if (lease === undefined) throw new ApiError(404, 'NotFound', 'no lease');
      if (body.metadata.resourceVersion !== lease.metadata.resourceVersion)
        throw new ApiError(409, 'Conflict', 'changed meanwhile');
    }
    writes.push(`${method} ${body.spec?.holderIdentity}`);
    return store(body);
  };
  return {
    client: {
      request: async <T>(method: string, _path: string, { body }: CallOptions = {}) => {
        if (state === 'away') throw new ConnectionError('away', { unsent: true });
        if (state === 'silent') return new Promise<T>(() => undefined);
        const answered = answer(method, body as Lease | undefined);
        if (state === 'deaf' && method !== 'GET') throw new ConnectionError('the answer is lost', { unsent: false });
        return answered as T;
      },
      stream: async function* () {},
      close: () => undefined,
    },
    lease: () => lease,
    writes,
    be: (next) => {
      state = next;
    },
    edit: (change) => {
      if (lease !== undefined) store(change(lease));
    },
    remove: () => {
      lease = undefined;
    },
  };
}
