/**
 * What `kubectl apply -f manifests/install.yaml` installs but for the operator's pod: the operators here are processes
 * of this machine, which log in as users with exactly the rights that the pod's service account has.
 */
import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { established } from '../cluster/established.ts';

/** The group of the users that operators log in as. */
export const OPERATORS = 'chaos-operators';
export const SYSTEM = 'poolkeeper-system';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: unknown;
}

const INSTALLED: ReadonlySet<string> = new Set(['Namespace', 'CustomResourceDefinition', 'ClusterRole', 'Role']);

/** @param namespaces where leases may lie, each made when it is not there */
export async function installRights(controlPlane: ControlPlane, namespaces: readonly string[]): Promise<void> {
  const text = await readFile(new URL('../../manifests/install.yaml', import.meta.url), 'utf8');
  const manifests = (loadAll(text) as readonly (Manifest | null)[]).filter((manifest) => manifest !== null);
  const leader = manifests.find(({ kind, metadata }) => kind === 'Role' && metadata.name === 'poolkeeper-leader');
  const rbac = 'rbac.authorization.k8s.io';
  const subjects = [{ kind: 'Group', name: OPERATORS, apiGroup: rbac }];
  const items = [
    ...manifests.filter(({ kind }) => INSTALLED.has(kind)),
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: OPERATORS },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'poolkeeper' },
      subjects,
    },
    ...[SYSTEM, ...namespaces].flatMap((namespace) => [
      {
        apiVersion: `${rbac}/v1`,
        kind: 'Role',
        metadata: { name: 'poolkeeper-leader', namespace },
        rules: leader?.rules,
      },
      {
        apiVersion: `${rbac}/v1`,
        kind: 'RoleBinding',
        metadata: { name: OPERATORS, namespace },
        roleRef: { apiGroup: rbac, kind: 'Role', name: 'poolkeeper-leader' },
        subjects,
      },
    ]),
  ];
  await controlPlane.kubectl(
    ['apply', '--server-side', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  );
  await established(controlPlane);
}
