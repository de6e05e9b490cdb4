/** The operator as tests see it: its pods, which of them leads, and how one is killed without a warning. */
import { waitFor } from '../../cluster/processes.ts';
import { processesOf } from './processes.ts';
import { cluster } from './world.ts';

export const SYSTEM = 'poolkeeper-system';

/** Name of the pod that holds the Lease; undefined when nobody does. */
export async function leader(): Promise<string | undefined> {
  const holder = await cluster.kubectl(
    ['-n', SYSTEM, 'get', 'lease', 'poolkeeper', '-o', 'jsonpath={.spec.holderIdentity}'],
  ); // biome-ignore format: one command
  return holder === '' ? undefined : holder;
}

/** Process id, on this machine, of the operator that leads. Waits until one does. */
export async function leaderProcess(): Promise<number> {
  return (await leadingPod()).pid;
}

/** Kills the operator that leads, as the loss of its node would: without a warning, and its pod is gone too. */
export async function prepareKill(): Promise<() => Promise<void>> {
  const { pid, name } = await leadingPod();
  return async () => {
    process.kill(pid, 'SIGKILL');
    // A container that dies again and again is restarted later and later; a new pod starts at once.
    await cluster.kubectl(['-n', SYSTEM, 'delete', 'pod', name, '--force', '--grace-period=0', '--wait=false']);
  };
}

async function leadingPod(): Promise<{ readonly name: string; readonly pid: number }> {
  let found: { readonly name: string; readonly pid: number } | undefined;
  await waitFor(
    'an operator that leads and runs',
    async () => {
      const name = await leader();
      if (name === undefined) return false;
      const uid = ['-n', SYSTEM, 'get', 'pod', name, '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}'];
      const processes = await processesOf((await cluster.kubectl(uid)) || 'none');
      const own = processes.find(({ command }) => command.includes('/app/operator.js'));
      found = own && { name, pid: own.pid };
      return found !== undefined;
    },
    { timeoutMs: 90_000 },
  );
  if (found === undefined) throw new Error('no operator leads');
  return found;
}

/** Changes how many operators there are, and waits until all of them are ready. */
export async function scaleOperator(replicas: number): Promise<void> {
  await cluster.kubectl(['-n', SYSTEM, 'scale', 'deployment/poolkeeper', `--replicas=${replicas}`]);
  await operatorsReady();
}

export async function operatorsReady(): Promise<void> {
  await cluster.kubectl(['-n', SYSTEM, 'rollout', 'status', 'deployment/poolkeeper', '--timeout=120s']);
}
