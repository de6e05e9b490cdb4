// Which images the node has. containerd has no registry to ask, so that what was given to it is noted beside it, by
// content: giving it the same image again costs nothing, and a rebuilt one replaces the old.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type LocalImage, saveImage } from './buildah.ts';
import { withLock } from './lock.ts';
import { ctr } from './node.ts';
import { stateDirectory } from './paths.ts';
import { step } from './progress.ts';

/** Gives `image` to the containerd of the node in `nodeDirectory`, under the name that pods use. */
export async function loadIntoNode(nodeDirectory: string, reference: string, image: LocalImage): Promise<void> {
  const note = stateDirectory('images', createHash('sha256').update(reference).digest('hex').slice(0, 12));
  const has = async (): Promise<boolean> => (await readFile(note, 'utf8').catch(() => '')) === image.id;
  if (await has()) return;
  await mkdir(stateDirectory('images'), { recursive: true });
  await withLock(`${note}.lock`, async () => {
    if (await has()) return;
    await step(`loading ${reference}`, async () => {
      const archive = `${note}.tar`;
      await rm(archive, { force: true });
      await saveImage(image, reference, archive);
      await ctr(nodeDirectory, ['images', 'import', archive]);
      await rm(archive);
      await writeFile(note, image.id);
    });
  });
}
