/**
 * Golden files: what came out once, looked over and checked in. `UPDATE_GOLDEN=1 node --test …` writes them anew; the
 * diff of the commit is then what a reviewer reads.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Documents, readDocuments } from '../../cli/documents.ts';
import { type OfflineOptions, type Planned, planOffline } from '../../cli/offline-plan.ts';

const DIRECTORY = fileURLToPath(new URL('../testdata', import.meta.url));
/** What users are given to start from. */
const PUBLISHED = fileURLToPath(new URL('../../../manifests/samples', import.meta.url));

/** A spec, with the Secrets beside it, in a file of its own. */
export interface Sample {
  readonly name: string;
  readonly documents: Documents;
}

export async function goldenSamples(): Promise<readonly Sample[]> {
  const files = await Promise.all(
    [DIRECTORY, PUBLISHED].map(async (directory) =>
      (await readdir(directory)).filter((file) => file.endsWith('.yaml')).map((file) => join(directory, file)),
    ),
  );
  return Promise.all(
    files
      .flat()
      .sort()
      .map(async (file) => ({ name: basename(file, '.yaml'), documents: await readDocuments(file) })),
  );
}

/** As `render --show-secrets` plans it. */
export const planSample = ({ documents }: Sample, options: Partial<OfflineOptions> = {}): Planned =>
  planOffline(documents.poolers[0], {
    namespace: 'default',
    defaultImage: 'registry.example.com/pgbouncer:1.26.1',
    templateMode: 'restricted',
    secrets: documents.secrets,
    showSecrets: true,
    ...options,
  });

/** @throws AssertionError with the lines that differ, and `remedy` */
export async function assertGolden(
  file: string,
  actual: string,
  remedy = 'if that is meant, run again with UPDATE_GOLDEN=1',
): Promise<void> {
  const golden = await readGolden(file);
  if (actual !== golden) assert.fail(`${file} is not what comes out; ${remedy}\n${difference(golden, actual)}`);
}

/** Lines of one that are not in the other: short, and enough to see what happened. */
function difference(golden: string, actual: string): string {
  const [before, after] = [golden, actual].map((text) => new Set(text.split('\n')));
  const lost = [...(before ?? [])].filter((line) => !after?.has(line)).map((line) => `- ${line}`);
  const gained = [...(after ?? [])].filter((line) => !before?.has(line)).map((line) => `+ ${line}`);
  return [...lost, ...gained].join('\n') || 'the same lines, in another order or number';
}

export async function updateGolden(file: string, actual: string): Promise<void> {
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(join(DIRECTORY, file), actual);
}

/** Empty when there is none yet. */
export const readGolden = (file: string): Promise<string> =>
  readFile(join(DIRECTORY, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
