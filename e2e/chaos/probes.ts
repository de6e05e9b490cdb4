/** What an operator says of itself over HTTP, as the kubelet and Prometheus ask it. */

export interface Said {
  /** HTTP status, or 0 when it does not answer. */
  readonly healthz: number;
  readonly readyz: number;
  readonly leads: boolean;
  /** Of the cache that heard of its watch longest ago. */
  readonly staleSeconds: number;
}

const TIMEOUT_MS = 2_000;

export async function ask(port: number): Promise<Said> {
  const at = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return { status: 0, text: '' };
    }
  };
  const [healthz, readyz, metrics] = await Promise.all([at('/healthz'), at('/readyz'), at('/metrics')]);
  const values = (name: string): readonly number[] =>
    [...metrics.text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value));
  return {
    healthz: healthz.status,
    readyz: readyz.status,
    leads: values('leader_election_master_status').includes(1),
    staleSeconds: Math.max(0, ...values('poolkeeper_cache_stale_seconds')),
  };
}
