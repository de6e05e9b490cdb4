/** The operator as tests see it: its pods, which of them leads, and how one is killed without a warning. */
import { processOf } from './processes.ts';
import { cluster } from './world.ts';

export const SYSTEM = 'poolkeeper-system';

/** Name of the pod that holds the Lease; undefined when nobody does. */
export async function leader(): Promise<string | undefined> {
  const holder = await cluster.kubectl(
    ['-n', SYSTEM, 'get', 'lease', 'poolkeeper', '-o', 'jsonpath={.spec.holderIdentity}'],
  ); // biome-ignore format: one command
  return holder === '' ? undefined : holder;
}

/** Process id, on this machine, of the operator that leads: SIGKILL is what a crash or an eviction looks like. */
export async function leaderProcess(): Promise<number> {
  const pod = await leader();
  if (pod === undefined) throw new Error('no operator leads');
  const uid = await cluster.kubectl(['-n', SYSTEM, 'get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}']);
  return (await processOf(uid, '/app/operator.js')).pid;
}

/** Changes how many operators there are, and waits until all of them are ready. */
export async function scaleOperator(replicas: number): Promise<void> {
  await cluster.kubectl(['-n', SYSTEM, 'scale', 'deployment/poolkeeper', `--replicas=${replicas}`]);
  await operatorsReady();
}

export async function operatorsReady(): Promise<void> {
  await cluster.kubectl(['-n', SYSTEM, 'rollout', 'status', 'deployment/poolkeeper', '--timeout=120s']);
}
