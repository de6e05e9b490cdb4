/**
 * Tells every console which databases are paused or disabled, and takes back what the operator told before: when the
 * specification says otherwise, and when a removal does not happen after all. What was told is noted on the
 * configuration Secret first, so that a successor takes back no more and no less.
 */
import { ANNOTATION_STATES } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { Session } from '../console/session.ts';
import type { KubeObject } from '../kube/objects.ts';
import {
  type HeldStates,
  parseStates,
  printStates,
  sameStates,
  stateCommands,
  unionOf,
} from '../pgbouncer/database-states.ts';
import { readDatabases } from '../pgbouncer/show.ts';
import type { PodView } from '../plan/pods.ts';
import { messageOf } from '../runtime/log.ts';
import { annotateConfig } from './annotate-config.ts';
import type { ChangeSteps } from './change-acts.ts';
import type { ChildWriter } from './children.ts';
import { tellStates } from './leaving.ts';

/** What the operator told the consoles of one template, as noted. */
export const heldStates = (secret: KubeObject | undefined): HeldStates =>
  parseStates(secret?.metadata.annotations?.[ANNOTATION_STATES]);

export interface StatesInput {
  readonly pooler: ConnectionPooler;
  readonly template: string;
  readonly secret: KubeObject | undefined;
  readonly writer: ChildWriter;
  readonly pods: readonly PodView[];
  readonly wanted: HeldStates;
  readonly steps: Pick<ChangeSteps, 'openSession'>;
}

export interface Unsettled {
  readonly pod: PodView;
  readonly reason: string;
}

/** @returns the pods that could not be told, and why */
export async function settleStates(input: StatesInput): Promise<readonly Unsettled[]> {
  const { wanted, pods, steps, secret } = input;
  const held = heldStates(secret);
  const during = unionOf(held, wanted);
  if (!sameStates(held, during)) await noteStates(input, during);
  const problems = await Promise.all(
    pods.map(async (pod): Promise<readonly Unsettled[]> => {
      let session: Session | undefined;
      try {
        session = await steps.openSession(pod);
        await holdStates(steps, pod, session, wanted, held);
        return [];
      } catch (error) {
        return [{ pod, reason: messageOf(error) }];
      } finally {
        await session?.close();
      }
    }),
  );
  const unsettled = problems.flat();
  if (unsettled.length === 0) await noteStates(input, wanted);
  return unsettled;
}

/** One process. */
export async function holdStates(
  steps: Pick<ChangeSteps, 'openSession'>,
  pod: PodView,
  session: Session,
  wanted: HeldStates,
  held: HeldStates,
): Promise<void> {
  const rows = readDatabases(await session.show('DATABASES'));
  await tellStates(steps, pod, session, stateCommands(rows, wanted, held));
}

export async function noteStates(
  notes: Pick<StatesInput, 'pooler' | 'template' | 'writer'>,
  states: HeldStates,
): Promise<void> {
  await annotateConfig(notes, { [ANNOTATION_STATES]: printStates(states) ?? null });
}
