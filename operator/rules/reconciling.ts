/** Reconciling: the operator is at work, or waits for something that comes by itself. */
import { quotable } from '../pgbouncer/text.ts';
import { configSynced } from './config-synced.ts';
import { describeDenied } from './denied.ts';
import { currentPods, type Finding, type Situation } from './situation.ts';
import { stalled } from './stalled.ts';

export function reconciling(situation: Situation): Finding {
  const done: Finding = { status: 'False', reason: 'Done', message: 'the cluster is as specified' };
  if (stalled(situation).status === 'True') return { status: 'False', reason: 'Stalled', message: 'see Stalled' };
  if (situation.suspended)
    return { status: 'False', reason: 'Suspended', message: 'spec.suspend is true: nothing is written' };
  // One that says no is in Stalled.
  if (situation.denied !== undefined) return describeDenied(situation.denied);
  if (situation.faults.credentials.length > 0) {
    return { status: 'True', reason: 'WaitingForCredentials', message: 'see CredentialsValid' };
  }
  if (situation.tls !== undefined && situation.tls.faults.certificates.length > 0) {
    return { status: 'True', reason: 'WaitingForCertificates', message: 'see CertificatesValid' };
  }
  const pods = currentPods(situation);
  const ready = pods.filter((pod) => pod.ready).length;
  const stuck = pods.find((pod) => pod.waiting !== undefined && pod.waiting !== 'ContainerCreating');
  const why = stuck === undefined ? '' : `; ${stuck.name}: ${stuck.waiting}`;
  if (situation.podsDenied !== undefined && pods.length < situation.wantedReplicas) {
    return {
      status: 'True',
      reason: 'PodsDenied',
      message: `${ready} of ${situation.wantedReplicas} replicas are ready, and Kubernetes may not make another: ${quotable(situation.podsDenied)}; change that rule, or what it counts or objects to. Kubernetes tries again by itself`,
    };
  }
  const old = situation.pods.filter((pod) => !pod.terminating && pod.template !== situation.template).length;
  if (old > 0)
    return {
      status: 'True',
      reason: 'RollingOut',
      message: `${old === 1 ? '1 pod of the previous template is' : `${old} pods of the previous template are`} still there${why}`,
    };
  if (situation.waitsForShares) {
    return {
      status: 'True',
      reason: 'ShrinkingShares',
      message: 'smaller shares of the budget are proved before pods are added',
    };
  }
  if (pods.length !== situation.wantedReplicas || ready < situation.wantedReplicas) {
    return {
      status: 'True',
      reason: 'PodsNotReady',
      message: `${ready} of ${situation.wantedReplicas} replicas are ready${why}`,
    };
  }
  const synced = configSynced(situation);
  if (synced.status !== 'True') return { status: 'True', reason: 'ApplyingConfig', message: synced.message };
  return done;
}
