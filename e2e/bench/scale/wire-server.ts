/**
 * The server's side of PostgreSQL's protocol, as far as a console needs it: SCRAM logins and simple queries. Cheap, so
 * that thousands of consoles live in one process; what they answer is decided elsewhere.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';

export type Rows = readonly Readonly<Record<string, string | null>>[];

export type Reply =
  | { readonly kind: 'rows'; readonly rows: Rows; readonly tag: string }
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
        const words = body.subarray(4).toString().split('\0');
        const user = words[words.indexOf('user') + 1] ?? '';
        state = { at: 'scram-first', user };
        socket.write(message('R', int32(10), text('SCRAM-SHA-256'), text('')));
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
        socket.write(message('R', int32(11), Buffer.from(reply)));
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
            message('R', int32(12), Buffer.from(`v=${hmac(keys.serverKey, signed).toString('base64')}`)),
            message('R', int32(0)),
            message('S', text('server_version'), text('1.26.1/bouncer')),
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

/** As PgBouncer derives them: from a plain password with 4096 rounds, or as they stand in a verifier. */
function keysOf(password: string): Keys {
  const known = keysKnown.get(password);
  if (known !== undefined) return known;
  const verifier = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(password);
  const keys = verifier === null ? deriveKeys(password) : readVerifier(verifier);
  keysKnown.set(password, keys);
  return keys;
}

const readVerifier = ([, iterations, salt = '', stored = '', server = '']: RegExpExecArray): Keys => ({
  iterations: Number(iterations),
  salt: Buffer.from(salt, 'base64'),
  storedKey: Buffer.from(stored, 'base64'),
  serverKey: Buffer.from(server, 'base64'),
});

function deriveKeys(password: string): Keys {
  const [salt, iterations] = [randomBytes(16), 4096];
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  return { salt, iterations, storedKey, serverKey: hmac(salted, 'Server Key') };
}

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(b.map((byte, index) => byte ^ (a[index] ?? 0)));

function print(reply: Reply): Buffer {
  if (reply.kind === 'error') return Buffer.concat([error('ERROR', reply.code, reply.message), READY]);
  const rows = reply.kind === 'rows' ? [description(reply.rows[0] ?? {}), ...reply.rows.map(dataRow)] : [];
  return Buffer.concat([...rows, message('C', text(reply.tag)), READY]);
}

const description = (row: Rows[number]): Buffer =>
  message(
    'T',
    int16(Object.keys(row).length),
    ...Object.keys(row).map((name) =>
      Buffer.concat([text(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
    ),
  );

const dataRow = (row: Rows[number]): Buffer =>
  message(
    'D',
    int16(Object.keys(row).length),
    ...Object.values(row).map((value) => {
      if (value === null) return int32(-1);
      const bytes = Buffer.from(value);
      return Buffer.concat([int32(bytes.length), bytes]);
    }),
  );

const error = (severity: string, code: string, said: string): Buffer =>
  message('E', text(`S${severity}`), text(`C${code}`), text(`M${said}`), text(''));

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

const READY = message('Z', Buffer.from('I'));
