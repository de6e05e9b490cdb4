/** RestartRequired: PgBouncer goes on with something that only a restart ends. */
import type { Finding, Situation } from './situation.ts';

export function restartRequired({ config: { restartRequired: items, restart } }: Situation): Finding {
  if (items.length === 0) return { status: 'False', reason: 'NothingKept', message: 'a restart would change nothing' };
  const kept = items.join(', ');
  if (restart.incurable) {
    return {
      status: 'True',
      reason: 'NotCured',
      message: `the pods were replaced, and PgBouncer still keeps: ${kept}; look at its log, then change the annotation kubectl.kubernetes.io/restartedAt to try again`,
    };
  }
  return restart.mode === 'Automatic'
    ? { status: 'True', reason: 'Restarting', message: `the pods are replaced one at a time, because of: ${kept}` }
    : {
        status: 'True',
        reason: 'WaitsForRestart',
        message: `until the pods are replaced PgBouncer keeps: ${kept}; change the annotation kubectl.kubernetes.io/restartedAt of this object to replace them`,
      };
}
