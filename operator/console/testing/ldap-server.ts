/**
 * As much of a directory as a login needs: it answers a simple bind (RFC 4511) with success or invalid credentials. To
 * find out whom the real PgBouncer asks about, and with which name.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

export interface LdapServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

const BIND_REQUEST = 0x60;
const INVALID_CREDENTIALS = 49;

/** @param passwords by distinguished name */
export async function startLdap(passwords: Readonly<Record<string, string>>): Promise<LdapServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (message: Buffer) => {
      // SEQUENCE { messageID, [APPLICATION 0] { version, name, [0] password } }, all shorter than 128 bytes.
      const id = message[4] ?? 0;
      if (message[5] !== BIND_REQUEST) return void socket.end();
      const text = (at: number): string => message.toString('utf8', at + 2, at + 2 + (message[at + 1] ?? 0));
      const name = text(10);
      const password = text(10 + 2 + Buffer.byteLength(name));
      const code = Object.hasOwn(passwords, name) && passwords[name] === password ? 0 : INVALID_CREDENTIALS;
      socket.write(Buffer.from([0x30, 12, 2, 1, id, 0x61, 7, 0x0a, 1, code, 4, 0, 4, 0]));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    port: address.port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
