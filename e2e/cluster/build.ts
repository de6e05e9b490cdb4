// Builds the Go programs of the embedded cluster from their published modules: there is no other download than the Go
// module proxy's. A binary is named by the hash of its sources, so that a change builds anew and nothing else does.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './exists.ts';
import { withLock } from './lock.ts';
import { cacheDirectory, repository } from './paths.ts';
import { step } from './progress.ts';
import { isNotFound, run } from './run.ts';

/** The version that the embedded Kubernetes reports. Its go.mod pins the same. */
export const kubernetesVersion = '1.35.4';

/** The version that Helm reports. Its go.mod pins the same. */
const helmVersion = '4.3.1';

interface Program {
  readonly name: string;
  readonly title: string;
  /** Linker flags beyond `-s -w`. */
  readonly flags: readonly string[];
  /** The main package; default the module's own. */
  readonly main?: string;
}

const [major, minor] = kubernetesVersion.split('.');

const programs = {
  // Without a version the API server calls itself v0.0.0-master, and charts that ask for a kubeVersion are refused.
  kubernetes: {
    name: 'kubernetes',
    title: `building Kubernetes ${kubernetesVersion} (10 minutes the first time on 2 cores)`,
    flags: [
      `-X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`,
      `-X k8s.io/component-base/version.gitMajor=${major}`,
      `-X k8s.io/component-base/version.gitMinor=${minor}`,
      `-X k8s.io/client-go/pkg/version.gitVersion=v${kubernetesVersion}`,
    ],
  },
  coredns: { name: 'coredns', title: 'building CoreDNS (2 minutes the first time)', flags: [] },
  helm: {
    name: 'helm',
    title: `building Helm ${helmVersion} (3 minutes the first time)`,
    flags: [`-X helm.sh/helm/v4/internal/version.version=v${helmVersion}`],
    main: 'helm.sh/helm/v4/cmd/helm',
  },
  pause: { name: 'pause', title: 'building pause', flags: [] },
} satisfies Record<string, Program>;

export type ProgramName = keyof typeof programs;

/** The path of the built program, building it when its sources have changed. */
export async function buildProgram(name: ProgramName): Promise<string> {
  const program: Program = programs[name];
  const sources = join(repository, 'e2e/cluster/binaries', name);
  const output = cacheDirectory('bin', `${name}-${await contentHash(sources, program.flags)}`);
  if (await exists(output)) return output;
  return withLock(cacheDirectory('locks', `build-${name}`), async () => {
    if (!(await exists(output))) await step(program.title, (report) => build(program, sources, output, report));
    return output;
  });
}

async function build(
  program: Program,
  sources: string,
  output: string,
  report: (detail: string) => void,
): Promise<void> {
  await mkdir(cacheDirectory('bin'), { recursive: true });
  const partial = `${output}.partial`;
  const flags = ['-s', '-w', ...program.flags].join(' ');
  await requireGo();
  let compiled = 0;
  // -v: each package is named when it is compiled.
  await run('go', ['build', '-v', '-trimpath', '-ldflags', flags, '-o', partial, program.main ?? '.'], {
    cwd: sources,
    environment: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
    onLine: (line) => {
      if (line.startsWith('go: ')) report(line.slice('go: '.length));
      else report(`${++compiled} packages compiled`);
    },
  });
  // Only now is it there: a killed build leaves nothing that looks finished.
  await rename(partial, output);
}

/** Go from 1.21 on fetches by itself the version that a go.mod asks for. */
async function requireGo(): Promise<void> {
  const remedy = 'The embedded cluster is built from source: install Go 1.26 (https://go.dev/dl) and put it on PATH.';
  const version = await run('go', ['version']).catch((error: unknown) => {
    throw isNotFound(error) ? new Error(`Go is missing. ${remedy}`, { cause: error }) : error;
  });
  const minor = Number(/go1\.(\d+)/.exec(version)?.[1] ?? 0);
  if (minor < 21) throw new Error(`Go is too old (${version}). ${remedy}`);
}

async function contentHash(directory: string, flags: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(flags.join('\n'));
  for (const entry of (await readdir(directory)).sort()) {
    hash.update(`\0${entry}\0`).update(await readFile(join(directory, entry)));
  }
  return hash.digest('hex').slice(0, 12);
}
