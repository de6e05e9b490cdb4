/** The names under which clients of the cluster reach a pooler: what its certificate has to be valid for. */

/**
 * The last one, with the cluster's own domain, is asked of cert-manager and not demanded of others: no API tells the
 * domain, and hardly anybody uses it.
 */
export const serviceNames = (pooler: string, namespace: string): readonly string[] => [
  pooler,
  `${pooler}.${namespace}`,
  `${pooler}.${namespace}.svc`,
];
