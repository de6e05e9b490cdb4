/**
 * Stands between a client and a real API server, speaks HTTP with both, and spoils answers as a test says. What a proxy
 * of bytes cannot do through TLS: to lose exactly one answer, to end a line in its middle, to be slow.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiAccess } from '../access.ts';
import { linesOf } from '../lines.ts';
import { type ProtocolServer, type SeenRequest, sendStatus, startProtocolServer } from './protocol-server.ts';

export type Fault =
  /** The server does what it was asked, and the connection breaks before a byte of its answer arrives. */
  | { readonly kind: 'lose' }
  /** The server does what it was asked, and nothing is ever answered. */
  | { readonly kind: 'swallow' }
  /** The server is never asked. */
  | { readonly kind: 'refuse'; readonly status: number; readonly reason: string }
  /** Of a stream: so many whole lines, then half of one, and then the end of the answer in good order. */
  | { readonly kind: 'truncate'; readonly afterLines: number }
  /** Of a stream: so many lines, then one that says so, and the stream stays open. */
  | { readonly kind: 'error'; readonly afterLines: number; readonly code: number; readonly reason: string }
  /** The answer comes in pieces of so many bytes with a pause after each. */
  | { readonly kind: 'trickle'; readonly bytes: number; readonly everyMs: number }
  /** The server is asked only then. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> };

export interface FaultProxy extends AsyncDisposable {
  readonly access: ApiAccess;
  readonly requests: ProtocolServer['requests'];
  /** Asked for each request what is to go wrong with it; undefined: nothing. */
  spoil(choose: (request: SeenRequest) => Fault | undefined): void;
  /** Closes all connections with the client. */
  cut(): void;
}

export async function startFaultProxy(upstream: ApiAccess): Promise<FaultProxy> {
  let choose: (request: SeenRequest) => Fault | undefined = () => undefined;
  const server = await startProtocolServer(async (request, response) => {
    // Whoever has gone away is not answered, and a server that is away is not there for the client either.
    await relay(upstream, request, response, choose(request)).catch(() => response.destroy());
  });
  return {
    access: server.access,
    requests: server.requests,
    spoil: (next) => {
      choose = next;
    },
    cut: () => {
      for (const socket of server.connections) socket.destroy();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function relay(
  upstream: ApiAccess,
  request: SeenRequest,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'refuse') return sendStatus(response, fault.status, fault.reason, 'as the test says');
  if (fault?.kind === 'hold') await fault.until;
  const answer = await ask(upstream, request);
  response.once('close', () => answer.destroy());
  if (fault?.kind === 'lose' || fault?.kind === 'swallow') {
    // Only when all of the answer is here has the server surely done it.
    for await (const _chunk of answer);
    if (fault.kind === 'lose') response.destroy();
    return;
  }
  response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] });
  response.flushHeaders();
  for await (const part of fault === undefined ? answer : spoiled(answer, fault)) response.write(part);
  if (fault?.kind !== 'error') response.end();
}

async function* spoiled(answer: AsyncIterable<Buffer>, fault: Fault): AsyncGenerator<Buffer | string> {
  switch (fault.kind) {
    case 'truncate':
    case 'error': {
      let left = fault.afterLines;
      for await (const line of linesOf(answer)) {
        if (left === 0) {
          yield fault.kind === 'truncate' ? line.slice(0, line.length / 2) : errorEvent(fault.code, fault.reason);
          return;
        }
        left -= 1;
        yield `${line}\n`;
      }
      return;
    }
    case 'trickle':
      for await (const chunk of answer) {
        for (let from = 0; from < chunk.length; from += fault.bytes) {
          yield chunk.subarray(from, from + fault.bytes);
          await sleep(fault.everyMs);
        }
      }
      return;
    default:
      yield* answer;
  }
}

const errorEvent = (code: number, reason: string): string =>
  `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', status: 'Failure', code, reason, message: 'as the test says' } })}\n`;

async function ask(access: ApiAccess, { method, path, query, headers, body }: SeenRequest): Promise<IncomingMessage> {
  const { host: _host, connection: _connection, ...kept } = headers;
  const { headers: credentials, ...tls } = await access.requestOptions();
  const target = new URL(`${path}${query.size === 0 ? '' : `?${query}`}`, access.server);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = httpsRequest(target, { ...tls, method, headers: { ...kept, ...credentials } }, resolve);
  outgoing.once('error', reject);
  outgoing.end(body);
  return promise;
}
