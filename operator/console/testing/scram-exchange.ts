/** The server's side of a SCRAM-SHA-256 login (RFC 5802), for servers of tests: what it says, and whether it was convinced. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { scramVerifier } from '../../pgbouncer/scram-verifier.ts';
import { classifySecret } from '../../pgbouncer/userlist.ts';

export interface ScramExchange {
  /** What the client chose. */
  readonly clientNonce: string;
  /** The server's first message. */
  readonly challenge: string;
  /** @returns the server's final message, or undefined when the proof is not that of the password */
  finish(clientFinal: string): string | undefined;
}

/** @param secret a password or a verifier, as a userlist has it @param clientFirst `n,,n=,r=…` */
export function beginScram(secret: string, clientFirst: string): ScramExchange {
  const { salt, iterations, storedKey, serverKey } = keysOf(secret);
  const bare = clientFirst.slice(clientFirst.indexOf('n=', 1));
  const clientNonce = /r=([^,]*)/.exec(bare)?.[1] ?? '';
  const nonce = clientNonce + randomBytes(12).toString('base64');
  const challenge = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
  return {
    clientNonce,
    challenge,
    finish: (clientFinal) => {
      const [, unproved = '', proof = ''] = /^(.*),p=(.*)$/.exec(clientFinal) ?? [];
      const exchanged = `${bare},${challenge},${unproved}`;
      const clientKey = xor(Buffer.from(proof, 'base64'), hmac(storedKey, exchanged));
      const right = timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey);
      if (!right || !unproved.includes(`r=${nonce}`)) return undefined;
      return `v=${hmac(serverKey, exchanged).toString('base64')}`;
    },
  };
}

interface Keys {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Deriving them takes milliseconds, and a thousand consoles live in one process. */
const keysKnown = new Map<string, Keys>();

/** As PgBouncer has them: of a verifier what stands in it, of a plain password what it derives with 4096 rounds. */
function keysOf(secret: string): Keys {
  const known = keysKnown.get(secret);
  if (known !== undefined) return known;
  const verifier = classifySecret(secret) === 'scram' ? secret : scramVerifier(secret, randomBytes(16));
  const [, iterations, salt = '', stored = '', server = ''] = /\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(verifier) ?? [];
  const keys = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(stored, 'base64'),
    serverKey: Buffer.from(server, 'base64'),
  };
  keysKnown.set(secret, keys);
  return keys;
}

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(b.map((byte, index) => byte ^ (a[index] ?? 0)));
