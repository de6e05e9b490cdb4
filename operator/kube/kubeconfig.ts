/** Kubeconfig files, exec plugins and client certificates, as the official client reads them. Loaded only when needed. */
import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { AccessOptions, ApiAccess } from './access.ts';

/** @throws Error that says where no kubeconfig is, or names the file or the context, and the contexts that there are */
export function kubeconfigAccess({ context, file }: AccessOptions): ApiAccess {
  const config = new KubeConfig();
  const usual = join(homedir(), '.kube', 'config');
  // The client would take http://localhost:8080 then, which nobody meant.
  if (file === undefined && !process.env['KUBECONFIG'] && !existsSync(usual))
    throw new Error(`there is no kubeconfig: KUBECONFIG is not set, and there is no ${usual}`);
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
