/** Changes a setting of a running pooler and times it until every replica was proved to run it. */
import type { RunOptions } from '../cluster/run.ts';
import type { Target } from './target.ts';

export interface Change {
  /** From kubectl's return to ConfigSynced=True of that generation, as a watch saw it. */
  readonly milliseconds: number;
  readonly revision: string;
}

/** What a line of the watch says. */
interface Seen {
  readonly at: number;
  /** The generation that ConfigSynced=True speaks of, and that status as a whole has seen; 0 when it is not True. */
  readonly synced: number;
  readonly revision: string;
}

const SYNCED = '.status.conditions[?(@.type=="ConfigSynced")]';
const PATH = `{${SYNCED}.status} {${SYNCED}.observedGeneration} {.status.observedGeneration} {.status.config.desiredRevision}{"\\n"}`;
const DEADLINE_MS = 60_000;

/** @param spec merged into the pooler's spec */
export async function timeChange(target: Target, namespace: string, pooler: string, spec: object): Promise<Change> {
  const kubectl = (args: readonly string[], path: string, options?: RunOptions): Promise<string> =>
    target.kubectl(['-n', namespace, ...args, '-o', `jsonpath=${path}`], options);
  const ended = new AbortController();
  const begun = Promise.withResolvers<void>();
  const done = Promise.withResolvers<Seen>();
  const lines: Seen[] = [];
  let generation = Number.POSITIVE_INFINITY;
  // Under way before the change is made: its start takes longer than the change.
  const onLine = (line: string): void => {
    const seen = parse(line);
    lines.push(seen);
    if (seen.synced >= generation) done.resolve(seen);
    begun.resolve();
  };
  kubectl(['get', 'cpool', pooler, '--watch'], PATH, { signal: ended.signal, onLine }).catch((error: unknown) => {
    begun.reject(error);
    done.reject(error);
  });
  done.promise.catch(() => undefined); // awaited below, unless the patch fails first
  let deadline: NodeJS.Timeout | undefined;
  try {
    await begun.promise;
    const patch = ['patch', 'cpool', pooler, '--type=merge', '-p', JSON.stringify({ spec })];
    generation = Number(await kubectl(patch, '{.metadata.generation}'));
    const applied = performance.now();
    const early = lines.find(({ synced }) => synced >= generation);
    if (early !== undefined) done.resolve(early);
    const late = new Error(`generation ${generation} of ${pooler} was not proved within ${DEADLINE_MS / 1000} s`);
    deadline = setTimeout(() => done.reject(late), DEADLINE_MS);
    const { at, revision } = await done.promise;
    return { milliseconds: Math.max(0, at - applied), revision };
  } finally {
    clearTimeout(deadline);
    ended.abort();
  }
}

function parse(line: string): Seen {
  const [status, synced, observed, revision = ''] = line.trim().split(' ');
  return {
    at: performance.now(),
    synced: status === 'True' ? Math.min(Number(synced), Number(observed)) : 0,
    revision,
  };
}
