/** The operator's pod as a kubelet keeps it: its process is started again when it ends, at once and then ever more slowly. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type OperatorOptions, type OperatorProcess, startOperator } from '../../operator/testing/operator-process.ts';

export interface OperatorPod {
  readonly identity: string;
  /** The process that runs now, or ran last. */
  current(): OperatorProcess;
  /** All there have been, oldest first. */
  readonly processes: readonly OperatorProcess[];
  /** SIGTERM, and no new start; resolves when it has ended. */
  terminate(): Promise<void>;
}

/** The kubelet's: none before the first restart, then 10 s, doubled each time. */
const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 300_000;

export async function startOperatorPod(options: OperatorOptions & { readonly identity: string }): Promise<OperatorPod> {
  const first = await startOperator(options);
  const processes = [first];
  const ending = new AbortController();
  let current = first;
  const keeping = (async () => {
    for (let restarts = 0; ; restarts += 1) {
      await current.ended;
      const backoff = restarts === 0 ? 0 : Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (restarts - 1));
      await sleep(backoff, undefined, { signal: ending.signal }).catch(() => undefined);
      if (ending.signal.aborted) return;
      current = await startOperator(options);
      processes.push(current);
    }
  })();
  return {
    identity: options.identity,
    current: () => current,
    processes,
    terminate: async () => {
      ending.abort();
      current.signal('SIGTERM');
      await keeping;
    },
  };
}
