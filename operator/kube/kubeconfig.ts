/** Where the API server is and how to log in to it: the one thing that the official client does well. */
import { KubeConfig } from '@kubernetes/client-node';

export interface KubeConfigOptions {
  /** A context by name; default: the service account inside a cluster, else the current context. */
  readonly context?: string | undefined;
}

/** @throws Error that names the context and those that there are */
export function loadKubeConfig({ context }: KubeConfigOptions): KubeConfig {
  const config = new KubeConfig();
  if (
    context === undefined &&
    process.env['KUBERNETES_SERVICE_HOST'] !== undefined &&
    process.env['KUBECONFIG'] === undefined
  )
    config.loadFromCluster();
  else config.loadFromDefault();
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context))
      throw new Error(
        `there is no context ${JSON.stringify(context)} in the kubeconfig; there are: ${names.join(', ')}`,
      );
    config.setCurrentContext(context);
  }
  return config;
}

export type { KubeConfig };
