/** What the real programs say to rendered files: many configurations in one go, without serving any of them. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pgbouncerCommand } from '../../../e2e/cluster/rootfs.ts';
import type { Files, Place, RealVersion } from '../../console/testing/real-pgbouncer.ts';
import type { Config } from '../config.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from '../main-section.ts';
import { includeOf, PROVED_FILE } from '../revision-files.ts';

/** PgBouncer refuses to run as root. */
export const NOBODY = 65_534;
/** Arguments of setpriv: not as root, and gone when the test dies. */
export const UNPRIVILEGED: readonly string[] = [
  ...['--pdeathsig', 'SIGKILL'],
  ...(process.getuid?.() === 0 ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []),
];

/** The directories of the container are not there: whatever names them shall name `directory`. */
export const relocated = (text: string, directory: string): string =>
  text.replaceAll(CONFIG_DIRECTORY, directory).replaceAll(RUN_DIRECTORY, directory);

/** The files of a configuration for a process of the test: where it finds them, and an entry file with a port of its own. */
export function filesFor({ directory, port }: Place, { files, revision }: Config): Files {
  const own = `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir = ${directory}\n`;
  return {
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [name, relocated(text, directory)])),
    'pgbouncer.ini': `${relocated(includeOf(revision), directory)}\n${own}`,
  };
}

/** Writes the files of a configuration, and the pointer to it, where every user can read them. */
export async function writeConfig(directory: string, { files, revision }: Config): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, [PROVED_FILE]: includeOf(revision) })) {
    await writeFile(join(directory, name), relocated(text, directory));
  }
}

/**
 * Lets pgbouncer read each configuration to its end; for a user that does not exist it gives up right after.
 * @returns for each what was wrong with it: nothing, or all that was said
 */
export async function objectionsTo(
  version: RealVersion,
  configs: readonly Config[],
): Promise<readonly (string | undefined)[]> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-files-'));
  try {
    await chmod(directory, 0o755);
    for (const [index, config] of configs.entries()) await writeConfig(join(directory, String(index)), config);
    const program = await pgbouncerCommand(version);
    const script = `n=$1; dir=$2; shift 2; i=0
while [ $i -lt $n ]; do "$@" -u __nouser__ "$dir/$i/${PROVED_FILE}" 2>&1; printf '\\001'; i=$((i+1)); done`;
    const { stdout } = await promisify(execFile)(
      'setpriv',
      [
        ...UNPRIVILEGED,
        ...['sh', '-c', script, 'sh', String(configs.length), directory, program.command],
        ...program.args,
      ],
      { maxBuffer: 64 * 1024 * 1024 },
    );
    const answers = stdout.split('\x01').slice(0, -1);
    return answers.map((said) => (isContent(said) ? undefined : said));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const isContent = (said: string): boolean =>
  !/\] (ERROR|WARNING) /.test(said) && /could not find user '__nouser__'/.test(said.trim().split('\n').at(-1) ?? '');
