/**
 * The server side of a console session, for servers that begin well and then misbehave: login by SCRAM, commands one by
 * one, and answers made of columns and rows.
 */
import type { Socket } from 'node:net';
import { beginScram, type ScramExchange } from './scram-exchange.ts';
import { authentication, message } from './wire.ts';

export const READY = message('Z', 'I');
export const failure = (severity: string, code: string, said: string): Buffer =>
  message('E', `S${severity}\0C${code}\0M${said}\0\0`);
/** What a client says that asks for TLS, without its length. */
const REQUEST_TLS = Buffer.from([0x04, 0xd2, 0x16, 0x2f]);

export interface ConsoleServerOptions {
  /** The password or verifier of a user; undefined: there is no such user. */
  readonly passwordOf: (user: string) => string | undefined;
  /** Called for each command, without its terminator. */
  readonly onCommand: (command: string, socket: Socket) => unknown;
  /** Replaces a step of the login; returns true when it has dealt with it. */
  readonly onStep?: (step: 'startup' | 'first' | 'final', socket: Socket, nonce: string) => boolean;
}

/** Speaks with one client. */
export function serveConsole(socket: Socket, options: ConsoleServerOptions): void {
  const { onStep = () => false } = options;
  let pending = Buffer.alloc(0);
  let started = false;
  let user = '';
  let exchange: ScramExchange | undefined;
  const refuse = (): void => {
    socket.end(failure('FATAL', '28P01', 'SASL authentication failed'));
  };

  const first = (body: Buffer): void => {
    const password = options.passwordOf(user);
    if (password === undefined) {
      refuse();
      return;
    }
    exchange = beginScram(password, body.toString('utf8', body.indexOf(0) + 5));
    if (!onStep('first', socket, exchange.clientNonce)) socket.write(authentication(11, exchange.challenge));
  };
  const final = (scram: ScramExchange, text: string): void => {
    if (onStep('final', socket, '')) return;
    const convinced = scram.finish(text);
    if (convinced === undefined) {
      refuse();
      return;
    }
    socket.write(
      Buffer.concat([
        authentication(12, convinced),
        authentication(0),
        message('S', 'server_version\x001.26.1/bouncer\0'),
        message('K', Buffer.alloc(8, 1)),
        READY,
      ]),
    );
  };

  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const head = started ? 1 : 0;
      if (pending.length < head + 4) return;
      const end = head + pending.readUInt32BE(head);
      if (pending.length < end) return;
      const type = started ? String.fromCharCode(pending[0] ?? 0) : 'startup';
      const body = pending.subarray(head + 4, end);
      pending = pending.subarray(end);
      if (!started && body.equals(REQUEST_TLS)) socket.write('N');
      else if (!started) {
        started = true;
        const words = body.toString('utf8', 4).split('\0');
        user = words[words.indexOf('user') + 1] ?? '';
        if (!onStep('startup', socket, '')) socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
      } else if (type === 'p' && exchange === undefined) first(body);
      else if (type === 'p' && exchange !== undefined) final(exchange, body.toString('utf8'));
      else if (type === 'Q') options.onCommand(body.toString('utf8', 0, body.length - 1), socket);
      else if (type === 'X') socket.end();
    }
  });
}

const count = (value: number, bytes: 2 | 4): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};

/** What names the columns of an answer. */
export const columns = (names: readonly string[]): Buffer =>
  message(
    'T',
    Buffer.concat([
      count(names.length, 2),
      ...names.map((name) => Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(18)])),
    ]),
  );

/** One row; null is NULL. */
export const row = (values: readonly (string | null)[]): Buffer =>
  message(
    'D',
    Buffer.concat([
      count(values.length, 2),
      ...values.map((value) =>
        value === null ? Buffer.alloc(4, 255) : Buffer.concat([count(Buffer.byteLength(value), 4), Buffer.from(value)]),
      ),
    ]),
  );

/** A whole answer. */
export const answer = (names: readonly string[], rows: readonly (readonly (string | null)[])[]): Buffer =>
  Buffer.concat([columns(names), ...rows.map(row), message('C', 'SHOW\0'), READY]);
