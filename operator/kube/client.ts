/**
 * Talks JSON to the API server over connections that are kept: the official client opens a new TLS connection for each
 * call. Every request has a deadline; refusals under load (429, 503) are tried again when the server says so.
 */

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiAccess } from './access.ts';
import { ApiError } from './errors.ts';

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Default 15 s. */
  readonly timeoutMs?: number;
}

export interface StreamOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** A stream that says nothing for so long is taken for dead. */
  readonly idleTimeoutMs: number;
}

export interface KubeClient {
  /** JSON in, JSON out (text when the answer is not JSON). @throws ApiError */
  request<T>(method: string, path: string, options?: CallOptions): Promise<T>;
  /** The lines of an answer that does not end. @throws ApiError */
  stream(path: string, options: StreamOptions): AsyncIterable<string>;
  close(): void;
}

export interface ClientOptions {
  readonly userAgent: string;
  readonly observe?: (call: { readonly verb: string; readonly code: string; readonly seconds: number }) => void;
}

const TIMEOUT_MS = 15_000;
const RETRIES = 5;
const RETRY_LIMIT_SECONDS = 10;
const BODY_LIMIT_BYTES = 256 * 1024 * 1024;

export function createKubeClient(access: ApiAccess, options: ClientOptions): KubeClient {
  const base = new URL(access.server);
  let agent: { readonly identity: string; readonly agent: Agent } | undefined;

  /** Credentials are read anew for each call (tokens rotate); the connections are kept until CA or certificate change. */
  const authorised = async (): Promise<RequestOptions> => {
    const tls = await access.requestOptions();
    const identity = [tls.ca, tls.cert, tls.key].map(String).join('|');
    if (agent?.identity !== identity) {
      agent?.agent.destroy();
      agent = {
        identity,
        agent: new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 16, scheduling: 'lifo' }),
      };
    }
    return { ...tls, agent: agent.agent };
  };

  const open = async (
    method: string,
    path: string,
    call: CallOptions,
    payload: string | undefined,
  ): Promise<{ readonly outgoing: ClientRequest; readonly answer: Promise<IncomingMessage> }> => {
    const tls = await authorised();
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
    for (const [key, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, value);
    const headers = {
      ...tls.headers,
      accept: call.accept ?? 'application/json',
      'user-agent': options.userAgent,
      ...(payload === undefined
        ? {}
        : {
            'content-type': call.contentType ?? 'application/json',
            'content-length': String(Buffer.byteLength(payload)),
          }),
    };
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const outgoing = send(url, {
      ...(url.protocol === 'http:' ? {} : tls),
      method,
      headers,
      ...(call.signal ? { signal: call.signal } : {}),
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', (cause) =>
        reject(new ApiError(0, 'NoAnswer', `${method} ${path}: ${cause.message}`, { cause })),
      );
    });
    outgoing.end(payload);
    return { outgoing, answer };
  };

  const once = async <T>(method: string, path: string, call: CallOptions, payload: string | undefined): Promise<T> => {
    const started = performance.now();
    let code = '0';
    const { outgoing, answer } = await open(method, path, call, payload);
    const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
    const deadline = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    try {
      const response = await answer;
      code = String(response.statusCode ?? 0);
      const text = await readBody(response, method, path);
      if ((response.statusCode ?? 0) >= 400) throw toError(response, text, method, path);
      // The API edge: the caller says what the server answers.
      return (response.headers['content-type']?.includes('json') ? JSON.parse(text) : text) as T;
    } finally {
      clearTimeout(deadline);
      options.observe?.({ verb: method, code, seconds: (performance.now() - started) / 1000 });
    }
  };

  return {
    request: async <T>(method: string, path: string, call: CallOptions = {}): Promise<T> => {
      const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once<T>(method, path, call, payload);
        } catch (error) {
          if (!(error instanceof ApiError) || attempt > RETRIES || call.signal?.aborted || !mayRetry(error, method))
            throw error;
          await sleep(
            1000 * Math.min(error.retryAfterSeconds ?? 0.1 * attempt, RETRY_LIMIT_SECONDS),
            undefined,
            call.signal ? { signal: call.signal } : {},
          );
        }
      }
    },
    stream: async function* (path, call) {
      const { outgoing, answer } = await open('GET', path, call, undefined);
      const die = (): void => {
        outgoing.destroy(new Error(`nothing was said for ${call.idleTimeoutMs / 1000} s`));
      };
      let idle = setTimeout(die, call.idleTimeoutMs);
      try {
        const response = await answer;
        if ((response.statusCode ?? 0) >= 400)
          throw toError(response, await readBody(response, 'GET', path), 'GET', path);
        response.setEncoding('utf8');
        let rest = '';
        for await (const chunk of response as AsyncIterable<string>) {
          clearTimeout(idle);
          idle = setTimeout(die, call.idleTimeoutMs);
          const lines = (rest + chunk).split('\n');
          rest = lines.pop() ?? '';
          yield* lines.filter((line) => line !== '');
        }
        if (rest !== '') throw new ApiError(0, 'Truncated', `GET ${path}: the stream ended in the middle of a line`);
      } catch (error) {
        throw error instanceof ApiError
          ? error
          : new ApiError(0, 'StreamBroken', `GET ${path}: ${error instanceof Error ? error.message : String(error)}`, {
              cause: error,
            });
      } finally {
        clearTimeout(idle);
        outgoing.destroy();
      }
    },
    close: () => agent?.agent.destroy(),
  };
}

/** A connection that broke may have delivered a write; only what can be done twice is done twice. Apply can. */
function mayRetry(error: ApiError, method: string): boolean {
  if (error.status === 429 || (error.status === 503 && error.retryAfterSeconds !== undefined)) return true;
  return error.reason === 'NoAnswer' && method !== 'POST' && /ECONNRESET|EPIPE|socket hang up/.test(error.message);
}

async function readBody(response: IncomingMessage, method: string, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > BODY_LIMIT_BYTES) throw new Error(`the answer is larger than ${BODY_LIMIT_BYTES} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new ApiError(0, 'NoAnswer', `${method} ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toError(response: IncomingMessage, text: string, method: string, path: string): ApiError {
  const status = response.statusCode ?? 0;
  const retryAfter = Number(response.headers['retry-after']);
  const parsed = parseStatus(text);
  return new ApiError(
    status,
    parsed.reason ?? response.statusMessage ?? '',
    `${method} ${path}: ${status} ${parsed.message ?? response.statusMessage ?? ''}`.slice(0, 1000),
    {
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    },
  );
}

function parseStatus(text: string): { readonly reason?: string; readonly message?: string } {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return { message: text.slice(0, 200) };
  }
}
