/** An HTTP server on loopback that answers each request as a test says, and tells how many connections were made. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { RequestOptions } from 'node:https';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ApiAccess } from '../access.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Responder = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

export interface ProtocolServer extends AsyncDisposable {
  readonly access: ApiAccess;
  readonly requests: readonly SeenRequest[];
  /** Every connection that was ever made. */
  readonly connections: readonly Socket[];
}

export interface ProtocolServerOptions {
  /** PEM; served over TLS when given. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly requestOptions?: () => Promise<RequestOptions>;
}

export async function startProtocolServer(
  respond: Responder,
  options: ProtocolServerOptions = {},
): Promise<ProtocolServer> {
  const requests: SeenRequest[] = [];
  const connections: Socket[] = [];
  const listener: RequestListener = (incoming, response) => {
    let body = '';
    incoming.setEncoding('utf8');
    incoming.on('data', (chunk: string) => {
      body += chunk;
    });
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '/', 'http://server');
      const { method = '', headers } = incoming;
      const request = { method, path: url.pathname, query: url.searchParams, headers, body };
      requests.push(request);
      void respond(request, response);
    });
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => connections.push(socket));
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port } = server.address() as AddressInfo;
  return {
    access: {
      server: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
      requestOptions: options.requestOptions ?? (() => Promise.resolve({})),
    },
    requests,
    connections,
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** As the API server refuses. */
export const sendStatus = (
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): void =>
  sendJson(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }, headers);
