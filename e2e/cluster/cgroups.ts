// The control groups that a node's kubelet makes for its pods: all below one of their own, so that they can be found
// and removed whatever happened to the kubelet.
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './exists.ts';

const mountPoint = '/sys/fs/cgroup';

/** Where the hierarchies are mounted: one on cgroup v2, a dozen on v1. */
async function hierarchies(): Promise<readonly string[]> {
  const entries = await readdir(mountPoint, { withFileTypes: true });
  const directories = [
    mountPoint,
    ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(mountPoint, entry.name)),
  ];
  if (await exists(join(mountPoint, 'cgroup.controllers'))) return [mountPoint];
  const mounted = await Promise.all(directories.map((directory) => exists(join(directory, 'cgroup.procs'))));
  return directories.filter((_, index) => mounted[index]);
}

/** Makes the group in every hierarchy, as the kubelet expects of its root. */
export async function createControlGroup(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const group = join(hierarchy, name);
    await mkdir(group, { recursive: true });
    // On v1, a cpuset without processors and memory accepts no process.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (hierarchy.endsWith('/cpuset')) await writeFile(join(group, file), await readFile(join(hierarchy, file)));
    }
    if (hierarchy === mountPoint) {
      // On v2, a group hands down only the controllers that are enabled in it.
      const controllers = (await readFile(join(mountPoint, 'cgroup.controllers'), 'utf8')).trim().split(' ');
      const enable = controllers.map((controller) => `+${controller}`).join(' ');
      for (const directory of [mountPoint, group]) await writeFile(join(directory, 'cgroup.subtree_control'), enable);
    }
  }
}

/** Kills what is left in the group, and removes it. Fine when it is gone. */
export async function removeControlGroup(name: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (const hierarchy of await hierarchies()) {
    const path = join(hierarchy, name);
    while (!(await removeTree(path))) {
      if (performance.now() > deadline) throw new Error(`the control group ${path} still has processes in it`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Whether the tree is gone; false when a process in it has not ended yet. */
async function removeTree(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return true;
  for (const pid of (await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  for (const entry of entries) {
    if (entry.isDirectory() && !(await removeTree(join(path, entry.name)))) return false;
  }
  return rmdir(path).then(
    () => true,
    () => false,
  );
}
