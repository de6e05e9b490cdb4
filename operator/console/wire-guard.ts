/**
 * Looks at everything a console sends before anybody else does, and hands on what is sound, message by message. Whoever
 * answers on a pod's address need not be PgBouncer: an endless or senseless answer must not fill the memory or keep the
 * processor busy, and nobody gets a password by asking for it.
 */
import { isWellFormed } from './backend-message.ts';

export interface WireLimits {
  /** Bytes and rows of one answer; a login has less. */
  readonly maxBytes: number;
  readonly maxRows: number;
}

export interface Violation {
  readonly kind: 'garbage' | 'too-much' | 'unsafe-login';
  readonly detail: string;
}

export interface WireGuard {
  /** Takes what arrived, and hands on its messages. The first violation is final: the connection must be dropped. */
  readonly check: (chunk: Buffer) => Violation | undefined;
  /** A new question was asked: the limits count from here. */
  readonly nextAnswer: () => void;
}

/** A letter and a length, which counts itself. */
const HEADER_BYTES = 5;
/** A login is a handful of short messages and parameters. */
const LOGIN_BYTES = 64 * 1024;
/** SHOW answers have about thirty. */
const MAX_COLUMNS = 200;
/** The operator renders 4096 at most. All of them are computed at once, and the server chooses how many: these take 2 ms. */
const MAX_ITERATIONS = 10_000;
const GARBAGE: Violation = { kind: 'garbage', detail: 'what answers is not a PgBouncer console' };

/** @param handOn its body is valid until it returns */
export function createWireGuard(
  { maxBytes, maxRows }: WireLimits,
  handOn: (type: string, body: Buffer) => void = () => undefined,
): WireGuard {
  let allowedBytes = Math.min(LOGIN_BYTES, maxBytes);
  let bytes = 0;
  let rows = 0;
  /** Whether the server has proved that it knows the password itself. */
  let verified = false;
  /** What arrived of a message that is not complete, and how much it takes to go on. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let neededBytes = HEADER_BYTES;

  const checkMessage = (type: string, body: Buffer): Violation | undefined => {
    if (!isWellFormed(type, body)) return GARBAGE;
    if (type === 'D') {
      rows += 1;
      if (rows > maxRows) return { kind: 'too-much', detail: `more than ${maxRows} rows` };
    }
    if (type === 'T' && body.readUInt16BE(0) > MAX_COLUMNS) return GARBAGE;
    return type === 'R' ? checkAuthentication(body.readUInt32BE(0), body) : undefined;
  };
  const checkAuthentication = (kind: number, body: Buffer): Violation | undefined => {
    switch (kind) {
      case 10: // SASL begins
        return undefined;
      case 11: {
        // SASL goes on
        const iterations = /(?:^|,)i=(\d+)/.exec(body.toString('latin1', 4))?.[1] ?? '0';
        return Number(iterations) > MAX_ITERATIONS
          ? { kind: 'too-much', detail: `a login of ${iterations.slice(0, 20)} iterations` }
          : undefined;
      }
      case 12: // SASL is over: whoever it is handed on to checks the server's signature
        verified = true;
        return undefined;
      case 0:
        return verified ? undefined : { kind: 'unsafe-login', detail: 'it lets anybody in, without a password' };
      default:
        return {
          kind: 'unsafe-login',
          detail: 'it asks for the password in a form that would give it away; only SCRAM is answered',
        };
    }
  };

  return {
    check: (chunk) => {
      bytes += chunk.length;
      if (bytes > allowedBytes) return { kind: 'too-much', detail: `more than ${allowedBytes} bytes` };
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < neededBytes) return undefined;

      const data = pending.length === 1 ? chunk : Buffer.concat(pending);
      let at = 0;
      neededBytes = HEADER_BYTES;
      while (data.length - at >= HEADER_BYTES) {
        const type = String.fromCharCode(data[at] ?? 0);
        const end = at + 1 + data.readUInt32BE(at + 1);
        if (!/[RENSKTDCIZ]/.test(type) || end < at + HEADER_BYTES) return GARBAGE;
        if (end - at > allowedBytes) return { kind: 'too-much', detail: `a message of ${end - at} bytes` };
        if (end > data.length) {
          neededBytes = end - at;
          break;
        }
        const body = data.subarray(at + HEADER_BYTES, end);
        const violation = checkMessage(type, body);
        if (violation) return violation;
        at = end;
        handOn(type, body);
      }
      pending = [data.subarray(at)];
      pendingBytes = data.length - at;
      return undefined;
    },
    nextAnswer: () => {
      allowedBytes = maxBytes;
      bytes = 0;
      rows = 0;
    },
  };
}
