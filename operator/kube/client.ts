/**
 * Talks JSON to the API server: over connections that are kept, with a deadline for every request, a bound on how many
 * run at once, and a second try where the server asks for it or it cannot do harm.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiAccess } from './access.ts';
import { createConnections, type Target } from './connections.ts';
import { ConnectionError, isUnauthorized, ProtocolError, RequestTimeout } from './errors.ts';
import { type Answer, exchange, type OpenAnswer, open, type Sending } from './exchange.ts';
import { readLines } from './lines.ts';
import { pauseBeforeRetry } from './retry.ts';
import { statusError } from './status-error.ts';
import { createTurns } from './turns.ts';

export type Query = Readonly<Record<string, string | undefined>>;

export interface CallOptions {
  readonly query?: Query;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Default `application/json`; an answer of another type is given as text. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** For each attempt; default 15 s. */
  readonly timeoutMs?: number;
  /** Goes at once, past the bound on requests, and is tried only once: for the lease. */
  readonly urgent?: boolean;
  /** Called when an attempt takes far longer than is usual, and has given its place on: whoever waits may do so, too. */
  readonly onAside?: () => void;
  /** Asked right before each attempt is sent; what it throws ends the request. */
  readonly permit?: () => void;
}

export interface StreamOptions<T> {
  /** What becomes of a line, of which nothing else is kept. */
  readonly read: (line: string) => T;
  readonly query?: Query;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** A stream that says nothing for so long is taken for dead. */
  readonly idleTimeoutMs: number;
  /** Called when the server has begun to answer. */
  readonly onOpen?: () => void;
}

export interface KubeClient {
  /** JSON in, JSON out (text when the answer is not JSON). @throws KubeError, or the signal's reason */
  request<T>(method: string, path: string, options?: CallOptions): Promise<T>;
  /** The lines of an answer that does not end. @throws KubeError, the signal's reason, or what `read` throws */
  stream<T>(path: string, options: StreamOptions<T>): AsyncIterable<T>;
  close(): void;
}

/** One attempt of one request, for metrics. */
export interface ObservedCall {
  /** GET, POST, …, WATCH. */
  readonly verb: string;
  /** HTTP status, or `<error>` when there was no answer, as Go clients say. */
  readonly code: string;
  readonly seconds: number;
}

export interface ClientOptions {
  readonly userAgent: string;
  readonly observe?: (call: ObservedCall) => void;
  /** Requests at one time: so many that write, and so many that read, streams aside. Default 8. */
  readonly maxInFlight?: number;
}

const TIMEOUT_MS = 15_000;
/** A watch answers at once, or when the server's own cache is ready. */
const STREAM_TIMEOUT_MS = 30_000;
/**
 * A server with time to spare answers within milliseconds, and then this is hundreds of writes a second. One that has none
 * does no more of them when more are asked for: they only wait there, and the renewal of the lease with them.
 */
const MAX_IN_FLIGHT = 8;

export function createKubeClient(access: ApiAccess, options: ClientOptions): KubeClient {
  const connections = createConnections(access);
  const { maxInFlight = MAX_IN_FLIGHT } = options;
  // Apart: a log that comes through a hanging kubelet keeps no write from its turn.
  const [writing, reading] = [createTurns(maxInFlight), createTurns(maxInFlight)];

  /** Counts an attempt, and draws the consequences of its failure for the connections. */
  const watched = async <A extends { readonly status: number }>(
    verb: string,
    attempt: (target: Target) => Promise<A>,
  ): Promise<A> => {
    const started = performance.now();
    let code = '<error>';
    try {
      const answer = await attempt(await connections.target());
      code = String(answer.status);
      return answer;
    } catch (error) {
      // Where one connection is dead without a word, those beside it are too.
      if (error instanceof RequestTimeout) connections.dropIdle();
      if (error instanceof ConnectionError) connections.forgetLogin();
      throw error;
    } finally {
      options.observe?.({ verb, code, seconds: (performance.now() - started) / 1000 });
    }
  };

  const answerTo = async <T>(sending: Sending): Promise<T> => {
    const answer = await watched(sending.method, (target) => exchange(target, sending));
    if (answer.status >= 400) throw statusError({ ...sending, ...answer });
    return decode<T>(answer, sending);
  };

  /** Within the bound. Who pauses before another attempt holds up nobody: the server may refuse one kind, and take others. */
  const attemptInTurn = <T>(sending: Sending, onAside: CallOptions['onAside']): Promise<T> =>
    (sending.method === 'GET' ? reading : writing)(() => answerTo<T>(sending), { signal: sending.signal, onAside });

  const attempts = async <T>(sending: Sending, onAside: CallOptions['onAside']): Promise<T> => {
    let loggedInAnew = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await attemptInTurn<T>(sending, onAside);
      } catch (error) {
        if (isUnauthorized(error) && !loggedInAnew) {
          // Tokens rotate; the one we hold may have ended a moment ago.
          loggedInAnew = true;
          connections.forgetLogin();
          continue;
        }
        const pause = pauseBeforeRetry(error, sending.method, attempt);
        if (pause === undefined) throw error;
        await sleep(pause, undefined, sending.signal ? { signal: sending.signal } : {}).catch(() => undefined);
        sending.signal?.throwIfAborted();
      }
    }
  };

  return {
    request: async <T>(method: string, path: string, call: CallOptions = {}): Promise<T> => {
      const sending = sendingOf(method, path, call, options.userAgent);
      return call.urgent ? answerTo<T>(sending) : attempts<T>(sending, call.onAside);
    },
    stream: async function* <T>(path: string, call: StreamOptions<T>) {
      const { idleTimeoutMs, onOpen, read, ...rest } = call;
      const sending = sendingOf('GET', path, { ...rest, timeoutMs: STREAM_TIMEOUT_MS }, options.userAgent);
      const answer = await watched<OpenAnswer>('WATCH', (target) => open(target, sending));
      try {
        if (answer.status >= 400) {
          if (answer.status === 401) connections.forgetLogin();
          throw statusError({ ...sending, status: answer.status, headers: answer.headers, body: await answer.text() });
        }
        answer.keepOpen(idleTimeoutMs);
        onOpen?.();
        yield* readLines(answer.chunks, read);
      } catch (error) {
        // Silent at last: a new watch over a connection that died with it would be silent once more.
        if (error instanceof RequestTimeout) connections.dropIdle();
        throw error;
      } finally {
        answer.close();
      }
    },
    close: () => connections.close(),
  };
}

function sendingOf(method: string, path: string, call: CallOptions, userAgent: string): Sending {
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  return {
    method,
    path,
    query: queryOf(call.query ?? {}),
    headers: {
      accept: call.accept ?? 'application/json',
      'user-agent': userAgent,
      ...(payload === undefined
        ? {}
        : {
            'content-type': call.contentType ?? 'application/json',
            'content-length': String(Buffer.byteLength(payload)),
          }),
    },
    payload,
    timeoutMs: call.timeoutMs ?? TIMEOUT_MS,
    signal: call.signal,
    permit: call.permit,
  };
}

function queryOf(query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

function decode<T>({ headers, body }: Answer, { method, path }: Sending): T {
  // The API edge: the caller says what the server answers.
  if (!headers['content-type']?.includes('json')) return body as T;
  try {
    return JSON.parse(body) as T;
  } catch (cause) {
    throw new ProtocolError(`${method} ${path}: the answer is no JSON`, { cause });
  }
}
