/**
 * Proves the pods that nobody proved yet on the revision the pointer names: pods that were just started, pods that a
 * dead operator left in the middle of a change, and all of them after the operator itself was restarted.
 */
import { PROOF_USER } from '../api/names.ts';
import { isLoginRefused } from '../console/errors.ts';
import { expectationOf, prove } from '../console/prove.ts';
import { reloadUntil } from '../console/reload.ts';
import type { Session } from '../console/session.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { Provable } from '../plan/config.ts';
import type { PodView } from '../plan/pods.ts';
import { messageOf } from '../runtime/log.ts';
import type { ChangeSteps } from './change-acts.ts';
import { reloadIntervalMs } from './change-member.ts';

export type PodAttempt =
  | { readonly kind: 'proved'; readonly pod: PodView; readonly restartRequired: readonly string[] }
  /** It answers, and is not what was rendered. */
  | { readonly kind: 'refused'; readonly pod: PodView; readonly reason: string }
  | { readonly kind: 'silent'; readonly pod: PodView; readonly reason: string }
  /** It refuses the operator's login: nothing but a new pod helps. */
  | { readonly kind: 'locked-out'; readonly pod: PodView; readonly reason: string };

const DEADLINE_MS = 5_000;

export function provePods(
  steps: ChangeSteps,
  config: Provable,
  version: Version,
  pods: readonly PodView[],
): Promise<readonly PodAttempt[]> {
  const expectation = expectationOf(config.ini, {
    revision: config.revision,
    proofLogin: { user: PROOF_USER, password: config.proofPassword },
    version,
    served: config.served,
  });
  return Promise.all(
    pods.map(async (pod): Promise<PodAttempt> => {
      let session: Session | undefined;
      try {
        session = await steps.openSession(pod);
        let proof = await prove(session, steps.address(pod), expectation);
        if (!proof.proved && proof.item === 'marker') {
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
          proof = await prove(session, steps.address(pod), expectation);
        }
        return proof.proved
          ? { kind: 'proved', pod, restartRequired: proof.restartRequired }
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
