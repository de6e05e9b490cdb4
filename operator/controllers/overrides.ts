/**
 * What a hand changed on a console since the process was proved: SET, PAUSE, DISABLE. The observer looks at all
 * consoles anyway and brings a fingerprint of the settings; only where that is not the one of the proof is the process
 * asked for details. It is reported and not fought.
 */

import type { Expectation } from '../console/expectation.ts';
import { changedByHand } from '../console/prove-rows.ts';
import type { Session } from '../console/session.ts';
import { foreignStates, type HeldStates } from '../pgbouncer/database-states.ts';
import { readConfig, readDatabases, readState } from '../pgbouncer/show.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import type { PodView } from '../plan/pods.ts';
import type { ChangeSteps } from './change-acts.ts';
import type { ConsoleReading } from './console-reading.ts';
import type { Memory } from './memory.ts';
import type { PoolerObservation } from './observer.ts';

export interface OverridesInput {
  readonly observation: PoolerObservation | undefined;
  readonly memory: Memory;
  /** Pods of the current template. */
  readonly pods: readonly PodView[];
  readonly revision: string;
  readonly version: Version;
  /** Rendered only when somebody is asked. */
  readonly expectation: () => Expectation;
  /** What the operator itself holds databases in. */
  readonly held: HeldStates;
  readonly steps: Pick<ChangeSteps, 'openSession'>;
}

/**
 * @returns whether something is still to be looked into: a look from before the last change, or a process that did not
 *   answer. The observer has told of the difference and does not tell twice.
 */
export async function findOverrides(input: OverridesInput): Promise<boolean> {
  const { observation, memory, pods, revision } = input;
  if (observation === undefined) return false;
  const isOld = observation.at <= memory.touchedAt;
  const open = await Promise.all(
    pods.map(async (pod) => {
      const proof = memory.proofs.get(pod.process);
      const reading = observation.readings.find((other) => other.pod === pod.name);
      if (proof?.revision !== revision || reading === undefined) return false;
      const hint = hintOf(reading, input.held);
      if (hint === `${proof.settings}`) {
        if (!isOld) memory.overrides.delete(pod.process);
        return false;
      }
      if (isOld) return true;
      if (memory.overrides.get(pod.process)?.hint === hint) return false;
      const found = await ask(input, pod);
      if (found !== undefined) memory.overrides.set(pod.process, { hint, found });
      return found === undefined;
    }),
  );
  return open.includes(true);
}

/** The fingerprint alone when nothing else is to be seen. */
const hintOf = (reading: ConsoleReading, held: HeldStates): string =>
  [reading.settings, ...foreignStates(reading.databaseRows, held), ...(reading.paused ? ['paused'] : [])].join('\n');

/** The look may have been before the last change: what counts is what the process says now. */
async function ask(
  { expectation, version, held, steps }: OverridesInput,
  pod: PodView,
): Promise<readonly string[] | undefined> {
  let session: Session | undefined;
  try {
    session = await steps.openSession(pod);
    const settings = changedByHand(readConfig(await session.show('CONFIG')), expectation());
    const states = foreignStates(readDatabases(await session.show('DATABASES')), held);
    const paused = atLeast(version, '1.19') && readState(await session.show('STATE')).paused;
    return [...settings, ...states, ...(paused ? ['all databases are paused'] : [])];
  } catch {
    // If it stays silent, the next look says so.
    return undefined;
  } finally {
    await session?.close();
  }
}
