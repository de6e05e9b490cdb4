/** A stand-in for PostgreSQL behind a pool: lets everybody in, and answers every query with success and no rows. */
import { type ScriptedServer, startScriptedServer } from './scripted-server.ts';
import { authentication, message } from './wire.ts';

const READY = message('Z', 'I');
const WELCOME = Buffer.concat([
  authentication(0),
  message('S', 'server_version\x0017.0\0'),
  message('K', Buffer.alloc(8, 1)),
  READY,
]);
const QUERY = 'Q'.charCodeAt(0);
const TLS_REQUEST = 80_877_103;

export const startObligingServer = (host?: string): Promise<ScriptedServer> =>
  startScriptedServer((socket) => {
    // The first packet of a login has no type: its length begins with a zero.
    socket.on('data', (chunk) => {
      if (chunk[0] === 0) socket.write(chunk.readUInt32BE(4) === TLS_REQUEST ? 'N' : WELCOME);
      else if (chunk[0] === QUERY) socket.write(Buffer.concat([message('C', 'SET\0'), READY]));
    });
  }, host);
