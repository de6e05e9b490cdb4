/** Kinds and their paths in the API. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const resource = (group: string, version: string, plural: string, kind: string, namespaced = true): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

export const PODS = resource('', 'v1', 'pods', 'Pod');
export const SECRETS = resource('', 'v1', 'secrets', 'Secret');
export const SERVICES = resource('', 'v1', 'services', 'Service');
export const SERVICE_ACCOUNTS = resource('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const DEPLOYMENTS = resource('apps', 'v1', 'deployments', 'Deployment');
export const REPLICA_SETS = resource('apps', 'v1', 'replicasets', 'ReplicaSet');
export const POD_DISRUPTION_BUDGETS = resource('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const EVENTS = resource('events.k8s.io', 'v1', 'events', 'Event');
export const LEASES = resource('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const ENDPOINT_SLICES = resource('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
export const CERTIFICATES = resource('cert-manager.io', 'v1', 'certificates', 'Certificate');
export const NAMESPACES = resource('', 'v1', 'namespaces', 'Namespace', false);

/** `v1`, or `apps/v1`. */
export const apiVersionOf = ({ group, version }: Resource): string => (group === '' ? version : `${group}/${version}`);

/** @param namespace leave out for all namespaces, or for kinds without one */
export function resourcePath(of: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = of.group === '' ? `/api/${of.version}` : `/apis/${of.group}/${of.version}`;
  const parts = [
    of.namespaced && namespace !== undefined ? `namespaces/${encodeURIComponent(namespace)}` : '',
    of.plural,
    name === undefined ? '' : encodeURIComponent(name),
    subresource ?? '',
  ];
  return [root, ...parts.filter((part) => part !== '')].join('/');
}
