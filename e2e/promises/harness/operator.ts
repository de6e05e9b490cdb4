/** The operator as tests see it: its pods, which of them leads, and how one is killed without a warning. */
import { waitFor } from '../../cluster/processes.ts';
import { type PodProcess, processesOf } from './processes.ts';
import { cluster } from './world.ts';

export const SYSTEM = 'poolkeeper-system';

/** Name of the pod that holds the Lease; undefined when nobody does. */
export async function leader(): Promise<string | undefined> {
  const holder = await cluster.kubectl(
    ['-n', SYSTEM, 'get', 'lease', 'poolkeeper', '-o', 'jsonpath={.spec.holderIdentity}'],
  ); // biome-ignore format: one command
  return holder === '' ? undefined : holder;
}

/**
 * Process id, on this machine, of the operator that leads: SIGKILL is what a crash or an eviction looks like. Waits
 * until one does: a container that was killed before comes back after a back-off that grows.
 */
export async function leaderProcess(): Promise<number> {
  let process: PodProcess | undefined;
  await waitFor(
    'an operator that leads and runs',
    async () => {
      const pod = await leader();
      const uid = pod && (await cluster.kubectl(['-n', SYSTEM, 'get', 'pod', pod, '-o', UID, '--ignore-not-found']));
      process = uid ? (await processesOf(uid)).find(({ command }) => command.includes('/app/operator.js')) : undefined;
      return process !== undefined;
    },
    { timeoutMs: 90_000 },
  );
  return process?.pid ?? 0;
}

const UID = 'jsonpath={.metadata.uid}';

/** Changes how many operators there are, and waits until all of them are ready. */
export async function scaleOperator(replicas: number): Promise<void> {
  await cluster.kubectl(['-n', SYSTEM, 'scale', 'deployment/poolkeeper', `--replicas=${replicas}`]);
  await operatorsReady();
}

export async function operatorsReady(): Promise<void> {
  await cluster.kubectl(['-n', SYSTEM, 'rollout', 'status', 'deployment/poolkeeper', '--timeout=120s']);
}
