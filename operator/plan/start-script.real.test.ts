import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pgbouncerCommand } from '../../e2e/cluster/rootfs.ts';
import { PORT } from '../api/names.ts';
import { freePort } from '../console/testing/free-port.ts';
import { REAL_VERSIONS, versionOf } from '../console/testing/real-pgbouncer.ts';
import type { Config } from './config.ts';
import { ENTRY_AT_REST, includeOf } from './revision-files.ts';
import { START_SCRIPT } from './start-script.ts';
import { NOBODY, relocated, UNPRIVILEGED, writeConfig } from './testing/real-files.ts';
import { withoutFaults } from './testing/without-faults.ts';

const START_DEADLINE_MS = 10_000;

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);

  describe(`a container of pgbouncer ${real}`, () => {
    let directory: string;
    let port: number;
    let child: ChildProcess | undefined;

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'poolkeeper-start-'));
      await chmod(directory, 0o755);
      if (process.getuid?.() === 0) await chown(directory, NOBODY, NOBODY);
      port = await freePort();
      const program = await pgbouncerCommand(real);
      const words = [program.command, ...program.args].map((word) => `'${word}'`).join(' ');
      await writeFile(join(directory, 'pgbouncer'), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
      await put('entry.ini', ENTRY_AT_REST);
    });
    afterEach(async () => {
      if (child?.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      child = undefined;
      await rm(directory, { recursive: true, force: true });
    });

    const put = (name: string, text: string): Promise<void> =>
      writeFile(join(directory, name), relocated(text, directory));

    const configOf = (fields: object = {}): Config => {
      const { config } = withoutFaults({ backends: [{ host: 'pg' }], ...fields }, version).plan;
      assert.ok(config);
      return config;
    };

    /** With one line put in place of another, or added, in the file with this ending. */
    async function install(config: Config, change?: { readonly file: string; readonly line: string }): Promise<void> {
      const name = `${config.revision}.${change?.file}`;
      const changed = change === undefined ? {} : { [name]: change.line + config.files[name] };
      const ini = `${config.revision}.ini`;
      const files = { ...config.files, ...changed };
      const onFreePort = (files[ini] ?? '').replace(`listen_port = ${PORT}`, `listen_port = ${port}`);
      await writeConfig(directory, { ...config, files: { ...files, [ini]: onFreePort } });
    }

    function start(): { readonly said: () => string } {
      const args = [...UNPRIVILEGED, '--', 'sh', '-c', relocated(START_SCRIPT, directory)];
      const env = { PATH: `${directory}:${process.env['PATH']}` };
      child = spawn('setpriv', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      const chunks: Buffer[] = [];
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
      return { said: () => Buffer.concat(chunks).toString() };
    }

    /** @returns the file that the first process runs on, once it serves */
    async function served(said: () => string): Promise<string> {
      const deadline = performance.now() + START_DEADLINE_MS;
      const socket = join(directory, `.s.PGSQL.${port}`);
      while (
        await access(socket).then(
          () => false,
          () => true,
        )
      ) {
        if (child?.exitCode !== null || performance.now() > deadline) assert.fail(`it does not serve:\n${said()}`);
        await sleep(20);
      }
      const words = (await readFile(`/proc/${child?.pid}/cmdline`, 'utf8')).split('\0').filter((word) => word !== '');
      assert.ok(words.includes('pgbouncer'), `the first process is ${words.join(' ')}`);
      return (words.at(-1) ?? '').replace(`${directory}/`, '');
    }

    async function refused(said: () => string): Promise<string> {
      assert.ok(child);
      const [code] = await once(child, 'close', { signal: AbortSignal.timeout(START_DEADLINE_MS) });
      assert.equal(code, 1);
      assert.match(said(), /poolkeeper: PgBouncer refuses its configuration/);
      return said();
    }

    it('starts on the entry file when that is at rest, as the first process', async () => {
      await install(configOf());
      const { said } = start();
      assert.equal(await served(said), 'entry.ini');
    });

    it('starts on the proved file when the entry is in the middle of a change', async () => {
      await install(configOf());
      await put('entry.ini', includeOf('deadbeef'));
      const { said } = start();
      assert.equal(await served(said), 'proved.ini');
    });

    it('does not take names for complaints', async () => {
      await install(
        configOf({
          databases: [{ name: 'ERROR' }, { name: 'WARNING' }],
          users: [{ name: 'FATAL', poolMode: 'session', passwordSecretRef: { name: 's', key: 'k' } }],
        }),
        // With it PgBouncer logs what it reads, names and all.
        { file: 'ini', line: '[pgbouncer]\nverbose = 2\n' },
      );
      const { said } = start();
      await served(said);
    });

    const BROKEN = [
      {
        what: 'an entry with a parameter that nobody knows',
        file: 'ini',
        line: "[databases]\napp = host='pg' password='planted-secret' stray='1'\n",
        named: /app/,
      },
      {
        what: 'a setting that nobody knows',
        file: 'ini',
        line: '[pgbouncer]\nstray = planted-secret\n',
        named: /stray/,
      },
      { what: 'a broken line of the userlist', file: 'userlist', line: 'planted-secret\n', named: /auth file/ },
      { what: 'a broken access rule', file: 'hba', line: 'host planted-secret\n', named: /hba/ },
    ];
    for (const { what, file, line, named } of BROKEN) {
      it(`does not start with ${what}, and says so without the secret in it`, async () => {
        await install(configOf(), { file, line });
        const { said } = start();
        const text = await refused(said);
        assert.match(text, named);
        assert.ok(!text.includes('planted-secret'), text);
      });
    }

    it('does not start when the file that is included is not there', async () => {
      await put('proved.ini', includeOf('deadbeef'));
      const { said } = start();
      await refused(said);
    });
  });
}
