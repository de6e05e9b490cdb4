/** The pods' network inside an isolated program's own: a bridge, and an address of its own for each pod's process. */
import { run } from '../cluster/run.ts';

/** The machine's own address on it. */
export const HOST_ADDRESS = '10.77.0.1';

/** 10.77.1.0 and up. */
export const podAddress = (index: number): string => `10.77.${1 + (index >> 8)}.${index & 255}`;

export async function openPodNetwork(): Promise<void> {
  await batch([
    'link set lo up',
    'link add pods type bridge',
    `address add ${HOST_ADDRESS}/16 dev pods`,
    'link set pods up',
  ]);
}

/** Gives the network namespace of a process its one device, `eth0`. */
export const attach = (pid: number, index: number): Promise<void> =>
  batch([`link add pod${index} type veth peer name eth0 netns ${pid}`, `link set pod${index} master pods up`]);

const batch = async (commands: readonly string[]): Promise<void> => {
  await run('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` });
};
