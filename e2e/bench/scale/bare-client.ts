/**
 * What the machine can do at most: a client that knows in advance what to write, and writes the same objects as the
 * operator with nothing in between. The operator is measured against it in the same run.
 */
import {
  API_GROUP_VERSION,
  FIELD_MANAGER,
  KIND,
  LABEL_MANAGED_BY,
  MANAGED_BY,
  POOLERS,
  STATUS_FIELD_MANAGER,
} from '../../../operator/api/names.ts';
import type { ConnectionPooler } from '../../../operator/api/types.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject } from '../../../operator/kube/objects.ts';
import { apply, get, list } from '../../../operator/kube/operations.ts';
import {
  DEPLOYMENTS,
  POD_DISRUPTION_BUDGETS,
  type Resource,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../../operator/kube/resources.ts';

/** In the order in which they are written; the Deployment last. */
const KINDS: readonly Resource[] = [SECRETS, SERVICE_ACCOUNTS, SERVICES, POD_DISRUPTION_BUDGETS, DEPLOYMENTS];

interface Child extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface Pattern {
  readonly name: string;
  readonly children: readonly { readonly resource: Resource; readonly object: Child }[];
  readonly status: unknown;
}

/** The children of a pooler that the operator made, and its status, as something to be written again for another one. */
export async function patternOf(client: KubeClient, namespace: string, name: string): Promise<Pattern> {
  const children: { readonly resource: Resource; readonly object: Child }[] = [];
  for (const resource of KINDS) {
    const found = await list<Child>(client, resource, namespace, {
      labelSelector: `app.kubernetes.io/instance=${name},${LABEL_MANAGED_BY}=${MANAGED_BY}`,
    });
    for (const object of found.items) children.push({ resource, object: { ...object, kind: resource.kind } });
  }
  const stored = await get<ConnectionPooler & KubeObject>(client, POOLERS, namespace, name);
  return { name, children, status: stored.status };
}

/** Writes a pooler's children and status: Secrets and the rest at once, then the Deployment, then status. */
export async function writeLike(client: KubeClient, pattern: Pattern, owner: KubeObject): Promise<void> {
  const { namespace = '', name, uid = '' } = owner.metadata;
  const write = ({ resource, object }: Pattern['children'][number]): Promise<unknown> => {
    const renamed = JSON.parse(JSON.stringify(object).replaceAll(pattern.name, name)) as Child & {
      spec?: Record<string, unknown>;
    };
    const { clusterIP: _1, clusterIPs: _2, ...spec } = renamed.spec ?? {};
    return apply(
      client,
      resource,
      {
        ...renamed,
        apiVersion: object.apiVersion || `${resource.group}/${resource.version}`.replace(/^\//, ''),
        ...(renamed.spec === undefined ? {} : { spec }),
        status: undefined,
        metadata: {
          name: renamed.metadata.name,
          namespace,
          labels: renamed.metadata.labels,
          annotations: renamed.metadata.annotations,
          ownerReferences: [
            { apiVersion: API_GROUP_VERSION, kind: KIND, name, uid, controller: true, blockOwnerDeletion: true },
          ],
        },
      } as KubeObject,
      { fieldManager: FIELD_MANAGER },
    );
  };
  const last = pattern.children.filter(({ resource }) => resource === DEPLOYMENTS);
  await Promise.all(pattern.children.filter((child) => !last.includes(child)).map(write));
  await Promise.all(last.map(write));
  const status = { apiVersion: API_GROUP_VERSION, kind: KIND, metadata: { name, namespace }, status: pattern.status };
  await apply(client, POOLERS, status, { fieldManager: STATUS_FIELD_MANAGER, force: true, subresource: 'status' });
}
