/**
 * A change waits for its turn, so that a Secret shared by hundreds does not reload the whole fleet at once. Consoles are
 * called before that: whoever hangs holds up nobody's turn, and nobody's worker.
 */
import { applyChange, type ChangeInput, type ChangeResult } from './change.ts';
import type { ChangeSteps } from './change-acts.ts';
import { dismiss, type Gathered, gatherMembers } from './change-member.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { withoutWorker } from './patiently.ts';

/** Sessions that wait for longer are closed, and opened anew: they have only so long in all, and an open one holds up a drain. */
const FRESH_MS = 5_000;

export async function changeInTurn(
  deps: Pick<PoolerDependencies, 'clock' | 'leave' | 'paced'>,
  steps: ChangeSteps,
  input: ChangeInput,
): Promise<ChangeResult> {
  const gather = (): Promise<Gathered> => withoutWorker(deps, () => gatherMembers(steps, input.pods));
  const early = await gather();
  // Nobody is there to be reloaded.
  if (early.members.length === 0) return applyChange(steps, { ...input, gathered: early });
  const waiting = new AbortController();
  let isFresh = true;
  const tooLong = deps.clock.sleep(FRESH_MS, waiting.signal).then(async () => {
    if (waiting.signal.aborted) return;
    isFresh = false;
    await dismiss(early);
  });
  try {
    return await deps.paced(async (turn) => {
      waiting.abort();
      await tooLong;
      const gathered = isFresh ? early : await gather();
      const mayReload = async (): Promise<boolean> => {
        const asked = deps.clock.monotonic();
        await turn.keep();
        return deps.clock.monotonic() - asked < FRESH_MS;
      };
      return withoutWorker(deps, () => applyChange(steps, { ...input, gathered, mayReload }));
    });
  } finally {
    // Also of those whose turn never came.
    waiting.abort();
    await dismiss(early);
  }
}
