import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { openSession } from './session.ts';
import { answer, serveConsole } from './testing/console-server.ts';
import { startScriptedServer } from './testing/scripted-server.ts';

const LOGIN = { user: 'poolkeeper', password: 'the-admin-password', tls: 'ask', connectTimeoutMs: 2_000 } as const;

/** What becomes of a session that asks such a server for TLS, and what the server saw. */
async function ask(act: (socket: Socket) => unknown): Promise<{ readonly said: string; readonly received: Buffer }> {
  const server = await startScriptedServer(act);
  try {
    const session = await openSession({ ...server, ...LOGIN });
    const rows = await session.show('VERSION');
    await session.close();
    return { said: JSON.stringify([session.fingerprint ?? null, rows]), received: server.received() };
  } catch (error) {
    return { said: String(error), received: server.received() };
  } finally {
    await server.stop();
  }
}
const answering = (bytes: string) => (socket: Socket) => socket.once('data', () => socket.write(bytes));

describe('asking for TLS', () => {
  it('goes on in plain where there is none', async () => {
    const { said } = await ask((socket) =>
      serveConsole(socket, {
        passwordOf: () => LOGIN.password,
        onCommand: (_command, own) => own.write(answer(['version'], [['PgBouncer 1.26.1']])),
      }),
    );
    assert.equal(said, '[null,[{"version":"PgBouncer 1.26.1"}]]');
  });

  for (const [what, act, fault] of [
    ['says anything else', answering('E'), /not a PgBouncer console/],
    ['says more than it may before the handshake', answering('SR\0\0\0\x08\0\0\0\0'), /not a PgBouncer console/],
    ['says no, and goes on at once', answering('NR\0\0\0\x08\0\0\0\0'), /not a PgBouncer console/],
    ['says yes, and then no TLS', answering('S'), /within 2 s|handshake/],
    ['is silent', () => undefined, /no answer to the login within 2 s/],
    ['hangs up', (socket: Socket) => socket.once('data', () => socket.destroy()), /closed|ECONNRESET/],
  ] as const) {
    it(`ends with an impostor that ${what}, who learns nothing`, async () => {
      const { said, received } = await ask(act);
      assert.match(said, fault);
      assert.ok(!received.includes('poolkeeper'), 'the user was named');
    });
  }

  it('is begun by those only who are told to', async () => {
    const server = await startScriptedServer((socket) =>
      serveConsole(socket, { passwordOf: () => LOGIN.password, onCommand: () => undefined }),
    );
    try {
      await (await openSession({ ...server, ...LOGIN, tls: 'when-required' })).close();
      assert.ok(!server.received().includes(Buffer.from([0x04, 0xd2, 0x16, 0x2f])));
    } finally {
      await server.stop();
    }
  });
});
