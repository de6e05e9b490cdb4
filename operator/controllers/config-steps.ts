/** The steps of changes and proofs for one template, with the cluster as it is known now. */
import { keyOf } from '../kube/objects.ts';
import { isStarting } from '../plan/pods.ts';
import type { ChangeSteps } from './change-acts.ts';
import { type ChangeContext, changeSteps } from './change-steps.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { secretOf } from './known-config.ts';
import { podsOf } from './situation.ts';

/** @param context `superseded` is absent where nothing is waited for that the user could want otherwise */
export const stepsOf = (
  deps: Pick<PoolerDependencies, 'caches' | 'clock'>,
  context: Omit<ChangeContext, 'secret' | 'superseded' | 'isStarting' | 'now'> &
    Partial<Pick<ChangeContext, 'superseded'>>,
): ChangeSteps =>
  changeSteps({
    superseded: () => false,
    ...context,
    secret: () => secretOf(deps.caches, context.pooler, context.template),
    isStarting: () => podsOf(deps, keyOf(context.pooler)).some((pod) => isStarting(pod, context.template)),
    now: deps.clock.now,
  });
