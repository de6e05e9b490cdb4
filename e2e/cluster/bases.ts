// Debian base images made from Debian's packages alone: what debian:SUITE-slim is to users of a registry.
import { mkdir, rename, rm } from 'node:fs/promises';
import { imageOnce, importRootFilesystem, type LocalImage } from './buildah.ts';
import { cacheDirectory } from './paths.ts';
import { run } from './run.ts';

export type Suite = 'bookworm' | 'trixie' | 'sid';

/** Left out as in the slim images. */
const excluded = ['/usr/share/man/*', '/usr/share/doc/*', '/usr/share/locale/*', '/usr/share/info/*'];

/** The base image of a Debian suite. */
export async function baseImage(suite: Suite): Promise<LocalImage> {
  // The number changes when the recipe does.
  return imageOnce(`localhost/debian:${suite}-2`, `making the Debian ${suite} base image`, async (reference) => {
    const tar = cacheDirectory('tmp', `debian-${suite}.tar`);
    await mkdir(cacheDirectory('tmp'), { recursive: true });
    await run('mmdebstrap', [
      '--variant=minbase',
      '--mode=root',
      ...excluded.map((path) => `--dpkgopt=path-exclude=${path}`),
      // Mirrors of sid that lag behind are still good for a test.
      '--aptopt=Acquire::Check-Valid-Until "false"',
      '--aptopt=Acquire::Languages "none"',
      // Package lists parsed ahead cost 100 MB a layer and save a second.
      '--aptopt=Dir::Cache::pkgcache ""',
      '--aptopt=Dir::Cache::srcpkgcache ""',
      suite,
      `${tar}.partial.tar`,
    ]);
    await rename(`${tar}.partial.tar`, tar);
    await importRootFilesystem(tar, reference);
    await rm(tar);
  });
}
