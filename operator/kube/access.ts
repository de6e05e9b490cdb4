/**
 * Where the API server is and how to log in to it. Inside a cluster that is a token and a CA in two files, read here;
 * everything else (kubeconfig files, exec plugins, client certificates) is the official client's business, which is
 * loaded only then: it costs 17 MB of memory.
 */
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';

export interface ApiAccess {
  /** `https://host:port`, with a path behind proxies. */
  readonly server: string;
  /** CA, credentials and headers of a request: asked for each one, because tokens and CAs rotate. */
  readonly requestOptions: () => Promise<RequestOptions>;
}

export interface AccessOptions {
  /** A context of the kubeconfig by name; default: the service account inside a cluster, else the current context. */
  readonly context?: string | undefined;
}

/** @throws Error that says what is missing and how to give it */
export async function apiAccess({ context }: AccessOptions, env: NodeJS.ProcessEnv): Promise<ApiAccess> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  if (context === undefined && host !== undefined && env['KUBECONFIG'] === undefined)
    return inCluster(host, env['KUBERNETES_SERVICE_PORT'] ?? '443');

  const { kubeconfigAccess } = await import('./kubeconfig.ts');
  return kubeconfigAccess(context);
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** As long as client-go trusts a token that it has read. */
const TOKEN_SECONDS = 60;

function inCluster(host: string, port: string): ApiAccess {
  let read: { readonly at: number; readonly ca: Buffer; readonly token: string } | undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    requestOptions: () => {
      const now = performance.now();
      if (read === undefined || now - read.at > TOKEN_SECONDS * 1000) {
        read = {
          at: now,
          ca: readFileSync(`${SERVICE_ACCOUNT}/ca.crt`),
          token: readFileSync(`${SERVICE_ACCOUNT}/token`, 'utf8').trim(),
        };
      }
      return Promise.resolve({ ca: read.ca, headers: { authorization: `Bearer ${read.token}` } });
    },
  };
}
