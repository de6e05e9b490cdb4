/**
 * Where the API server is and how to log in to it. Inside a cluster that is a token and a CA in two files, read here;
 * everything else (kubeconfig files, exec plugins, client certificates) is the official client's business, which is
 * loaded only then: it costs 17 MB of memory.
 */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';

export interface ApiAccess {
  /** `https://host:port`, with a path behind proxies. */
  readonly server: string;
  /** Of the kubeconfig's context. */
  readonly namespace?: string | undefined;
  /** CA, credentials and headers of a request, read anew: tokens and CAs rotate. The connections ask every few seconds. */
  readonly requestOptions: () => Promise<RequestOptions>;
}

export interface AccessOptions {
  /** A context of the kubeconfig by name; default: the service account inside a cluster, else the current context. */
  readonly context?: string | undefined;
  /** A kubeconfig file; default: `KUBECONFIG`, or the one in the home directory. */
  readonly file?: string | undefined;
}

/** @throws Error that says what is missing and how to give it */
export async function apiAccess({ context, file }: AccessOptions, env: NodeJS.ProcessEnv): Promise<ApiAccess> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  if (context === undefined && file === undefined && host !== undefined && env['KUBECONFIG'] === undefined)
    return inCluster(host, env['KUBERNETES_SERVICE_PORT'] ?? '443');

  const { kubeconfigAccess } = await import('./kubeconfig.ts');
  return kubeconfigAccess({ context, file });
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** @param directory where the kubelet keeps `token` and `ca.crt` fresh */
export function inCluster(host: string, port: string, directory = SERVICE_ACCOUNT): ApiAccess {
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    requestOptions: async () => {
      const [ca, token] = await Promise.all([
        readFile(join(directory, 'ca.crt')),
        readFile(join(directory, 'token'), 'utf8'),
      ]);
      return { ca, headers: { authorization: `Bearer ${token.trim()}` } };
    },
  };
}
