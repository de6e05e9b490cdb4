/**
 * One request and its answer over HTTP, and nothing cleverer: a deadline for the whole, the reader's signal, and every
 * way to fail turned into one of our errors.
 */
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Target } from './connections.ts';
import { describeCall } from './denial.ts';
import { ConnectionError, ProtocolError, RequestTimeout } from './errors.ts';

export interface Sending {
  readonly method: string;
  /** Without the target's base path. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | undefined;
  /** For the whole exchange; for a stream until its first byte. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Throws when this must not be sent any more. */
  readonly permit?: (() => void) | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An answer whose body is still to come. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Ends with an error of ours when the stream does not end in good order. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Reads the rest as text, within the deadline. */
  readonly text: () => Promise<string>;
  /** Ends the deadline: from here on a silence of so long is the end. */
  readonly keepOpen: (idleMs: number) => void;
  /** Closes the connection, unless the answer was read to its end. */
  readonly close: () => void;
}

/** More than any list page or log; what is larger is no answer but an attack on the memory. */
const BODY_LIMIT_BYTES = 256 * 1024 * 1024;

/** @throws KubeError, or the signal's reason */
export async function exchange(target: Target, sending: Sending): Promise<Answer> {
  const answer = await open(target, sending);
  try {
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  } finally {
    answer.close();
  }
}

/** Resolves with the answer's head. The caller must `close` it. @throws KubeError, or the signal's reason */
export async function open(target: Target, sending: Sending): Promise<OpenAnswer> {
  const { method, path, timeoutMs, signal } = sending;
  signal?.throwIfAborted();
  sending.permit?.();
  const outgoing = begin(target, sending);
  let response: IncomingMessage | undefined;
  let ending: unknown;
  const end = (reason: unknown): void => {
    ending ??= reason;
    (response ?? outgoing).destroy();
  };
  const onAbort = (): void => end(signal?.reason);
  const call = method === 'GET' ? undefined : describeCall(method, path);
  const silence = (ms: number): NodeJS.Timeout =>
    setTimeout(() => end(new RequestTimeout(`${method} ${path}: no answer within ${ms / 1000} s`, call)), ms);
  let timer = silence(timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });

  const close = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    if (response?.complete !== true) outgoing.destroy();
  };
  const explain = (cause: unknown): unknown =>
    ending ??
    (cause instanceof ProtocolError
      ? cause
      : new ConnectionError(`${method} ${path}: ${describe(cause)}`, {
          // Bytes count only once there is a connection to put them on.
          unsent: outgoing.socket === null || outgoing.socket.connecting || isRefusal(cause),
          cause,
        }));
  try {
    response = await headOf(outgoing);
  } catch (cause) {
    close();
    throw explain(cause);
  }
  const received = response;
  const chunks = async function* (): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of received as AsyncIterable<Buffer>) {
        timer.refresh();
        yield chunk;
      }
    } catch (cause) {
      throw explain(cause);
    }
    // Destroyed by us, a response may also just end.
    if (ending !== undefined) throw ending;
    if (!received.complete) throw explain(new Error('the answer broke off'));
  };
  return {
    status: received.statusCode ?? 0,
    headers: received.headers,
    chunks: chunks(),
    text: async () => {
      const parts: Buffer[] = [];
      let size = 0;
      try {
        for await (const chunk of received as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > BODY_LIMIT_BYTES)
            throw new ProtocolError(`${method} ${path}: an answer of more than ${BODY_LIMIT_BYTES} bytes`);
          parts.push(chunk);
        }
      } catch (cause) {
        throw explain(cause);
      }
      if (ending !== undefined) throw ending;
      return Buffer.concat(parts).toString('utf8');
    },
    keepOpen: (idleMs) => {
      clearTimeout(timer);
      timer = silence(idleMs);
    },
    close,
  };
}

function begin(target: Target, { method, path, query, headers, payload }: Sending): ClientRequest {
  const outgoing = (target.secure ? httpsRequest : httpRequest)({
    host: target.host,
    port: target.port,
    path: `${target.basePath}${path}${query}`,
    method,
    agent: target.agent,
    headers: { ...target.headers, ...headers },
  });
  outgoing.end(payload);
  return outgoing;
}

function headOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    // Not once: a socket may fail again while it is being destroyed, and that is nobody's news.
    outgoing.on('error', reject);
    outgoing.once('close', () => reject(new Error('the connection was closed')));
  });
}

const isRefusal = (cause: unknown): boolean => {
  const code = codeOf(cause);
  return (
    code === 'ECONNREFUSED' ||
    code === 'ENOTFOUND' ||
    code === 'EAI_AGAIN' ||
    code === 'EHOSTUNREACH' ||
    code === 'ENETUNREACH'
  );
};

const codeOf = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';

/** Node's own messages hold addresses and codes, never what was sent. */
function describe(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = codeOf(cause);
  return message === '' || message.includes(code) ? message || code || 'the connection failed' : `${message} (${code})`;
}
