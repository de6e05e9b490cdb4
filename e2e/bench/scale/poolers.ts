/** The objects that the scale bench makes: poolers with two replicas in ten namespaces, one password Secret in each. */
import { API_GROUP_VERSION, KIND } from '../../../operator/api/names.ts';

export const NAMESPACES_USED = 10;
export const namespaceOf = (index: number): string => `scale-${index % NAMESPACES_USED}`;
export const nameOf = (index: number): string => `pooler-${String(index).padStart(5, '0')}`;
export const SECRET = 'app-db';

export const namespaceObject = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export const passwordSecret = (namespace: string, password: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: SECRET, namespace },
  stringData: { password, unused: 'x' },
});

export const pooler = (index: number) => ({
  apiVersion: API_GROUP_VERSION,
  kind: KIND,
  metadata: { name: nameOf(index), namespace: namespaceOf(index) },
  spec: {
    replicas: 2,
    backends: [{ name: 'primary', host: '192.0.2.1' }],
    databases: [{ name: 'app', dbname: 'app_production', poolSize: 8 }],
    users: [{ name: 'app', passwordSecretRef: { name: SECRET, key: 'password' } }],
  },
});
