/** The samples as users find them, with the one server of a test for those that they name. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { ConnectionPooler } from '../../../operator/api/types.ts';
import type { World } from './world.ts';

const DIRECTORY = join(import.meta.dirname, '../../../manifests/samples');

interface Manifest {
  readonly kind: string;
}
const isManifest = (document: unknown): document is Manifest =>
  typeof document === 'object' && document !== null && 'kind' in document;
const isPooler = (object: Manifest): object is ConnectionPooler => object.kind === 'ConnectionPooler';

export const sampleFiles = (): Promise<readonly string[]> => readdir(DIRECTORY);

/** A sample with the host and the password put in, as its first lines ask for. */
export async function readSample({ password }: World, file: string, host = 'postgres'): Promise<string> {
  return (await readFile(join(DIRECTORY, file), 'utf8'))
    .replaceAll(/change-me(-too)?/g, password)
    .replaceAll('host: postgres.example.com', `host: ${host}`);
}

/** @returns its poolers */
export async function applySample(world: World, file: string, host?: string): Promise<readonly ConnectionPooler[]> {
  const objects = loadAll(await readSample(world, file, host)).filter(isManifest);
  for (const object of objects) await world.apply(object);
  return objects.filter(isPooler);
}
