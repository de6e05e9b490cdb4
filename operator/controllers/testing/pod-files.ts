/**
 * The files of one pod as the kubelet keeps them: a directory of links to `..data`, which is swapped as a whole when the
 * Secret or the annotation behind it changes.
 */
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface PodFiles {
  /** Puts these files in place of the ones that are there, if they differ. */
  swap(files: Readonly<Record<string, string>>): Promise<void>;
}

export function createPodFiles(directory: string): PodFiles {
  let count = 0;
  let current = '';
  const swap = async (files: Readonly<Record<string, string>>): Promise<void> => {
    const content = JSON.stringify(files);
    if (content === current) return;
    current = content;
    const before = `..${count}`;
    count += 1;
    await mkdir(join(directory, `..${count}`), { recursive: true, mode: 0o755 });
    for (const [name, text] of Object.entries(files))
      await writeFile(join(directory, `..${count}`, name), text, { mode: 0o444 });
    await symlink(`..${count}`, join(directory, '..next'));
    await rename(join(directory, '..next'), join(directory, '..data'));
    const linked = new Set((await readdir(directory)).filter((name) => !name.startsWith('..')));
    for (const name of Object.keys(files))
      if (!linked.delete(name)) await symlink(`..data/${name}`, join(directory, name));
    for (const name of linked) await rm(join(directory, name));
    await rm(join(directory, before), { recursive: true, force: true });
  };
  // One at a time: two swaps at once would take each other's names.
  let last: Promise<void> = Promise.resolve();
  return {
    swap: (files) => {
      last = last.then(() => swap(files));
      return last;
    },
  };
}
