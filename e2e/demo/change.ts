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
  /**
   * Any other change, from the end of `act`.
   * @param holds of the first line that tells of its end; lines from before the end of `act` are shown to it too
   */
  timeUntil(act: (last: Seen) => Promise<unknown>, holds: (seen: Seen) => boolean): Promise<Change>;
}

/** What a line of the watch says. */
export interface Seen {
  readonly at: number;
  /** The generation that ConfigSynced=True speaks of, and that status as a whole has seen; 0 when it is not True. */
  readonly synced: number;
  readonly revision: string;
  /** That of ConfigSynced, and the generation that it speaks of. */
  readonly reason: string;
  readonly observed: number;
}

const SYNCED = '.status.conditions[?(@.type=="ConfigSynced")]';
const PATH = `{${SYNCED}.status} {${SYNCED}.observedGeneration} {.status.observedGeneration} {.status.config.desiredRevision} {${SYNCED}.reason}{"\\n"}`;
const DEADLINE_MS = 60_000;

export async function openChanges(target: Target, namespace: string, pooler: string): Promise<Changes> {
  const about = ['-n', namespace];
  const ended = new AbortController();
  const begun = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  const lines: Seen[] = [];
  let latest = parse('');
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

  const timeUntil: Changes['timeUntil'] = async (act, holds) => {
    const [last] = lines.splice(0).slice(-1);
    if (last !== undefined) latest = last;
    await act(latest);
    const acted = performance.now();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`a change of ${pooler} was not over within ${DEADLINE_MS / 1000} s`));
    }, DEADLINE_MS);
    try {
      for (;;) {
        // Also what came before kubectl returned: then it took no time at all.
        const seen = lines.find(holds);
        if (seen) return { milliseconds: Math.max(0, seen.at - acted), revision: seen.revision };
        await Promise.race([news.promise, late.promise, failed.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    timeUntil,
    time: (spec) => {
      let generation = Number.POSITIVE_INFINITY;
      const patch = ['patch', 'cpool', pooler, '--type=merge', '-p', JSON.stringify({ spec })];
      return timeUntil(
        async () => {
          generation = Number(await target.kubectl([...about, ...patch, '-o', 'jsonpath={.metadata.generation}']));
        },
        ({ synced }) => synced >= generation,
      );
    },
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await watch;
    },
  };
}

function parse(line: string): Seen {
  const [status, generation, observed, revision = '', reason = ''] = line.split(' ');
  return {
    at: performance.now(),
    synced: status === 'True' ? Math.min(Number(generation), Number(observed)) : 0,
    revision,
    reason,
    observed: Math.min(Number(generation), Number(observed)),
  };
}
