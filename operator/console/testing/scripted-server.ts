/** A TCP server, on loopback if nothing else is said, that answers as a test tells it, for what the real programs never do. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

export interface ScriptedServer {
  readonly host: string;
  readonly port: number;
  /** Everything that clients sent. */
  readonly received: () => Buffer;
  /** Connections that are open now. */
  readonly connections: () => number;
  readonly stop: () => Promise<void>;
}

/** @param answer called for each connection */
export async function startScriptedServer(
  answer: (socket: Socket) => unknown,
  host = '127.0.0.1',
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => received.push(chunk));
    answer(socket);
  }).listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    host,
    port: address.port,
    received: () => Buffer.concat(received),
    connections: () => sockets.size,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
