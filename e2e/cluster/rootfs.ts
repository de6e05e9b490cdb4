// PgBouncer and PostgreSQL without a cluster: the images' root filesystems unpacked on disk, so that tests can run the
// programs of other Debian releases.
import { chmod, cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalImage, withMountedImage } from './buildah.ts';
import { exists } from './exists.ts';
import { type PgbouncerVersion, pgbouncerImage } from './images.ts';
import { withLock } from './lock.ts';
import { cacheDirectory } from './paths.ts';
import { run } from './run.ts';

/** A program and its first arguments. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** The unpacked root filesystem of images/pgbouncer with this version. For root: `chroot` into it. */
export async function pgbouncerRootfs(version: PgbouncerVersion): Promise<string> {
  return unpacked(`pgbouncer-${version}`, await pgbouncerImage(version));
}

/**
 * How to run that pgbouncer on the host's own files, with the libraries and the loader of its release. The programs lie
 * in a temporary directory that every user can read, so that it also runs as another user than root.
 */
export async function pgbouncerCommand(version: PgbouncerVersion): Promise<Command> {
  const rootfs = await pgbouncerRootfs(version);
  const directory = join(tmpdir(), `poolkeeper-${process.getuid?.() ?? 0}`, rootfs.slice(rootfs.lastIndexOf('/') + 1));
  await withLock(cacheDirectory('locks', 'programs'), async () => {
    if (await exists(directory)) return;
    await mkdir(join(directory, '..'), { recursive: true, mode: 0o755 });
    const partial = await mkdtemp(`${directory}.`);
    await cp(join(rootfs, 'usr/lib/x86_64-linux-gnu'), join(partial, 'lib'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await cp(join(rootfs, 'usr/local/bin/pgbouncer'), join(partial, 'pgbouncer'));
    await chmod(partial, 0o755);
    await rename(partial, directory);
  });
  const library = join(directory, 'lib');
  return {
    command: join(library, 'ld-linux-x86-64.so.2'),
    args: ['--library-path', library, '--argv0', 'pgbouncer', join(directory, 'pgbouncer')],
  };
}

/** The root filesystem of `image` in the cache, unpacked once for each content. */
async function unpacked(name: string, image: LocalImage): Promise<string> {
  const directory = cacheDirectory('rootfs', `${name}-${image.id.replace('sha256:', '').slice(0, 12)}`);
  return withLock(cacheDirectory('locks', `rootfs-${name}`), async () => {
    if (await exists(directory)) return directory;
    await rm(`${directory}.partial`, { recursive: true, force: true });
    await mkdir(`${directory}.partial`, { recursive: true });
    await withMountedImage(image.reference, (root) => run('cp', ['--archive', `${root}/.`, `${directory}.partial`]));
    await rename(`${directory}.partial`, directory);
    return directory;
  });
}
