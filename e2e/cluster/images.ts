// Every image of the embedded cluster, and what it is made from. The operator's and PgBouncer's come from the very
// Dockerfiles that users build; there is no registry, so only their base images are given.
import { basename, dirname, join } from 'node:path';
import { baseImage, type Suite } from './bases.ts';
import { buildProgram, type ProgramName } from './build.ts';
import { buildImage, type LocalImage } from './buildah.ts';
import { clientPrograms } from './client-programs.ts';
import { sandboxImage } from './node-configuration.ts';
import { cacheDirectory, repository } from './paths.ts';

/** The PgBouncer versions that Debian ships, and where. */
const pgbouncerSuites = { '1.18.0': 'bookworm', '1.24.1': 'trixie', '1.26.1': 'sid' } as const satisfies Record<
  string,
  Suite
>;

export type PgbouncerVersion = keyof typeof pgbouncerSuites;

export const corednsImage = 'localhost/coredns:1';
export const operatorImage = 'ghcr.io/poolkeeper/operator:0.1.0';
export const clientsImage = 'localhost/clients:1';

/** How to make each image, by the reference that pods use. */
const recipes: Readonly<Record<string, () => Promise<LocalImage>>> = {
  [sandboxImage]: () => programImage('pause'),
  [corednsImage]: () => programImage('coredns'),
  [operatorImage]: operator,
  'ghcr.io/poolkeeper/pgbouncer:1.26.1': () => pgbouncerImage('1.26.1'),
  'ghcr.io/poolkeeper/pgbouncer:1.24.1': () => pgbouncerImage('1.24.1'),
  'ghcr.io/poolkeeper/pgbouncer:1.18.0': () => pgbouncerImage('1.18.0'),
  'localhost/postgres:18': () => postgresImage('18'),
  'localhost/postgres:15': () => postgresImage('15'),
  [clientsImage]: clients,
};

/** What pods can run, once loaded into the cluster. */
export const imageReferences: readonly string[] = Object.keys(recipes);

/** Builds the image that pods know as `reference`, when it is not there or its sources have changed. */
export async function makeImage(reference: string): Promise<LocalImage> {
  const recipe = recipes[reference];
  if (recipe === undefined)
    throw new Error(`no recipe for the image ${reference}; there are ${imageReferences.join(', ')}`);
  return recipe();
}

/** images/pgbouncer on the Debian suite that has this version. */
export async function pgbouncerImage(version: PgbouncerVersion): Promise<LocalImage> {
  const base = await baseImage(pgbouncerSuites[version]);
  return buildImage({
    name: 'pgbouncer',
    title: `building images/pgbouncer with PgBouncer ${version}`,
    context: join(repository, 'images/pgbouncer'),
    buildArgs: { BASE_IMAGE: base.reference, PGBOUNCER_VERSION: version },
  });
}

/** PostgreSQL for tests: the newest, and the one of Debian's oldest suite here. */
export async function postgresImage(version: '15' | '18'): Promise<LocalImage> {
  const base = await baseImage(version === '18' ? 'sid' : 'bookworm');
  return buildImage({
    name: 'postgres',
    title: `building the image of PostgreSQL ${version}`,
    context: recipeDirectory('postgres'),
    buildArgs: { BASE_IMAGE: base.reference, POSTGRES_VERSION: version },
  });
}

async function operator(): Promise<LocalImage> {
  const base = await baseImage('trixie');
  const build = await buildImage({
    name: 'node-build',
    title: 'making the image that builds the operator',
    dockerfile: join(recipeDirectory('node-build'), 'Dockerfile'),
    context: join(repository, 'node_modules'),
    inputs: ['.installed-lock.json'],
    buildArgs: { BASE_IMAGE: base.reference },
  });
  const runtime = await nodeRuntime();
  return buildImage({
    name: 'operator',
    title: 'building the operator image',
    context: repository,
    // What .dockerignore lets in.
    inputs: [
      '.dockerignore',
      '.npmrc',
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'tools/build.ts',
      'tools/with-dependencies.sh',
      'operator/**',
    ],
    buildArgs: { NODE_IMAGE: build.reference, RUNTIME_IMAGE: runtime.reference },
  });
}

/** The pinned Node and nothing else. */
async function nodeRuntime(): Promise<LocalImage> {
  const base = await baseImage('trixie');
  return buildImage({
    name: 'node-runtime',
    title: 'making the image that runs the operator',
    dockerfile: join(recipeDirectory('node-runtime'), 'Dockerfile'),
    context: dirname(process.execPath),
    inputs: [],
    buildArgs: { BASE_IMAGE: base.reference, NODE_VERSION: process.versions.node },
  });
}

/** What applications talk to PostgreSQL with; of the suite with the newest of them. */
async function clients(): Promise<LocalImage> {
  const [base, node, context] = await Promise.all([
    baseImage('sid'),
    nodeRuntime(),
    clientPrograms(recipeDirectory('clients')),
  ]);
  return buildImage({
    name: 'clients',
    title: 'building the image of the clients',
    dockerfile: join(recipeDirectory('clients'), 'Dockerfile'),
    context,
    buildArgs: { BASE_IMAGE: base.reference, NODE_IMAGE: node.reference },
  });
}

/** An image of one static program. */
async function programImage(name: ProgramName): Promise<LocalImage> {
  const program = await buildProgram(name);
  return buildImage({
    name,
    title: `making the image of ${name}`,
    dockerfile: join(recipeDirectory(name), 'Dockerfile'),
    context: cacheDirectory('bin'),
    inputs: [], // the program's name holds the hash of its sources
    buildArgs: { PROGRAM: basename(program) },
  });
}

function recipeDirectory(name: string): string {
  return join(repository, 'e2e/cluster/images', name);
}
