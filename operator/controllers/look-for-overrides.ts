/** Hands the last look at the consoles to the search for what a hand changed there. */
import { PROOF_USER } from '../api/names.ts';
import { expectationOf } from '../console/expectation.ts';
import { livePods, type PodView } from '../plan/pods.ts';
import type { ChildWriter } from './children.ts';
import { stepsOf } from './config-steps.ts';
import { heldStates } from './database-states.ts';
import type { Target } from './decide.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { secretOf } from './known-config.ts';
import type { Memory } from './memory.ts';
import { findOverrides } from './overrides.ts';

/** What was changed on the consoles of the current pods since they were proved; true when it is to be asked again. */
export function lookForOverrides(
  deps: PoolerDependencies,
  { pooler, planned, revision, version, credentials, desired }: Target,
  key: string,
  memory: Memory,
  pods: readonly PodView[],
  writer: ChildWriter,
): Promise<boolean> {
  return findOverrides({
    observation: deps.observer.latest(key),
    memory,
    pods: livePods(pods, planned.revision),
    held: heldStates(secretOf(deps.caches, pooler, planned.revision)),
    expectation: () => {
      const { ini, proofPassword } = desired.provable(revision);
      return expectationOf(ini, { revision, version, proofLogin: { user: PROOF_USER, password: proofPassword } });
    },
    revision,
    version,
    steps: stepsOf(deps, { pooler, template: planned.revision, revision, credentials, writer }),
  });
}
