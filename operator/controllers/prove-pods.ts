/**
 * Proves the pods that nobody proved yet on the revision the pointer names: pods that were just started, pods that a
 * dead operator left in the middle of a change, and all of them after the operator itself was restarted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PROOF_USER } from '../api/names.ts';
import { isLoginRefused } from '../console/errors.ts';
import { type Expectation, expectationOf } from '../console/expectation.ts';
import { prove } from '../console/prove.ts';
import { reloadUntil } from '../console/reload.ts';
import type { Session } from '../console/session.ts';
import { type HeldStates, unionOf } from '../pgbouncer/database-states.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { Provable } from '../plan/config.ts';
import type { PodView } from '../plan/pods.ts';
import { messageOf } from '../runtime/log.ts';
import type { ChangeSteps } from './change-acts.ts';
import { reloadIntervalMs } from './change-member.ts';
import { type ConsoleReading, readConsole } from './console-reading.ts';
import { holdStates } from './database-states.ts';
import { emptyWithin, leavingDatabases, servedBy } from './leaving.ts';

export type PodAttempt =
  | {
      readonly kind: 'proved';
      readonly pod: PodView;
      readonly restartRequired: readonly string[];
      /** Of SHOW CONFIG; undefined when a hand has changed something. */
      readonly settings: string | undefined;
      /** Only where it was asked for, and answered. */
      readonly reading: ConsoleReading | undefined;
    }
  /** It answers, and is not what was rendered. */
  | { readonly kind: 'refused'; readonly pod: PodView; readonly reason: string }
  | { readonly kind: 'silent'; readonly pod: PodView; readonly reason: string }
  /** It refuses the operator's login: nothing but a new pod helps. */
  | { readonly kind: 'locked-out'; readonly pod: PodView; readonly reason: string };

const DEADLINE_MS = 5_000;
/** For what is under way in a database that a pod still serves and the others do not any more. */
const LEAVE_MS = 2_000;

/** What a proof must know beside the revision. */
export interface Circumstances {
  /** What the databases shall be held in, and what the operator holds them in so far. */
  readonly wanted: HeldStates;
  readonly held: HeldStates;
  /** Some process was proved on this revision before: one that differs from it was changed by a hand. */
  readonly provedBefore: boolean;
  /** Nobody has looked at these processes yet: what the observer would ask is asked in the same session. */
  readonly look?: boolean;
}

/** A console that was just proved answers within milliseconds. */
const LOOK_MS = 1_000;

/** Proved it is also when it does not answer this: undefined. */
const readSoon = (session: Session, { name }: PodView): Promise<ConsoleReading | undefined> =>
  Promise.race([readConsole(session, name).catch(() => undefined), sleep(LOOK_MS, undefined, { ref: false })]);

export function provePods(
  steps: ChangeSteps,
  config: Provable,
  version: Version,
  pods: readonly PodView[],
  { wanted, held, provedBefore, look = false }: Circumstances = { wanted: {}, held: {}, provedBefore: false },
): Promise<readonly PodAttempt[]> {
  const expectation: Expectation = {
    ...expectationOf(config.ini, {
      revision: config.revision,
      proofLogin: { user: PROOF_USER, password: config.proofPassword },
      version,
      served: config.served,
    }),
    states: wanted,
  };
  return Promise.all(
    pods.map(async (pod): Promise<PodAttempt> => {
      let session: Session | undefined;
      try {
        session = await steps.openSession(pod);
        const holds = Object.keys(unionOf(held, wanted)).length > 0;
        if (holds) await holdStates(steps, pod, session, wanted, held);
        let proof = await prove(session, steps.address(pod), expectation, { tolerant: provedBefore });
        if (!proof.proved && proof.item === 'marker') {
          // What this revision lacks goes with it: nothing shall be in the middle of a transaction then.
          // Who cannot say what it serves has worse to tell, which the RELOAD brings out.
          const served = await servedBy([{ session }]).catch(() => []);
          const leaving = await leavingDatabases(steps, served, config.ini, version);
          if (leaving.length > 0) await emptyWithin(steps, { pod, session }, leaving, LEAVE_MS);
          await steps.handOut(pod, 'rest');
          const reloaded = await reloadUntil({
            session,
            revision: config.revision,
            deadlineMs: DEADLINE_MS,
            intervalMs: reloadIntervalMs(expectation),
            giveUp: () => steps.superseded(),
          });
          if (!reloaded.ok)
            return { kind: reloaded.kind === 'half-applied' ? 'refused' : 'silent', pod, reason: reloaded.detail };
          if (holds) await holdStates(steps, pod, session, wanted, held);
          proof = await prove(session, steps.address(pod), expectation);
        }
        return proof.proved
          ? {
              kind: 'proved',
              pod,
              restartRequired: proof.restartRequired,
              settings: proof.overrides.length > 0 ? undefined : proof.settings,
              reading: look ? await readSoon(session, pod) : undefined,
            }
          : { kind: 'refused', pod, reason: `${proof.item} is not as rendered: ${proof.detail}` };
      } catch (error) {
        const reason = messageOf(error);
        return { kind: isLoginRefused(error) ? 'locked-out' : 'silent', pod, reason };
      } finally {
        await session?.close();
      }
    }),
  );
}
