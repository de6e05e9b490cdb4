/**
 * All conditions, in the order in which `kubectl describe` shows them. One evaluation serves status, `validate` and
 * the tests; the transition times are carried over from what stands in the cluster.
 */
import { cutText } from '../api/fault.ts';
import type { Condition } from '../api/types.ts';
import { visible } from '../api/visible.ts';
import { backendReachable } from './backend-reachable.ts';
import { budgetValid } from './budget-valid.ts';
import { certificatesValid } from './certificates-valid.ts';
import { configSynced } from './config-synced.ts';
import { credentialsValid } from './credentials-valid.ts';
import { imageOutdated } from './image-outdated.ts';
import { poolSaturated } from './pool-saturated.ts';
import { ready } from './ready.ts';
import { reconciling } from './reconciling.ts';
import { restartRequired } from './restart-required.ts';
import { runtimeOverride } from './runtime-override.ts';
import type { Finding, Situation } from './situation.ts';
import { stalled } from './stalled.ts';

/** A rule may look at its own last finding, for hysteresis and for what cannot be seen at the moment. */
export type Rule = (situation: Situation, before: Condition | undefined) => Finding;

export const CONDITION_RULES: readonly (readonly [type: string, rule: Rule])[] = [
  ['Ready', ready],
  ['Reconciling', reconciling],
  ['Stalled', stalled],
  ['ConfigSynced', configSynced],
  ['CredentialsValid', credentialsValid],
  ['BackendReachable', backendReachable],
  ['BudgetValid', budgetValid],
  ['PoolSaturated', poolSaturated],
  ['ImageOutdated', imageOutdated],
  ['CertificatesValid', certificatesValid],
  ['RestartRequired', restartRequired],
  ['RuntimeOverride', runtimeOverride],
];

/** The API server takes 32 KiB; a message longer than this helps nobody. */
const MESSAGE_LIMIT = 1024;

/** @param now RFC 3339, for conditions whose status changes */
export function evaluateConditions(
  situation: Situation,
  before: readonly Condition[],
  now: string,
): readonly Condition[] {
  return CONDITION_RULES.map(([type, rule]) => {
    const last = before.find((condition) => condition.type === type);
    const { status, reason, message: said } = rule(situation, last);
    // It may quote what anybody wrote, and people read it in a terminal.
    const message = visible(said);
    return {
      type,
      status,
      reason,
      message: message.length > MESSAGE_LIMIT ? `${cutText(message, MESSAGE_LIMIT - 1)}…` : message,
      observedGeneration: situation.generation,
      lastTransitionTime: last !== undefined && last.status === status ? last.lastTransitionTime : now,
    };
  });
}
