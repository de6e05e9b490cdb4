/** Changes settings of a running pooler and times each until every replica was proved to run it. */
import type { Target } from './target.ts';

export interface Change {
  /** From kubectl's return to ConfigSynced=True of that generation, as a watch saw it. */
  readonly milliseconds: number;
  readonly revision: string;
}

/** One watch, under way before the first change: its start takes longer than a change. */
export interface Changes extends AsyncDisposable {
  /** @param spec merged into the pooler's spec. @throws Error when it is not proved within a minute */
  time(spec: object): Promise<Change>;
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

export async function openChanges(target: Target, namespace: string, pooler: string): Promise<Changes> {
  const about = ['-n', namespace];
  const ended = new AbortController();
  const begun = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  const lines: Seen[] = [];
  let news = Promise.withResolvers<void>();
  const onLine = (line: string): void => {
    lines.push(parse(line));
    begun.resolve();
    news.resolve();
    news = Promise.withResolvers<void>();
  };
  const watch = target
    .kubectl([...about, 'get', 'cpool', pooler, '--watch', '-o', `jsonpath=${PATH}`], { signal: ended.signal, onLine })
    .catch((error: unknown) => {
      begun.reject(error);
      failed.reject(error);
    });
  failed.promise.catch(() => undefined); // of no interest between two changes
  await begun.promise;

  return {
    time: async (spec) => {
      lines.length = 0;
      const patch = ['patch', 'cpool', pooler, '--type=merge', '-p', JSON.stringify({ spec })];
      const generation = Number(await target.kubectl([...about, ...patch, '-o', 'jsonpath={.metadata.generation}']));
      const applied = performance.now();
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        late.reject(new Error(`generation ${generation} of ${pooler} was not proved within ${DEADLINE_MS / 1000} s`));
      }, DEADLINE_MS);
      try {
        for (;;) {
          // Also what came before kubectl returned: then it took no time at all.
          const seen = lines.find(({ synced }) => synced >= generation);
          if (seen) return { milliseconds: Math.max(0, seen.at - applied), revision: seen.revision };
          await Promise.race([news.promise, late.promise, failed.promise]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await watch;
    },
  };
}

function parse(line: string): Seen {
  const [status, synced, observed, revision = ''] = line.trim().split(' ');
  return {
    at: performance.now(),
    synced: status === 'True' ? Math.min(Number(synced), Number(observed)) : 0,
    revision,
  };
}
