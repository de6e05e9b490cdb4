/**
 * Where PgBouncer finds a backend. A Service is named as far as its namespace and no further: the domain of the cluster
 * is not known here, and the search list of a pod completes the name. A dot at the end would forbid just that
 * (`pg.data.svc.` exists nowhere: seen on 1.18, 1.24 and 1.26), so only names that users write may end in one.
 */
import type { Backend } from '../api/types.ts';

/**
 * What stands behind `host=`. A list is taken by every supported version, without spaces: PgBouncer would look for a
 * server whose name begins with one.
 * @param namespace of the pooler: what names none of its own is looked for there
 */
export function backendHost({ host, hosts, service, cnpgCluster }: Backend, namespace: string): string | undefined {
  if (hosts !== undefined) return hosts.join(',');
  if (service !== undefined) return serviceHost(service.name, service.namespace ?? namespace);
  if (cnpgCluster !== undefined)
    return serviceHost(`${cnpgCluster.name}-${cnpgCluster.role}`, cnpgCluster.namespace ?? namespace);
  return host;
}

/** A Unix socket in the pods of the pooler, which nobody else reaches. */
export const isSocket = (host: string | undefined): boolean => /^[/@]/.test(host ?? '');

const serviceHost = (name: string, namespace: string): string => `${name}.${namespace}.svc`;
