/** What the command line reads of a cluster: one pooler and its Deployment, with the rights of whoever calls. No Secret. */
import { POOLERS } from '../api/names.ts';
import { type AccessOptions, apiAccess } from '../kube/access.ts';
import { createKubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';
import { getIfThere } from '../kube/operations.ts';
import { DEPLOYMENTS } from '../kube/resources.ts';
import type { DeploymentObject } from '../plan/image.ts';
import { OPERATOR_VERSION } from '../version.ts';

export interface LivePooler {
  readonly pooler: KubeObject;
  readonly deployment: DeploymentObject | undefined;
}

export interface Cluster {
  /** Where objects without a namespace are looked for. */
  readonly namespace: string;
  /** @returns undefined when there is no such pooler */
  find(namespace: string, name: string): Promise<LivePooler | undefined>;
  close(): void;
}

export async function openCluster(options: AccessOptions): Promise<Cluster> {
  const access = await apiAccess(options, process.env);
  const client = createKubeClient(access, { userAgent: `kubectl-pooler/${OPERATOR_VERSION}` });
  return {
    namespace: access.namespace ?? 'default',
    find: async (namespace, name) => {
      const pooler = await getIfThere<KubeObject>(client, POOLERS, namespace, name);
      if (pooler === undefined) return undefined;
      return {
        pooler,
        deployment: await getIfThere<KubeObject & DeploymentObject>(client, DEPLOYMENTS, namespace, name),
      };
    },
    close: () => client.close(),
  };
}
