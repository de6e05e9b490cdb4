/**
 * `/healthz`: the process works (never asks the API server, or its outage would restart every operator). `/readyz`: the
 * caches are filled, also on a standby, so that rollouts of the operator go on. `/metrics`: for Prometheus.
 */
import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

export interface Probes {
  readonly healthy: () => string | undefined;
  readonly ready: () => string | undefined;
}

/** @returns once it listens; probes answer with what is wrong, or undefined when nothing is */
export function serve(
  listen: { readonly host?: string; readonly port: number },
  registry: Registry,
  probes: Probes,
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (problem: string | undefined): void => {
      response.writeHead(problem === undefined ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(`${problem ?? 'ok'}\n`);
    };
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return answer(probes.healthy());
      case '/readyz':
        return answer(probes.ready());
      case '/metrics':
        registry.metrics().then(
          (text) => {
            response.writeHead(200, { 'content-type': registry.contentType });
            response.end(text);
          },
          (error: unknown) => answer(String(error)),
        );
        return;
      default:
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
        response.end('not found; there are /healthz, /readyz and /metrics\n');
    }
  });
  // Slow or silent peers must not hold sockets.
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen, () => resolve(server));
  });
}
