/**
 * Gives a leader something to write, all the time: it relabels the poolers' Services, which the operator puts right
 * again, so that whoever believes to lead shows it. Each disturbance is one write of the operator's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../operator/kube/client.ts';
import { mergePatch } from '../../operator/kube/operations.ts';
import { SERVICES } from '../../operator/kube/resources.ts';

export interface Stirrer {
  stop(): Promise<void>;
}

export function stir(client: KubeClient, namespace: string, services: readonly string[], everyMs: number): Stirrer {
  const ending = new AbortController();
  const working = (async () => {
    for (let round = 0; !ending.signal.aborted; round += 1) {
      const labels = { 'app.kubernetes.io/name': `stirred-${round}` };
      const name = services[round % services.length] ?? '';
      // Not there yet, or the API server is away: that is what tests do.
      await mergePatch(client, SERVICES, namespace, name, { metadata: { labels } }, { signal: ending.signal }).catch(
        () => undefined,
      );
      await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      ending.abort();
      await working;
    },
  };
}
