/** Changes a setting of a running pooler and times it until every replica was proved to run it. */
import type { Target } from './target.ts';

export interface Change {
  /** From kubectl's return to ConfigSynced=True of that generation, as a watch saw it. */
  readonly milliseconds: number;
  readonly revision: string;
}

/** @param spec merged into the pooler's spec */
export async function timeChange(target: Target, namespace: string, pooler: string, spec: object): Promise<Change> {
  const args = ['-n', namespace];
  const generation = Number(
    await target.kubectl([
      ...args,
      'patch',
      'cpool',
      pooler,
      '--type=merge',
      '-p',
      JSON.stringify({ spec }),
      '-o',
      'jsonpath={.metadata.generation}',
    ]),
  );
  const applied = performance.now();
  const seen = Promise.withResolvers<Change>();
  const ended = new AbortController();
  const path =
    '{.metadata.generation} {.status.observedGeneration} {.status.config.desiredRevision} {.status.conditions[?(@.type=="ConfigSynced")].observedGeneration} {.status.conditions[?(@.type=="ConfigSynced")].status}{"\\n"}';
  const watch = target.kubectl([...args, 'get', 'cpool', pooler, '--watch', '-o', `jsonpath=${path}`], {
    signal: ended.signal,
    onLine: (line) => {
      const [, observed, revision = '', synced, status] = line.trim().split(' ');
      if (Number(observed) >= generation && Number(synced) >= generation && status === 'True')
        seen.resolve({ milliseconds: performance.now() - applied, revision });
    },
  });
  watch.catch(() => undefined);
  const timer = setTimeout(
    () => seen.reject(new Error(`generation ${generation} of ${pooler} was not proved within 60 s`)),
    60_000,
  );
  try {
    return await seen.promise;
  } finally {
    clearTimeout(timer);
    ended.abort();
  }
}
