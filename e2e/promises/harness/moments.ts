/** Acts at a moment inside a change: as soon as a watch shows that the operator has done one of its steps. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cluster, type World } from './world.ts';

/** A step of the change protocol that can be seen from outside. */
export interface Moment {
  /** `secret`: the candidate is written (1), the pointer has moved (2). `entry`: the first pod was handed the candidate. */
  readonly of: 'secret' | 'entry';
  readonly count: number;
  /** Waited on top of it. */
  readonly thenMs: number;
}

const WATCHED = {
  secret: { kind: 'secrets', selector: ',poolkeeper.dev/role=config', path: '{.metadata.resourceVersion}' },
  entry: { kind: 'pods', selector: '', path: '{.metadata.annotations.poolkeeper\\.dev/entry}' },
} as const;

/** Begins to watch the pooler `app`; `reached` resolves at the moment. What is done after this returns is not missed. */
export async function watchFor(world: World, moment: Moment): Promise<{ readonly reached: Promise<void> }> {
  const { kind, selector, path } = WATCHED[moment.of];
  const objects = ['-n', world.namespace, 'get', kind, '-l', `app.kubernetes.io/instance=app${selector}`];
  // A watch begins with what is there.
  const there = (await cluster.kubectl([...objects, '-o', 'name'])).trim().split('\n').length;
  const reached = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const ended = new AbortController();
  const seen = new Set<string>();
  let lines = 0;
  let changes = 0;
  cluster
    .kubectl([...objects, '--watch', '-o', `jsonpath=${path}{"\\n"}`], {
      signal: ended.signal,
      onLine: (line) => {
        lines += 1;
        if (lines > there && !seen.has(line) && !line.endsWith('/proved.ini')) changes += 1;
        seen.add(line);
        if (lines === there) begun.resolve();
        if (changes === moment.count) reached.resolve();
      },
    })
    .catch(reached.reject);
  await begun.promise;
  return { reached: reached.promise.then(() => sleep(moment.thenMs)).finally(() => ended.abort()) };
}
