// A net under the mount namespaces: a node's mounts go with it, and what is mounted all the same is taken off before
// the state directory is removed, so that a removal never reaches through a mount.
import { readFile } from 'node:fs/promises';
import { run } from './run.ts';

/** Unmounts everything below `directory`, innermost first. */
export async function unmountBelow(directory: string): Promise<void> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  const points = mounts
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point === directory || point.startsWith(`${directory}/`));
  for (const point of points.reverse()) await run('umount', ['--lazy', point]);
}
