/** A stand-in for PostgreSQL that speaks TLS only: lets everybody in, answers every query, and notes who came with what. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { authentication, message } from '../../console/testing/wire.ts';
import type { Issued } from '../../plan/testing/issue.ts';

export interface TlsBackend {
  readonly port: number;
  /** Serves another certificate from the next connection on, and ends those that are open. */
  readonly serve: (pair: Issued) => void;
  /** Connections that came as far as TLS, since the start. */
  readonly opened: () => number;
  /** Of the certificate that the last one showed; empty when it showed none. */
  readonly lastClient: () => string;
  readonly stop: () => Promise<void>;
}

const READY = message('Z', 'I');
const WELCOME = Buffer.concat([
  authentication(0),
  message('S', 'server_version\x0018.0\0'),
  message('K', Buffer.alloc(8, 1)),
  READY,
]);
const DONE = Buffer.concat([message('C', 'SELECT 0\0'), READY]);
const QUERY = 'Q'.charCodeAt(0);

export async function startTlsBackend(address: string, first: Issued): Promise<TlsBackend> {
  let pair = first;
  let client = '';
  let opened = 0;
  const sockets = new Set<Socket>();
  const converse = (socket: Socket): void => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      // The packets of a login have no type: their length begins with a zero.
      if (chunk[0] === 0) socket.write(WELCOME);
      else if (chunk.includes(QUERY)) socket.write(DONE);
    });
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write('S');
      const secureContext = createSecureContext({ cert: pair.certificate, key: pair.key });
      const tls = new TLSSocket(socket, {
        isServer: true,
        secureContext,
        requestCert: true,
        rejectUnauthorized: false,
      });
      tls.on('secure', () => {
        opened += 1;
        client = tls.getPeerX509Certificate()?.subject ?? '';
      });
      converse(tls);
    });
  }).listen(0, address);
  await once(server, 'listening');
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('a TCP server has no port');
  const hangUp = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: at.port,
    serve: (other) => {
      pair = other;
      hangUp();
    },
    opened: () => opened,
    lastClient: () => client,
    stop: async () => {
      hangUp();
      server.close();
      await once(server, 'close');
    },
  };
}
