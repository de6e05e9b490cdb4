/** A stand-in for PostgreSQL that the pods can reach: lets everybody in, and answers every query with success. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { authentication, message } from '../../operator/console/testing/wire.ts';

const READY = message('Z', 'I');
const WELCOME = Buffer.concat([
  authentication(0),
  message('S', 'server_version\x0018.0\0'),
  message('K', Buffer.alloc(8, 1)),
  READY,
]);
const DONE = Buffer.concat([message('C', 'SELECT 0\0'), READY]);
const TLS_REQUEST = 80_877_103;
const QUERY = 'Q'.charCodeAt(0);

/** @returns its port */
export async function startBackend(address: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      // The packets of a login have no type: their length begins with a zero.
      if (chunk[0] === 0) socket.write(chunk.readUInt32BE(4) === TLS_REQUEST ? 'N' : WELCOME);
      else if (chunk[0] === QUERY) socket.write(DONE);
    });
  }).listen(0, address);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
