/** Kubeconfig files, exec plugins and client certificates, as the official client reads them. Loaded only when needed. */
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { AccessOptions, ApiAccess } from './access.ts';

/** @throws Error that names the file or the context, and the contexts that there are */
export function kubeconfigAccess({ context, file }: AccessOptions): ApiAccess {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context))
      throw new Error(
        `there is no context ${JSON.stringify(context)} in the kubeconfig; there are: ${names.join(', ')}`,
      );
    config.setCurrentContext(context);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no cluster; set KUBECONFIG, or name a context');
  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    requestOptions: async () => {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return options;
    },
  };
}
