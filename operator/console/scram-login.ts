/**
 * The client's side of a login by SCRAM-SHA-256 (RFC 5802, RFC 7677): both sides prove that they know the password, and
 * none says it. Computed here and now: the promises and threads of WebCrypto cost ten times what there is to compute.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { ConsoleProtocolError } from './errors.ts';

export const MECHANISM = 'SCRAM-SHA-256';

export interface ScramLogin {
  /** The client's first message. */
  readonly first: string;
  /** @returns the client's final message; @throws ConsoleProtocolError */
  readonly answer: (serverFirst: string) => string;
  /** @throws ConsoleProtocolError unless the server knows the password, too */
  readonly verify: (serverFinal: string) => void;
}

/** No channel binding, no other identity. */
const HEADER = 'n,,';

/** @param password of printable ASCII, as the operator's own are: nothing else is the same before and after SASLprep */
export function scramLogin(password: string, nonce = randomBytes(18).toString('base64')): ScramLogin {
  // The user is the one of the startup message.
  const bare = `n=*,r=${nonce}`;
  let signature: Buffer | undefined;
  return {
    first: `${HEADER}${bare}`,
    answer: (serverFirst) => {
      const [, both = '', salt = '', iterations = ''] =
        /^r=([!-+\--~]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]*)$/.exec(serverFirst) ?? [];
      if (!both.startsWith(nonce) || both.length === nonce.length)
        throw new ConsoleProtocolError('SASL: what the server says first is no answer to us');
      const secret = saltedPassword(password, salt, Number(iterations));
      const clientKey = hmac(secret, 'Client Key');
      const said = `c=${Buffer.from(HEADER).toString('base64')},r=${both}`;
      const everything = `${bare},${serverFirst},${said}`;
      const proof = hmac(createHash('sha256').update(clientKey).digest(), everything);
      for (let at = 0; at < proof.length; at += 1) proof[at] = (proof[at] ?? 0) ^ (clientKey[at] ?? 0);
      signature = hmac(hmac(secret, 'Server Key'), everything);
      return `${said},p=${proof.toString('base64')}`;
    },
    verify: (serverFinal) => {
      if (signature === undefined || serverFinal !== `v=${signature.toString('base64')}`)
        throw new ConsoleProtocolError("SASL: the server's signature is not that of one who knows the password");
    },
  };
}

/** By everything they are made of: the same few are asked for at every look at a console, and each takes 0.5 ms. */
const salted = new Map<string, Buffer>();
/** A hundred bytes each. */
const SALTED_KEPT = 5_000;

function saltedPassword(password: string, salt: string, iterations: number): Buffer {
  const key = `${iterations},${salt},${password}`;
  const known = salted.get(key);
  if (known !== undefined) return known;
  const fresh = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
  if (salted.size >= SALTED_KEPT) salted.clear();
  // What takes no time need not be kept.
  if (iterations > 1) salted.set(key, fresh);
  return fresh;
}

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
