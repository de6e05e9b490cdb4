/** ConfigSynced: every replica was proved to run what the specification asks for. */
import { deniedCall, isUndecided } from './denied.ts';
import { currentPods, type Finding, provedPods, type Situation } from './situation.ts';
import { stalled } from './stalled.ts';

export function configSynced(situation: Situation): Finding {
  const { desired, pointer, failed, retrying } = situation.config;
  const pods = currentPods(situation);
  const proved = provedPods(situation);
  if (desired === undefined) {
    const runs = pointer === undefined ? 'there is no configuration yet' : `revision ${pointer} keeps running`;
    return { status: 'False', reason: 'NotRendered', message: [runs, ...whatStandsInTheWay(situation)].join(', see ') };
  }
  if (failed?.revision === desired) {
    return {
      status: 'False',
      reason: 'Refused',
      message: `revision ${desired} was rolled back to ${pointer ?? 'none'}: ${failed.reason}`,
    };
  }
  if (pods.length === 0) {
    const others = situation.pods.some((pod) => !pod.terminating);
    const message = `revision ${desired} waits for the first replica${others ? ' of the new template' : ''}`;
    return { status: situation.wantedReplicas === 0 ? 'True' : 'Unknown', reason: 'NoReplicas', message };
  }
  if (proved.length === pods.length && pointer === desired) {
    return {
      status: 'True',
      reason: 'Proved',
      message: `revision ${desired} was proved on ${pods.length === 1 ? '1 replica' : `all ${pods.length} replicas`}`,
    };
  }
  const [busy] = situation.config.draining;
  if (busy !== undefined) {
    const others = situation.config.draining.length - 1;
    return {
      status: 'False',
      reason: 'EmptyingDatabases',
      message: `revision ${desired} removes database ${busy.database}: ${busy.servers} of its server connections are still in use on ${busy.pod}${others === 0 ? '' : `, and so on in ${others} more places`}; nobody new is let in`,
    };
  }
  const stuck = pods.find((pod) => pod.waiting !== undefined);
  const where = situation.denied !== undefined && isUndecided(situation.denied) ? 'Reconciling' : 'Stalled';
  const denied = situation.denied === undefined ? '' : `; ${deniedCall(situation.denied)}, see ${where}`;
  const state = `revision ${desired} was proved on ${proved.length} of ${pods.length} replicas`;
  return {
    status: 'False',
    reason: 'Applying',
    message: `${state}${retrying === undefined ? '' : `; tried again: ${retrying}`}${denied}${stuck === undefined ? '' : `; ${stuck.name}: ${stuck.waiting}`}`,
  };
}

/** The conditions that say why nothing can be rendered. */
function whatStandsInTheWay(situation: Situation): readonly string[] {
  const { faults, tls } = situation;
  const said = [
    ...(stalled(situation).status === 'True' ? ['Stalled'] : []),
    ...(faults.credentials.length > 0 ? ['CredentialsValid'] : []),
    ...(tls !== undefined && tls.faults.certificates.length > 0 ? ['CertificatesValid'] : []),
  ];
  return said.length === 0 ? [] : [said.join(' and ')];
}
