import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PgbouncerVersion } from './images.ts';
import { pgbouncerCommand, pgbouncerRootfs } from './rootfs.ts';
import { run } from './run.ts';

const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];

for (const version of ['1.18.0', '1.24.1', '1.26.1'] as const satisfies readonly PgbouncerVersion[]) {
  test(`PgBouncer ${version} runs on the host's files as an unprivileged user`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rootfs-'));
    const file = join(directory, 'pgbouncer.ini');
    await writeFile(file, '[databases]\n[pgbouncer]\nlisten_port = 1\nunknown_setting_of_this_test = 1\n');
    await run('chown', ['--recursive', '65534', directory]);
    const { command, args } = await pgbouncerCommand(version);
    const pgbouncer = (...more: string[]): Promise<string> => run('setpriv', [...nobody, command, ...args, ...more]);
    assert.match(await pgbouncer('--version'), new RegExp(`^PgBouncer ${version.replaceAll('.', '\\.')}$`, 'm'));
    await assert.rejects(pgbouncer(file), /unknown_setting_of_this_test/); // it read the file
    await rm(directory, { recursive: true });
  });

  test(`the image of PgBouncer ${version} has what Poolkeeper asks of an image, and no root`, async () => {
    const root = await pgbouncerRootfs(version);
    const inside = (script: string): Promise<string> =>
      run('chroot', ['--userspec=12345:12345', root, '/bin/sh', '-c', script]);
    for (const program of ['pgbouncer', 'sh', 'sleep', 'pg_isready']) {
      assert.match(await inside(`command -v ${program}`), /^\//, program);
    }
    assert.match(await inside('pg_isready --version'), /^pg_isready \(PostgreSQL\)/);
  });
}
