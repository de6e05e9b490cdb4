/** Brings the databases of running pods to the states they shall be in, without keeping others waiting for a console. */
import { sameStates } from '../pgbouncer/database-states.ts';
import { heldStates, type StatesInput, settleStates } from './database-states.ts';
import type { PoolerDependencies } from './dependencies.ts';
import type { Memory } from './memory.ts';
import { patiently, SILENT_BEFORE, withoutWorker } from './patiently.ts';

/**
 * A pod that could not be told counts as one that nobody proved: it does not do what the specification says.
 * @returns why it is to be tried again, or undefined when all is as wanted; without a difference nobody is asked
 */
export async function settlePatiently(
  deps: PoolerDependencies,
  input: StatesInput & { readonly memory: Memory },
): Promise<string | undefined> {
  const { memory, pods } = input;
  if (sameStates(heldStates(input.secret), input.wanted)) return undefined;
  const unsettled = await patiently(deps, input.pooler, async () => {
    const result = await withoutWorker(deps, () => settleStates(input));
    return { silent: result.length > 0, result };
  });
  const untold = unsettled === undefined ? pods : unsettled.map(({ pod }) => pod);
  for (const pod of untold) memory.proofs.delete(pod.process);
  const [first] = unsettled ?? [];
  if (first !== undefined) return `${first.pod.name}: ${first.reason}`;
  return unsettled === undefined ? (memory.retrying ?? SILENT_BEFORE) : undefined;
}
