/** A pooler that needs no database: its logins, and a backend that nobody asks for. */
const SECRET = 'chaos-login';

export const pooler = (namespace: string, name: string, replicas: number): object => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { namespace, name },
  spec: {
    replicas,
    backends: [{ host: 'postgres.invalid' }],
    databases: [{ name: 'app' }],
    users: [{ name: 'app', passwordSecretRef: { name: SECRET, key: 'password' } }],
  },
});

/** All of them in one List, with the Secret that they refer to. */
export const poolers = (namespace: string, names: readonly string[], replicas: number): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace, name: SECRET },
        stringData: { password: 'chaos-password' },
      },
      ...names.map((name) => pooler(namespace, name, replicas)),
    ],
  });
