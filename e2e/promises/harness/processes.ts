/**
 * The processes of a pod, as this machine sees them: pods of the embedded node run here. Found by the pod's uid, so
 * that another cluster on the same machine is never meant.
 */
import { readdir, readFile } from 'node:fs/promises';

export interface PodProcess {
  readonly pid: number;
  /** Arguments, separated by spaces. */
  readonly command: string;
}

/** Lowest process id first: the container's own comes before what it started. Without the sandbox's `/pause`. */
export async function processesOf(podUid: string): Promise<readonly PodProcess[]> {
  const found: PodProcess[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const groups = await readFile(`/proc/${entry}/cgroup`, 'utf8').catch(() => '');
    if (!groups.includes(`pod${podUid}`)) continue;
    const command = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
    if (command !== '' && command !== '/pause') found.push({ pid: Number(entry), command });
  }
  return found.sort((a, b) => a.pid - b.pid);
}
