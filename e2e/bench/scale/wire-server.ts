/**
 * The server's side of PostgreSQL's protocol, as far as a console needs it: SCRAM logins and simple queries. Cheap, so
 * that thousands of consoles live in one process; what they answer is decided elsewhere.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { answer, READY, REQUEST_TLS } from '../../../operator/console/testing/console-server.ts';
import { authentication, message } from '../../../operator/console/testing/wire.ts';
import { scramVerifier } from '../../../operator/pgbouncer/scram-verifier.ts';
import { classifySecret } from '../../../operator/pgbouncer/userlist.ts';

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
    const peer = peerAt(socket.localAddress ?? '');
    if (peer === undefined) socket.destroy();
    else if (peer === 'hang') socket.on('error', () => socket.destroy()).resume();
    else converse(socket, peer);
  });
}

type State =
  | { readonly at: 'startup' }
  | { readonly at: 'scram-first'; readonly user: string }
  | {
      readonly at: 'scram-final';
      readonly keys: Keys;
      readonly nonce: string;
      /** Without the client's proof. */
      readonly exchanged: string;
    }
  | { readonly at: 'ready' };

function converse(socket: Socket, peer: Peer): void {
  let state: State = { at: 'startup' };
  let buffer = Buffer.alloc(0);
  let working = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    if (!working) work().catch(() => socket.destroy());
  });

  async function work(): Promise<void> {
    working = true;
    for (let message = take(); message !== undefined; message = take()) await handle(message.type, message.body);
    working = false;
  }
  function take(): { readonly type: string; readonly body: Buffer } | undefined {
    const head = state.at === 'startup' ? 0 : 1;
    if (buffer.length < head + 4) return undefined;
    const end = head + buffer.readInt32BE(head);
    if (buffer.length < end) return undefined;
    const message = {
      type: head === 0 ? '' : String.fromCharCode(buffer[0] ?? 0),
      body: buffer.subarray(head + 4, end),
    };
    buffer = buffer.subarray(end);
    return message;
  }
  async function handle(type: string, body: Buffer): Promise<void> {
    switch (state.at) {
      case 'startup': {
        if (body.equals(REQUEST_TLS)) {
          socket.write('N');
          return;
        }
        const words = body.subarray(4).toString().split('\0');
        const user = words[words.indexOf('user') + 1] ?? '';
        state = { at: 'scram-first', user };
        socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
        return;
      }
      case 'scram-first': {
        const first = body.subarray(body.indexOf(0) + 5).toString();
        const password = peer.password(state.user);
        if (password === undefined) return refuse('28P01', 'SASL authentication failed');
        const bare = first.slice(first.indexOf('n=', 1));
        const keys = keysOf(password);
        const nonce = /r=([^,]*)/.exec(bare)?.[1] + randomBytes(12).toString('base64');
        const reply = `r=${nonce},s=${keys.salt.toString('base64')},i=${keys.iterations}`;
        state = { at: 'scram-final', keys, nonce, exchanged: `${bare},${reply}` };
        socket.write(authentication(11, reply));
        return;
      }
      case 'scram-final': {
        const final = body.toString();
        const [, unproved = '', proof = ''] = /^(.*),p=(.*)$/.exec(final) ?? [];
        const { keys } = state;
        const signed = `${state.exchanged},${unproved}`;
        const clientKey = xor(Buffer.from(proof, 'base64'), hmac(keys.storedKey, signed));
        const right = timingSafeEqual(createHash('sha256').update(clientKey).digest(), keys.storedKey);
        if (!right || !unproved.includes(`r=${state.nonce}`)) return refuse('28P01', 'SASL authentication failed');
        state = { at: 'ready' };
        socket.write(
          Buffer.concat([
            authentication(12, `v=${hmac(keys.serverKey, signed).toString('base64')}`),
            authentication(0),
            message('S', 'server_version\x001.26.1/bouncer\0'),
            READY,
          ]),
        );
        return;
      }
      case 'ready': {
        if (type !== 'Q') {
          socket.end();
          return;
        }
        socket.write(print(await peer.query(body.subarray(0, -1).toString())));
      }
    }
  }
  function refuse(code: string, reason: string): void {
    socket.end(error('FATAL', code, reason));
  }
}

interface Keys {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const keysKnown = new Map<string, Keys>();

/** As PgBouncer has them: of a verifier what stands in it, of a plain password what it derives with 4096 rounds. */
function keysOf(password: string): Keys {
  const known = keysKnown.get(password);
  if (known !== undefined) return known;
  const verifier = classifySecret(password) === 'scram' ? password : scramVerifier(password, randomBytes(16));
  const [, iterations, salt = '', stored = '', server = ''] = /\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(verifier) ?? [];
  const keys = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(stored, 'base64'),
    serverKey: Buffer.from(server, 'base64'),
  };
  keysKnown.set(password, keys);
  return keys;
}

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(b.map((byte, index) => byte ^ (a[index] ?? 0)));

function print(reply: Reply): Buffer {
  switch (reply.kind) {
    case 'error':
      return Buffer.concat([error('ERROR', reply.code, reply.message), READY]);
    case 'done':
      return Buffer.concat([message('C', `${reply.tag}\0`), READY]);
    case 'rows':
      return answer(Object.keys(reply.rows[0] ?? {}), reply.rows.map(Object.values));
  }
}

const error = (severity: string, code: string, said: string): Buffer =>
  message('E', `S${severity}\0C${code}\0M${said}\0\0`);
