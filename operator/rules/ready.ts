/** Ready: the summary. The database's health and full pools have conditions of their own and do not lower it. */
import { certificatesValid } from './certificates-valid.ts';
import { configSynced } from './config-synced.ts';
import { credentialsValid } from './credentials-valid.ts';
import { reconciling } from './reconciling.ts';
import { currentPods, type Finding, type Situation } from './situation.ts';
import { stalled } from './stalled.ts';

export function ready(situation: Situation): Finding {
  const isStalled = stalled(situation);
  if (isStalled.status === 'True') return { status: 'False', reason: isStalled.reason, message: isStalled.message };
  const credentials = credentialsValid(situation);
  if (credentials.status !== 'True')
    return { status: 'False', reason: credentials.reason, message: credentials.message };
  const certificates = certificatesValid(situation);
  // What runs out of time still runs; what cannot be used keeps the specification from being carried out.
  if (situation.tls !== undefined && situation.tls.faults.certificates.length > 0)
    return { status: 'False', reason: certificates.reason, message: certificates.message };
  const readyPods = currentPods(situation).filter((pod) => pod.ready).length;
  const progress = reconciling(situation);
  // A pod of the previous template lets clients in, too, on the configuration of before.
  const rollsOut = progress.reason === 'RollingOut';
  if (rollsOut || readyPods < situation.wantedReplicas || currentPods(situation).length !== situation.wantedReplicas) {
    return {
      status: 'False',
      reason: progress.status === 'True' ? progress.reason : 'PodsNotReady',
      message: progress.message,
    };
  }
  const synced = configSynced(situation);
  if (synced.status !== 'True') return { status: 'False', reason: synced.reason, message: synced.message };
  return {
    status: 'True',
    reason: 'Ready',
    message: `${readyPods === 1 ? '1 replica is ready,' : `${readyPods} replicas are ready, all`} proved on revision ${situation.config.desired}`,
  };
}
