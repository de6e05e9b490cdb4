/**
 * A client for whoever acts on the leadership: nothing is written without it. It is asked for right before each attempt
 * of each write, also of those that waited for their turn or are tried again, because a process may stand still anywhere
 * and for any time; and what is on its way when the leadership is lost is broken off.
 */
import type { KubeClient } from './client.ts';
import type { LeaderElector } from './lease.ts';

export type Leadership = Pick<LeaderElector, 'assertMayWrite' | 'signal'>;

/** Reads go through as they are; a write throws NotLeading, or the signal's reason. */
export function fenced(client: KubeClient, leadership: Leadership): KubeClient {
  return {
    ...client,
    request: async (method, path, options = {}) => {
      if (method === 'GET') return client.request(method, path, options);
      const { signal } = leadership;
      return client.request(method, path, {
        ...options,
        signal: options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]),
        permit: leadership.assertMayWrite,
      });
    },
  };
}
