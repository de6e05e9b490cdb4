/** Thousands of consoles in one process, told apart by the address they are asked at; what they answer is decided elsewhere. */
import { createServer, type Server } from 'node:net';
import { answer, failure, READY, serveConsole } from '../../../operator/console/testing/console-server.ts';
import { message } from '../../../operator/console/testing/wire.ts';

export type Rows = readonly Readonly<Record<string, string | null>>[];

export type Reply =
  | { readonly kind: 'rows'; readonly rows: Rows }
  | { readonly kind: 'done'; readonly tag: string }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** What one simulated process knows. */
export interface Peer {
  /** The password of a user as the loaded userlist has it. */
  password(user: string): string | undefined;
  query(text: string): Promise<Reply>;
}

/** Serves `peerAt(local address of the connection)`; one that hangs takes the connection and says nothing. */
export function serveWire(peerAt: (address: string) => Peer | 'hang' | undefined): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    const peer = peerAt(socket.localAddress ?? '');
    if (peer === undefined) socket.destroy();
    else if (peer === 'hang') socket.resume();
    else
      serveConsole(socket, {
        passwordOf: (user) => peer.password(user),
        onCommand: (command) =>
          peer.query(command).then(
            (reply) => socket.write(print(reply)),
            () => socket.destroy(),
          ),
      });
  });
}

function print(reply: Reply): Buffer {
  switch (reply.kind) {
    case 'error':
      return Buffer.concat([failure('ERROR', reply.code, reply.message), READY]);
    case 'done':
      return Buffer.concat([message('C', `${reply.tag}\0`), READY]);
    case 'rows':
      return answer(Object.keys(reply.rows[0] ?? {}), reply.rows.map(Object.values));
  }
}
