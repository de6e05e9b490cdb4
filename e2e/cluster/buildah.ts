// Local images in a store of our own (nothing is seen of, or left in, the machine's). An image is named by the hash of
// what it is made of, so that it is built once and again only after a change.
import { createHash } from 'node:crypto';
import { glob, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.ts';
import { ensureInstalled, imageTools, requireRoot } from './machine.ts';
import { cacheDirectory } from './paths.ts';
import { step } from './progress.ts';
import { run } from './run.ts';

/** An image in the store. */
export interface LocalImage {
  /** The name to build on: localhost/NAME:HASH. */
  readonly reference: string;
  /** The image's id (hash of its configuration): changes with its content. */
  readonly id: string;
}

export interface Build {
  /** Repository part of the local name. */
  readonly name: string;
  readonly title: string;
  /** Directory with the files that the Dockerfile copies. */
  readonly context: string;
  /** Default: Dockerfile in the context. */
  readonly dockerfile?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Patterns of the files that decide on the result, relative to the context; default all. The Dockerfile always does. */
  readonly inputs?: readonly string[];
}

/** Builds an image from a Dockerfile, as a user would; only its base images come in as build arguments. */
export async function buildImage(build: Build): Promise<LocalImage> {
  const dockerfile = build.dockerfile ?? join(build.context, 'Dockerfile');
  const hash = await hashOf(build, dockerfile);
  return imageOnce(`localhost/${build.name}:${hash}`, build.title, async (reference) => {
    const args = Object.entries(build.buildArgs).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
    await buildah('bud', '--isolation', 'chroot', '--pull-never', '--file', dockerfile, ...args, '--tag', reference, build.context); // biome-ignore format: one command
  });
}

/** The image called `reference`, made by `make` when the store does not have it. */
export async function imageOnce(
  reference: string,
  title: string,
  make: (reference: string) => Promise<void>,
): Promise<LocalImage> {
  requireRoot('images are built with buildah and chroot; run it with sudo');
  await ensureInstalled(imageTools);
  const present = await imageId(reference);
  if (present !== undefined) return { reference, id: present };
  return withLock(
    cacheDirectory('locks', `image-${createHash('sha256').update(reference).digest('hex').slice(0, 12)}`),
    async () => {
      if ((await imageId(reference)) === undefined) await step(title, () => make(reference));
      const id = await imageId(reference);
      if (id === undefined) throw new Error(`${reference} was built and is not in the store`);
      return { reference, id };
    },
  );
}

/** Imports a root filesystem (a tar file) as an image with one layer. */
export async function importRootFilesystem(tar: string, reference: string): Promise<void> {
  const container = await buildah('from', 'scratch');
  try {
    await buildah('add', '--quiet', container, tar, '/');
    await buildah('commit', '--quiet', container, reference);
  } finally {
    await buildah('rm', container);
  }
}

/** Runs `use` with the path of the image's root filesystem, mounted read-write on a layer that is thrown away. */
export async function withMountedImage<T>(reference: string, use: (root: string) => Promise<T>): Promise<T> {
  const container = await buildah('from', '--pull-never', reference);
  try {
    return await use(await buildah('mount', container));
  } finally {
    await buildah('umount', container);
    await buildah('rm', container);
  }
}

/** Writes the image to a file that `ctr images import` reads, under the name `as`. */
export async function saveImage(image: LocalImage, as: string, file: string): Promise<void> {
  await buildah('push', '--quiet', image.reference, `docker-archive:${file}:${as}`);
}

async function imageId(reference: string): Promise<string | undefined> {
  return buildah('images', '--quiet', '--no-trunc', reference).catch(() => undefined);
}

function buildah(...args: readonly string[]): Promise<string> {
  const [command = '', ...rest] = args;
  const store = [
    '--root',
    cacheDirectory('images'),
    '--runroot',
    cacheDirectory('images-run'),
    '--storage-driver',
    'overlay',
  ];
  return run('buildah', [...store, command, ...rest]);
}

async function hashOf(build: Build, dockerfile: string): Promise<string> {
  const hash = createHash('sha256').update(await readFile(dockerfile));
  for (const [key, value] of Object.entries(build.buildArgs).sort()) hash.update(`\0${key}=${value}`);
  for (const file of await filesOf(build)) hash.update(`\0${file}\0`).update(await readFile(join(build.context, file)));
  return hash.digest('hex').slice(0, 12);
}

async function filesOf(build: Build): Promise<readonly string[]> {
  const files: string[] = [];
  // No image holds tests.
  const found = glob(build.inputs ?? ['**'], { cwd: build.context, exclude: ['**/*.test.ts'] });
  for await (const path of found) {
    if ((await stat(join(build.context, path))).isFile()) files.push(path);
  }
  return files.sort();
}
