// The programs of the image `clients`. Its Node.js ones are bundled here, outside of the image: npm and its registry are
// this machine's affair, and of 300 MB of packages 5 MB are used.
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { exists } from './exists.ts';
import { withLock } from './lock.ts';
import { cacheDirectory } from './paths.ts';
import { step } from './progress.ts';
import { run } from './run.ts';

/** The directory to build the image in: `programs/`, made once for each content of `sources`. */
export async function clientPrograms(sources: string): Promise<string> {
  const made = cacheDirectory('client-programs', await contentHash(sources));
  if (await exists(made)) return made;
  return withLock(cacheDirectory('locks', 'client-programs'), async () => {
    if (!(await exists(made))) await step('bundling the programs of the image clients', () => make(sources, made));
    return made;
  });
}

async function make(sources: string, made: string): Promise<void> {
  await mkdir(cacheDirectory('tmp'), { recursive: true });
  const work = await mkdtemp(cacheDirectory('tmp', 'client-programs-'));
  try {
    await cp(sources, work, { recursive: true });
    // No package of these needs its install script; Prisma's would download engines that its client does without.
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: work });
    await run(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], {
      cwd: work,
      // Any file that is there: `generate` asks for the path of the schema engine, and does not start it.
      environment: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
    });
    await build({
      absWorkingDir: work,
      entryPoints: ['node-postgres.ts', 'prisma.ts'],
      outdir: 'out/programs',
      outExtension: { '.js': '.mjs' },
      bundle: true,
      minify: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      legalComments: 'none',
      logLevel: 'error',
      external: ['pg-native'],
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    });
    for (const file of await readdir(sources))
      if (/\.(py|sh)$/.test(file)) await cp(join(sources, file), join(work, 'out/programs', file));
    await mkdir(cacheDirectory('client-programs'), { recursive: true });
    // Only now is it there: a killed build leaves nothing that looks finished.
    await rename(join(work, 'out'), made);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function contentHash(directory: string): Promise<string> {
  const hash = createHash('sha256').update(await readFile(new URL(import.meta.url)));
  for (const entry of (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath, found.name))
    .sort())
    hash.update(`\0${entry.slice(directory.length)}\0`).update(await readFile(entry));
  return hash.digest('hex').slice(0, 12);
}
