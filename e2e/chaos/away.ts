/** The ways in which an API server can be away. */
import type { ControlPlane } from '../cluster/control-plane.ts';

/**
 * `killed`: connections are refused. `frozen`: they stay open and nothing answers; what was sent is still taken note of
 * when it goes on. `etcd`: the API server is there, and its storage is frozen.
 */
export type Away = 'killed' | 'frozen' | 'etcd';

export const WAYS: readonly Away[] = ['killed', 'frozen', 'etcd'];

/** @returns what brings it back, and resolves when that is done but not yet noticed */
export async function takeAway({ apiServer, etcd }: ControlPlane, how: Away): Promise<() => Promise<void>> {
  switch (how) {
    case 'killed':
      await apiServer.kill();
      return () => apiServer.restart();
    case 'frozen':
      apiServer.pause();
      return async () => apiServer.resume();
    case 'etcd':
      etcd.pause();
      return async () => etcd.resume();
  }
}
