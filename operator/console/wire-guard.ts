/**
 * Looks at everything a console sends before the driver does. Whoever answers on a pod's address need not be PgBouncer:
 * an endless or senseless answer must not fill the memory, and nobody gets a password by asking for it.
 */
import { isWellFormed } from './backend-message.ts';

export interface WireLimits {
  /** Bytes and rows of one answer. */
  readonly maxBytes: number;
  readonly maxRows: number;
}

export interface Violation {
  readonly kind: 'garbage' | 'too-much' | 'unsafe-login';
  readonly detail: string;
}

export interface WireGuard {
  /** Takes what arrived. The first violation is final: the connection must be dropped. */
  readonly check: (chunk: Buffer) => Violation | undefined;
  /** A new question was asked: the limits count from here. */
  readonly nextAnswer: () => void;
}

/** A letter and a length, which counts itself. */
const HEADER_BYTES = 5;
const GARBAGE: Violation = { kind: 'garbage', detail: 'what answers is not a PgBouncer console' };

export function createWireGuard({ maxBytes, maxRows }: WireLimits): WireGuard {
  let bytes = 0;
  let rows = 0;
  /** Whether the server has proved that it knows the password itself. */
  let verified = false;
  /** What arrived of a message that is not complete, and how much it takes to go on. */
  let pending: readonly Buffer[] = [];
  let pendingBytes = 0;
  let neededBytes = HEADER_BYTES;

  const checkMessage = (type: string, body: Buffer): Violation | undefined => {
    if (!isWellFormed(type, body)) return GARBAGE;
    if (type === 'D') {
      rows += 1;
      if (rows > maxRows) return { kind: 'too-much', detail: `more than ${maxRows} rows` };
    }
    return type === 'R' ? checkAuthentication(body.readUInt32BE(0)) : undefined;
  };
  const checkAuthentication = (kind: number): Violation | undefined => {
    switch (kind) {
      case 10: // SASL begins
      case 11: // SASL goes on
        return undefined;
      case 12: // SASL is over: the driver checks the signature of the server
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
      if (bytes > maxBytes) return { kind: 'too-much', detail: `more than ${maxBytes} bytes` };
      pending = [...pending, chunk];
      pendingBytes += chunk.length;
      if (pendingBytes < neededBytes) return undefined;

      const data = Buffer.concat(pending);
      let at = 0;
      neededBytes = HEADER_BYTES;
      while (data.length - at >= HEADER_BYTES) {
        const type = String.fromCharCode(data[at] ?? 0);
        const end = at + 1 + data.readUInt32BE(at + 1);
        if (!/[RENSKTDCIZ]/.test(type) || end < at + HEADER_BYTES) return GARBAGE;
        if (end - at > maxBytes) return { kind: 'too-much', detail: `a message of ${end - at} bytes` };
        if (end > data.length) {
          neededBytes = end - at;
          break;
        }
        const violation = checkMessage(type, data.subarray(at + HEADER_BYTES, end));
        if (violation) return violation;
        at = end;
      }
      pending = [data.subarray(at)];
      pendingBytes = data.length - at;
      return undefined;
    },
    nextAnswer: () => {
      bytes = 0;
      rows = 0;
    },
  };
}
