/**
 * Holds the pods on the revision that the pointer names, while the desired one cannot be had: an operator that died in
 * the middle of a change may have left some on a candidate, and pods that start meanwhile want to be proved too.
 */
import { ANNOTATION_PROVED, ANNOTATION_VERSION, configSecretName } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { get } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { sameStates, withoutLeaving } from '../pgbouncer/database-states.ts';
import { parseVersion } from '../pgbouncer/version.ts';
import { handedOut, livePods, type PodView } from '../plan/pods.ts';
import { provableIn } from '../plan/stored-revision.ts';
import type { ChildWriter } from './children.ts';
import { type ConfigOutcome, retryLater } from './config-outcome.ts';
import { stepsOf } from './config-steps.ts';
import { POINTER_LOST, rememberProofs } from './converge-config.ts';
import { liveTemplateOf } from './converge-deployment.ts';
import { heldStates } from './database-states.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { pointerOf, secretOf } from './known-config.ts';
import { restorePointer } from './lost-pointer.ts';
import type { Memory } from './memory.ts';
import { provePatiently, SILENT_BEFORE } from './patiently.ts';
import { provePods } from './prove-pods.ts';
import { putToRest } from './put-to-rest.ts';
import { retainedIn } from './retained-note.ts';
import { filesIn, type SecretObject } from './secret-object.ts';
import { settlePatiently } from './settle-states.ts';

const LOGINS_LOST = "the Secret with the operator's logins is gone";

export async function keepProved(
  deps: PoolerDependencies,
  pooler: ConnectionPooler,
  key: string,
  memory: Memory,
  pods: readonly PodView[],
  writer: ChildWriter,
): Promise<ConfigOutcome> {
  const deployment = deps.caches.deployments.get(key);
  const template = liveTemplateOf(deployment);
  const version = parseVersion(deployment?.metadata.annotations?.[ANNOTATION_VERSION] ?? '');
  const cached = template === undefined ? undefined : secretOf(deps.caches, pooler, template);
  if (template === undefined || version === undefined || cached === undefined) return { kind: 'idle' };
  memory.draining = undefined;
  const pointer = pointerOf(deps.caches, pooler, template);
  const live = livePods(pods, template);
  const unproved = live.filter((pod) => pointer === undefined || memory.proofs.get(pod.process)?.revision !== pointer);
  const held = heldStates(cached);
  // What was to be removed is not: those who wait for it go on.
  const wanted = withoutLeaving(held);
  // Those that are not there yet are handed it by what brings them there.
  const astray = handedOut(live.filter((pod) => !unproved.includes(pod)));
  const isKept = unproved.length === 0 && sameStates(held, wanted);
  if (isKept && astray.length === 0) return { kind: 'idle' };

  const credentials = await deps.credentials.peek(pooler);
  if (credentials === undefined) return retryLater(memory, LOGINS_LOST);
  const steps = stepsOf(deps, { pooler, template, credentials, writer });
  if (pointer === undefined) {
    const lost = { pooler, template, version, credentials, writer, memory, steps, secret: cached, live };
    return (await restorePointer(deps, lost)) === 'silent' ? retryLater(memory, POINTER_LOST) : { kind: 'idle' };
  }
  // Else a RELOAD by hand would bring them what nobody proved.
  const resting = await putToRest(deps, astray, memory, steps);
  const idle: ConfigOutcome = resting === undefined ? { kind: 'idle' } : { kind: 'waiting', retryMs: resting };
  if (isKept) return idle;
  const { namespace = 'default', name } = pooler.metadata;
  const secret = await get<SecretObject>(deps.client, SECRETS, namespace, configSecretName(name, template));
  const config = provableIn(filesIn(secret), pointer, version, credentials.revisionKey);
  if (config === undefined) return retryLater(memory, `the files of revision ${pointer} are not what they were`);
  const states = { pooler, template, secret: cached, writer, memory, pods: live, wanted, steps };
  const unsettled = await settlePatiently(deps, states);
  if (unsettled !== undefined) return retryLater(memory, unsettled);
  if (unproved.length === 0) return idle;
  const provedBefore = cached.metadata.annotations?.[ANNOTATION_PROVED] === pointer;
  const circumstances = { wanted, held: wanted, provedBefore };
  const attempts = await provePatiently(deps, pooler, () => provePods(steps, config, version, unproved, circumstances));
  if (attempts === undefined) return retryLater(memory, memory.retrying ?? SILENT_BEFORE);
  return rememberProofs(memory, pointer, attempts, (pod) => retainedIn(cached, pod));
}
