import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PROOF_USER } from '../../../operator/api/names.ts';
import type { PoolerSpec } from '../../../operator/api/types.ts';
import { isLoginRefused } from '../../../operator/console/errors.ts';
import { expectationOf } from '../../../operator/console/expectation.ts';
import { prove } from '../../../operator/console/prove.ts';
import { openSession, type Session } from '../../../operator/console/session.ts';
import { freePort } from '../../../operator/console/testing/free-port.ts';
import { type RealPgbouncer, startPgbouncer, versionOf } from '../../../operator/console/testing/real-pgbouncer.ts';
import { readConfig } from '../../../operator/pgbouncer/show.ts';
import { type Config, planConfig } from '../../../operator/plan/config.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from '../../../operator/plan/main-section.ts';
import { type SimulatedProcess, simulateProcess } from './console.ts';
import { pooler } from './poolers.ts';
import { record } from './recording.ts';
import { serveWire } from './wire-server.ts';

const VERSION = '1.26.1';
const ADMIN = 'admin-password-of-the-test';

function planned(parameters: Readonly<Record<string, string | number>>): Config {
  const wanted = pooler(0).spec;
  const spec: PoolerSpec = {
    suspend: false,
    profile: 'balanced',
    maxClientConnections: 1000,
    ...wanted,
    backends: wanted.backends.map((backend) => ({ ...backend, port: 5432 })),
    parameters,
  };
  const { config, faults } = planConfig({
    name: 'pooler',
    spec,
    namespace: 'test',
    version: versionOf(VERSION),
    holders: 4,
    passwords: { admin: ADMIN, stats: 'stats-password-of-the-test' },
    revisionKey: 'key',
    lookup: () => ({ found: true, value: 'secret' }),
  });
  assert.ok(config, JSON.stringify(faults));
  return config;
}

describe('a simulated console', () => {
  let real: RealPgbouncer;
  let simulated: SimulatedProcess;
  let server: Server;
  let ports: { readonly real: number; readonly simulated: number };
  let config = planned({ server_idle_timeout: 111 });
  let missing = false;

  const relocated = (text: string, directory: string): string =>
    text.replaceAll(CONFIG_DIRECTORY, directory).replaceAll(RUN_DIRECTORY, directory);
  const realFiles = ({ directory, port }: { readonly directory: string; readonly port: number }) => ({
    ...Object.fromEntries(Object.entries(config.files).map(([name, text]) => [name, relocated(text, directory)])),
    'pgbouncer.ini': `%include ${directory}/${config.revision}.ini\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir = ${directory}\n`,
  });

  before(async () => {
    real = await startPgbouncer(VERSION, realFiles);
    simulated = simulateProcess(await record(VERSION), versionOf(VERSION), async () =>
      missing ? undefined : { revision: config.revision, conffile: '/etc/pgbouncer/entry.ini', files: config.files },
    );
    assert.ok(await simulated.load());
    ports = { real: real.port, simulated: await freePort() };
    server = serveWire(() => simulated);
    server.listen(ports.simulated, '127.0.0.1');
    await once(server, 'listening');
  });
  after(async () => {
    server?.close();
    await real?.stop();
  });

  const open = (port: number, user = 'poolkeeper', password = ADMIN): Promise<Session> =>
    openSession({ host: '127.0.0.1', port, user, password });
  const onBoth = async <T>(ask: (session: Session, port: number) => Promise<T>): Promise<readonly [T, T]> => {
    const answers: T[] = [];
    for (const port of [ports.real, ports.simulated]) {
      const session = await open(port);
      answers.push(await ask(session, port));
      await session.close();
    }
    return [answers[0] as T, answers[1] as T];
  };

  for (const word of ['DATABASES', 'USERS', 'POOLS', 'VERSION', 'STATE']) {
    it(`answers SHOW ${word} as a real one does`, async () => {
      const [a, b] = await onBoth((session) => session.show(word));
      // Their own sessions and ports aside.
      const own = (rows: typeof a) =>
        rows.map(({ current_client_connections: _, port, ...row }) => ({
          ...row,
          port: row['name'] === 'pgbouncer' ? undefined : port,
        }));
      assert.deepEqual(own(b), own(a));
    });
  }

  for (const word of ['STATS', 'LISTS']) {
    it(`answers SHOW ${word} with the columns and kinds of a real one`, async () => {
      const [a, b] = await onBoth((session) => session.show(word));
      const shape = (rows: typeof a) => rows.map((row) => [Object.keys(row), row['list'] ?? row['database']]);
      assert.deepEqual(shape(b).slice(0, 1), shape(a).slice(0, 1));
    });
  }

  it('answers SHOW CONFIG as a real one does, places and ports aside', async () => {
    const places = new Set(['conffile', 'listen_port', 'listen_addr', 'unix_socket_dir', 'auth_file', 'auth_hba_file']);
    const own = (rows: Awaited<ReturnType<Session['show']>>) =>
      readConfig(rows)
        .filter(({ key }) => !places.has(key))
        // A real one prints seconds with six digits.
        .map((row) => ({ ...row, value: row.value?.replace(/\.0+$/, '') }));
    const [a, b] = await onBoth((session) => session.show('CONFIG'));
    assert.deepEqual(own(b), own(a));
  });

  it('is proved by what proves a real one, login of the proof user included', async () => {
    const proof = await onBoth((session, port) => {
      const ini = {
        ...config.ini,
        pgbouncer: config.ini.pgbouncer
          .filter(([key]) => !['listen_addr', 'listen_port', 'unix_socket_dir'].includes(key))
          .map(([key, value]) => [key, port === ports.real ? relocated(value, real.directory) : value] as const),
      };
      const proofLogin = { user: PROOF_USER, password: config.proofPassword };
      const expectation = expectationOf(ini, { revision: config.revision, proofLogin, version: versionOf(VERSION) });
      return prove(session, { host: '127.0.0.1', port }, expectation);
    });
    assert.deepEqual(
      proof.map(({ proved }) => proved),
      [true, true],
      JSON.stringify(proof),
    );
  });

  it('refuses a wrong password and an unknown user', async () => {
    for (const port of [ports.real, ports.simulated]) {
      await assert.rejects(open(port, 'poolkeeper', 'wrong'), isLoginRefused);
      await assert.rejects(open(port, 'nobody', ADMIN), isLoginRefused);
    }
  });

  it('takes a new revision at RELOAD, and refuses one whose file is not there', async () => {
    config = planned({ server_idle_timeout: 222 });
    await real.write(realFiles(real));
    const [a, b] = await onBoth(async (session) => {
      const reloaded = await session.reload();
      const idle = (await session.show('CONFIG')).find((row) => row['key'] === 'server_idle_timeout')?.['value'];
      return { reloaded, idle: Number(idle) };
    });
    assert.deepEqual(b, a);
    assert.equal(b.idle, 222);
    missing = true;
    await rm(join(real.directory, `${config.revision}.ini`));
    const [c, d] = await onBoth((session) => session.reload());
    assert.deepEqual([c.ok, d.ok], [false, false]);
  });
});
