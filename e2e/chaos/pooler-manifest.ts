/** Poolers for chaos: what they are made of is of no matter, only that they are many and the same. */
export const PASSWORD = 'chaos-password';
const SECRET = 'chaos-login';

export interface Backend {
  readonly host: string;
  readonly port: number;
}

/** Nobody asks for it. */
const NO_BACKEND: Backend = { host: 'postgres.invalid', port: 5432 };

const pooler = (namespace: string, name: string, replicas: number, backend: Backend): object => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { namespace, name },
  spec: {
    replicas,
    backends: [backend],
    databases: [{ name: 'app' }],
    users: [{ name: 'app', passwordSecretRef: { name: SECRET, key: 'password' } }],
  },
});

/** All of them in one List, with the Secret that they refer to. */
export const poolers = (
  namespace: string,
  names: readonly string[],
  replicas: number,
  backend: Backend = NO_BACKEND,
): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: SECRET }, stringData: { password: PASSWORD } },
      ...names.map((name) => pooler(namespace, name, replicas, backend)),
    ],
  });
