/**
 * As little of a PostgreSQL server as PgBouncer needs to hold connections to it: everybody is let in, and
 * everything succeeds at once, save `HANG`, which never ends, and `BEGIN`, which leaves a transaction open.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

export interface AcceptingServer {
  /** How many connections have logged in. */
  readonly logins: () => number;
  /** How many it hung up on. */
  readonly refused: () => number;
  readonly close: () => Promise<void>;
}

const message = (type: string, body: Buffer | string = ''): Buffer => {
  const content = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
};
const READY = message('Z', 'I');
const WELCOME = Buffer.concat([
  message('R', Buffer.alloc(4)),
  ...['server_version\0' + '15.0\0', 'client_encoding\0' + 'UTF8\0', 'standard_conforming_strings\0' + 'on\0'].map(
    (text) => message('S', text),
  ),
  message('K', Buffer.alloc(8)),
  READY,
]);
const DONE = Buffer.concat([message('C', 'SELECT 0\0'), READY]);
const BEGUN = Buffer.concat([message('C', 'BEGIN\0'), message('Z', 'T')]);

export async function startAcceptingServer(
  host: string,
  port: number,
  manner: 'accept' | 'hang up' = 'accept',
): Promise<AcceptingServer> {
  let logins = 0;
  let refused = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (manner === 'hang up') {
      refused += 1;
      socket.destroy();
      return;
    }
    let welcomed = false;
    socket.on('data', (data) => {
      if (welcomed) {
        // A query; the end of a connection begins with an X and needs no answer.
        if (data[0] !== 0x51) return;
        const query = data.toString('utf8', 5);
        if (!query.startsWith('HANG')) socket.write(query.startsWith('BEGIN') ? BEGUN : DONE);
        return;
      }
      // Eight bytes ask for TLS.
      if (data.length === 8) return void socket.write('N');
      welcomed = true;
      logins += 1;
      socket.write(WELCOME);
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    logins: () => logins,
    refused: () => refused,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
