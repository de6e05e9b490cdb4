/** What pgbouncer says to many files, each by itself, in the time of one: no process of ours is started for each. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pgbouncerCommand } from '../../../e2e/cluster/rootfs.ts';
import { UNPRIVILEGED } from '../../plan/testing/real-files.ts';
import type { RealVersion } from './real-pgbouncer.ts';

const SCRIPT = `n=$1; dir=$2; shift 2; i=0
while [ $i -lt $n ]; do "$@" -u __nouser__ "$dir/$i.ini" 2>&1; printf '\\001'; i=$((i+1)); done`;

/** @returns for each file the lines that complain of what stands in it; none when it is read to its end */
export async function judgeMany(
  version: RealVersion,
  inis: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-judge-'));
  try {
    await chmod(directory, 0o755);
    for (const [index, ini] of inis.entries()) await writeFile(join(directory, `${index}.ini`), ini, { mode: 0o644 });
    const program = await pgbouncerCommand(version);
    const { stdout } = await promisify(execFile)(
      'setpriv',
      [
        ...UNPRIVILEGED,
        ...['sh', '-c', SCRIPT, 'sh', String(inis.length), directory, program.command, ...program.args],
      ],
      { maxBuffer: 64 * 1024 * 1024 },
    );
    return stdout.split('\x01').slice(0, -1).map(complaintsIn);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What a file names may be missing: that is not about the file. */
const complaintsIn = (said: string): readonly string[] =>
  said
    .split('\n')
    .filter((line) =>
      /unknown parameter|invalid value|syntax error|invalid section|unrecognized|cannot parse|failed to parse/.test(
        line,
      ),
    );
