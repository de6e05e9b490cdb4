/** What the command line reads of a cluster: one pooler and its Deployment, with the rights of whoever calls. No Secret. */
import { API_GROUP, API_VERSION, KIND } from '../api/names.ts';
import { type AccessOptions, apiAccess } from '../kube/access.ts';
import { createKubeClient, type KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { get } from '../kube/operations.ts';
import { DEPLOYMENTS, type Resource } from '../kube/resources.ts';
import type { DeploymentObject } from '../plan/image.ts';
import { OPERATOR_VERSION } from '../version.ts';

const POOLERS: Resource = {
  group: API_GROUP,
  version: API_VERSION,
  plural: 'connectionpoolers',
  kind: KIND,
  namespaced: true,
};

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
      const pooler = await orUndefined(get<KubeObject>(client, POOLERS, namespace, name));
      return pooler && { pooler, deployment: await deploymentOf(client, namespace, name) };
    },
    close: () => client.close(),
  };
}

const deploymentOf = async (
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<DeploymentObject | undefined> =>
  orUndefined(get<KubeObject & DeploymentObject>(client, DEPLOYMENTS, namespace, name));

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
