import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { type ConsoleError, isConsoleError } from './errors.ts';
import { openSession, type SessionOptions } from './session.ts';
import { freePort } from './testing/free-port.ts';
import { startScriptedServer } from './testing/scripted-server.ts';
import { authentication, message } from './testing/wire.ts';

const PASSWORD = 'the-admin-password';
const LOGIN = { user: 'poolkeeper', password: PASSWORD, connectTimeoutMs: 20_000 };

const uncaught: unknown[] = [];
process.on('uncaughtExceptionMonitor', (error) => uncaught.push(error));

/** The error of a login; there must be one. */
async function refusal(options: SessionOptions): Promise<ConsoleError> {
  try {
    await openSession(options);
  } catch (error) {
    if (isConsoleError(error)) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: 'the login succeeded' });
}

/** A test that meets a server which answers like this, and drops it with this error. */
function drops(
  answer: (socket: Socket) => unknown,
  name: ConsoleError['name'],
  pattern: RegExp,
  {
    connectTimeoutMs = 20_000,
    sees,
  }: { readonly connectTimeoutMs?: number; readonly sees?: (received: Buffer) => void } = {},
): () => Promise<void> {
  return async () => {
    const server = await startScriptedServer(answer);
    try {
      const error = await refusal({ ...server, ...LOGIN, connectTimeoutMs });
      assert.equal(error.name, name, error.message);
      assert.match(error.message, pattern);
      assert.ok(error.message.startsWith(`127.0.0.1:${server.port}: `), error.message);
      sees?.(server.received());
    } finally {
      await server.stop();
    }
  };
}

const errorMessage = (severity: string, code: string, text: string): Buffer =>
  message('E', `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`);

describe('logging in where no console is', () => {
  it('says that nobody listens', async () => {
    const error = await refusal({ host: '127.0.0.1', port: await freePort(), ...LOGIN });
    assert.equal(error.name, 'ConsoleUnreachableError');
    assert.match(error.message, /ECONNREFUSED/);
  });

  it(
    'gives up on a server that is silent, at its deadline',
    drops(() => undefined, 'ConsoleUnreachableError', /no answer to the login within 0.3 s/, { connectTimeoutMs: 300 }),
  );

  it(
    'gives up on a server that dribbles, at its deadline',
    drops(
      (socket) => {
        const timer = setInterval(() => socket.write(message('N', 'Mx\0\0')), 20);
        socket.on('close', () => clearInterval(timer));
      },
      'ConsoleUnreachableError',
      /no answer to the login/,
      { connectTimeoutMs: 300 },
    ),
  );

  it(
    'says so when the connection is closed in its face',
    drops((socket) => socket.end(), 'ConsoleUnreachableError', /terminated|closed/),
  );

  it(
    'says so when the connection is reset',
    drops((socket) => socket.resetAndDestroy(), 'ConsoleUnreachableError', /ECONNRESET|terminated/),
  );

  it(
    'drops a server that speaks another protocol',
    drops(
      (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
      'ConsoleProtocolError',
      /not a PgBouncer console/,
    ),
  );

  it(
    'drops a server that sends without end',
    drops(
      (socket) => {
        const flood = (): void => {
          while (socket.writable && socket.write(message('N', `M${'x'.repeat(60_000)}\0\0`)));
        };
        socket.on('drain', flood);
        flood();
      },
      'ConsoleProtocolError',
      /more than 65536 bytes/,
    ),
  );

  it(
    'drops a server whose messages would make the driver stumble',
    drops(
      // A well-formed frame around a list of parameters that never ends.
      (socket) =>
        socket.write(Buffer.concat([message('S', 'no end'), message('D', Buffer.from([127, 255, 0, 0, 0, 9]))])),
      'ConsoleProtocolError',
      /not a PgBouncer console/,
    ),
  );

  it(
    'takes an error in the login for a refusal, and repeats it',
    drops(
      (socket) => socket.write(errorMessage('FATAL', '28P01', 'SASL authentication failed')),
      'LoginRefusedError',
      /login refused: SASL authentication failed/,
    ),
  );

  it(
    'does not hold it against the user that a process is on its way out',
    drops(
      (socket) => socket.write(errorMessage('FATAL', '08P01', 'pooler is shutting down')),
      'ConsoleUnreachableError',
      /shutting down/,
    ),
  );

  it('can be aborted, before and while it connects', async () => {
    const server = await startScriptedServer(() => undefined);
    after(() => server.stop());
    const controller = new AbortController();
    const login = refusal({ ...server, ...LOGIN, connectTimeoutMs: 60_000, signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    for (const error of [await login, await refusal({ ...server, ...LOGIN, signal: controller.signal })]) {
      assert.equal(error.name, 'ConsoleUnreachableError');
      assert.equal(error.cause, controller.signal.reason);
    }
  });
});

describe('logging in where somebody wants the password', () => {
  for (const [what, kind, data] of [
    ['in clear', 3, ''],
    ['as an md5 hash', 5, 'salt'],
  ] as const) {
    it(
      `does not send it ${what}`,
      drops((socket) => socket.write(authentication(kind, data)), 'LoginRefusedError', /only SCRAM is answered/, {
        sees: (received) => assert.ok(!received.includes(PASSWORD)),
      }),
    );
  }

  it(
    'does not believe a server that lets it in without asking',
    drops(
      (socket) => socket.write(Buffer.concat([authentication(0), message('Z', 'I')])),
      'LoginRefusedError',
      /lets anybody in/,
    ),
  );

  it(
    'does not believe a server that only pretends to have proved itself',
    drops(
      (socket) =>
        socket.write(
          Buffer.concat([
            authentication(10, 'SCRAM-SHA-256\0\0'),
            authentication(12, 'v=c2lnbmF0dXJl'),
            authentication(0),
            message('Z', 'I'),
          ]),
        ),
      'ConsoleProtocolError',
      /not a PgBouncer console/,
    ),
  );

  it(
    'does not compute for hours because a server asks for many iterations',
    drops(
      (socket) => {
        socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
        socket.on('data', (chunk) => {
          const nonce = /r=([^,]+)$/.exec(chunk.toString('utf8'))?.[1];
          if (nonce !== undefined) socket.write(authentication(11, `r=${nonce}more,s=c2FsdA==,i=2000000000`));
        });
      },
      'ConsoleProtocolError',
      /iteration/i,
    ),
  );
});

describe('whatever a peer does', () => {
  it('leaves no connection open and no error uncaught', async () => {
    const server = await startScriptedServer((socket) => socket.write(Buffer.from('garbage that is long enough')));
    await refusal({ ...server, ...LOGIN });
    while (server.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.stop();
    assert.deepEqual(uncaught, []);
  });
});
