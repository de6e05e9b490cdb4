/**
 * A real PostgreSQL for tests, of whatever release is installed: on an address and port of its own, without durability,
 * gone when it is stopped. Passwords are SCRAM, and asked of everybody who comes over TCP.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exists } from '../../../e2e/cluster/exists.ts';
import { run } from '../../../e2e/cluster/run.ts';
import { accepts } from './accepts.ts';
import { freePort } from './free-port.ts';

export interface RealPostgres {
  readonly host: string;
  readonly port: number;
  /** Runs SQL as the superuser, over the Unix socket; @returns the rows, fields separated by `|`. */
  sql(text: string, database?: string): Promise<string>;
  /** pgbench's tables in a database, owned by `owner`. */
  pgbenchTables(database: string, owner: string): Promise<void>;
  stop(): Promise<void>;
}

const NOBODY = 65_534;
const START_DEADLINE_MS = 60_000;
const RELEASES = '/usr/lib/postgresql';

/** Where Debian puts the programs of the newest release that is installed. */
export async function postgresPrograms(): Promise<string> {
  const releases = (await exists(RELEASES)) ? await readdir(RELEASES) : [];
  const newest = releases.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error(`there is no PostgreSQL below ${RELEASES}; install the package postgresql`);
  return join(RELEASES, newest, 'bin');
}

/**
 * @param host an address of this machine
 * @param the port, for two that shall have the same one; default: a free one
 */
export async function startPostgres(
  host = '127.0.0.1',
  settings: readonly string[] = [],
  stated?: number,
): Promise<RealPostgres> {
  const programs = await postgresPrograms();
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  await chmod(directory, 0o755);
  if (isRoot) await chown(directory, NOBODY, NOBODY);
  const data = join(directory, 'data');
  const as = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'] : [];
  const program = (name: string, ...args: readonly string[]): Promise<string> => {
    const [command = '', ...rest] = [...as, join(programs, name), ...args];
    return run(command, rest);
  };
  await program('initdb', '--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', data);
  await writeFile(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all all scram-sha-256\n');
  const port = stated ?? (await freePort());
  const options = [
    `listen_addresses=${host}`,
    `port=${port}`,
    `unix_socket_directories=${directory}`,
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
    'max_connections=200',
    'shared_buffers=32MB',
    'password_encryption=scram-sha-256',
    ...settings,
  ];
  const child: ChildProcess = spawn(
    join(programs, 'postgres'),
    ['-D', data, ...options.flatMap((option) => ['-c', option])],
    { ...identity, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
  const kill = (): void => void child.kill('SIGQUIT');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGQUIT');
      await once(child, 'exit');
    }
    await rm(directory, { recursive: true, force: true });
  };
  const sql: RealPostgres['sql'] = (text, database = 'postgres') =>
    program('psql', '-h', directory, '-p', String(port), '-U', 'postgres', '-d', database, '-XAtqc', text);
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await accepts(port, host)) || !(await sql('SELECT 1').then(Boolean, () => false))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`PostgreSQL did not start:\n${Buffer.concat(said)}`);
    }
    await sleep(50);
  }
  return {
    host,
    port,
    sql,
    pgbenchTables: async (database, owner) => {
      await program('pgbench', '-h', directory, '-p', String(port), '-U', 'postgres', '-i', '-q', '-s', '1', database);
      for (const table of ['accounts', 'branches', 'history', 'tellers'])
        await sql(`ALTER TABLE pgbench_${table} OWNER TO ${owner}`, database);
    },
    stop,
  };
}
