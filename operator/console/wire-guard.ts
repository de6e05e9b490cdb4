/**
 * Looks at everything a console sends before the driver does. Whoever answers on a pod's address need not be PgBouncer:
 * an endless or senseless answer must not fill the memory, and nobody gets a password by asking for it.
 */

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
  /** Takes what arrived; the first violation is final, and the connection must be dropped. */
  readonly check: (chunk: Buffer) => Violation | undefined;
  /** A new question was asked: the limits count from here. */
  readonly nextAnswer: () => void;
}

const HEADER_BYTES = 5;
/** Header and the kind of authentication. */
const AUTH_BYTES = 9;
/** What a console sends: authentication, errors, notices, parameters, keys, rows, and that it is ready. */
const KNOWN_TYPES: ReadonlySet<string> = new Set('RENSKTDCIZ');
const AUTH_OK = 0;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

export function createWireGuard({ maxBytes, maxRows }: WireLimits): WireGuard {
  let bytes = 0;
  let rows = 0;
  let verified = false;
  /** The beginning of the current message, as far as it matters. */
  let head = Buffer.alloc(0);
  /** Bytes of the current message that are still to come and do not matter. */
  let skip = 0;

  const checkHead = (): Violation | undefined => {
    const type = String.fromCharCode(head[0] ?? 0);
    const length = head.readUInt32BE(1);
    if (!KNOWN_TYPES.has(type) || length < 4)
      return { kind: 'garbage', detail: 'what answers is not a PgBouncer console' };
    if (length > maxBytes) return { kind: 'too-much', detail: `a message of ${length} bytes` };
    if (type === 'D') rows += 1;
    return rows > maxRows ? { kind: 'too-much', detail: `more than ${maxRows} rows` } : undefined;
  };
  const checkAuth = (): Violation | undefined => {
    const kind = head.readUInt32BE(HEADER_BYTES);
    if (kind === SASL_FINAL) verified = true;
    if (kind === SASL || kind === SASL_CONTINUE || kind === SASL_FINAL) return undefined;
    if (kind === AUTH_OK)
      return verified ? undefined : { kind: 'unsafe-login', detail: 'it lets anybody in, without a password' };
    return {
      kind: 'unsafe-login',
      detail: 'it asks for the password in a form that would give it away; only SCRAM is answered',
    };
  };

  return {
    check: (chunk) => {
      bytes += chunk.length;
      if (bytes > maxBytes) return { kind: 'too-much', detail: `more than ${maxBytes} bytes` };
      let at = 0;
      while (at < chunk.length) {
        if (skip > 0) {
          const skipped = Math.min(skip, chunk.length - at);
          skip -= skipped;
          at += skipped;
          continue;
        }
        const authentication = head[0] === 0x52 || (head.length === 0 && chunk[at] === 0x52);
        const wanted = (authentication ? AUTH_BYTES : HEADER_BYTES) - head.length;
        const part = chunk.subarray(at, at + wanted);
        head = Buffer.concat([head, part]);
        at += part.length;
        if (part.length < wanted) continue;
        const violation = checkHead() ?? (authentication ? checkAuth() : undefined);
        if (violation) return violation;
        skip = head.readUInt32BE(1) + 1 - head.length;
        if (skip < 0) return { kind: 'garbage', detail: 'what answers is not a PgBouncer console' };
        head = Buffer.alloc(0);
      }
      return undefined;
    },
    nextAnswer: () => {
      bytes = 0;
      rows = 0;
    },
  };
}
