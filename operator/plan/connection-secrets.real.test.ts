import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureInstalled } from '../../e2e/cluster/machine.ts';
import { startScriptedServer } from '../console/testing/scripted-server.ts';
import { authentication, message } from '../console/testing/wire.ts';
import { fc } from '../testing/properties.ts';
import { made, passwords, SPEC } from './testing/connections.ts';

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;

test('every password that PgBouncer takes comes through the uri, a quoted string and the password file as libpq reads them', async () => {
  await ensureInstalled([{ program: 'psql', package: 'postgresql-client' }]);
  let told = '';
  // Asks for the password in the clear, and refuses it.
  const server = await startScriptedServer((socket) => {
    socket.on('data', (chunk) => {
      if (chunk[0] === 'p'.charCodeAt(0)) {
        told = chunk.toString('utf8', 5, chunk.length - 1);
        socket.end(message('E', '\0'));
      } else if ([SSL_REQUEST, GSS_REQUEST].includes(chunk.readInt32BE(4))) socket.write('N');
      else socket.write(authentication(3));
    });
  });
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-pgpass-'));
  const ask = (connection: string): Promise<string> =>
    new Promise((resolve) => {
      told = '';
      const options = { env: { PATH: process.env['PATH'] } };
      execFile('psql', ['--no-psqlrc', '-d', connection, '-c', ''], options, () => resolve(told));
    });
  const here = (text: string): string =>
    text.replaceAll('app.shop.svc', '127.0.0.1').replaceAll('6432', `${server.port}`);
  try {
    const keys = { dsn: 'host={host} port={port} user={user:quoted} password={password:quoted}' };
    const connectionSecrets = [{ ...SPEC.connectionSecrets[0], keys }];
    await fc.assert(
      fc.asyncProperty(passwords, async (password) => {
        const { uri = '', dsn = '', pgpass = '' } = made({ connectionSecrets }, password);
        const file = join(directory, 'pgpass');
        await writeFile(file, here(pgpass), { mode: 0o600 });
        const byFile = `host=127.0.0.1 port=${server.port} user=app dbname=app passfile=${file}`;
        for (const form of [here(uri), here(dsn), byFile]) assert.equal(await ask(form), password, form);
      }),
      { numRuns: 25 },
    );
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
