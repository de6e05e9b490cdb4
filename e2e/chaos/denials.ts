/**
 * Rules of a cluster that keep the operator from writing one kind of object in one namespace: real quotas, real admission
 * policies, a webhook that is not there, and roles that lack a permission.
 */
import type { ControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/processes.ts';
import { OPERATORS } from './installation.ts';

/** A kind of child, as the API server and its rules name it. */
export interface Kind {
  readonly group: string;
  readonly plural: string;
}

export const KINDS: readonly Kind[] = [
  { group: '', plural: 'secrets' },
  { group: '', plural: 'services' },
  { group: '', plural: 'serviceaccounts' },
  { group: 'policy', plural: 'poddisruptionbudgets' },
  { group: 'apps', plural: 'deployments' },
];

const RBAC = 'rbac.authorization.k8s.io';
const operators = [{ kind: 'Group', name: OPERATORS, apiGroup: RBAC }];

const apply = (controlPlane: ControlPlane, items: readonly object[]): Promise<string> =>
  controlPlane.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

/** The namespace takes no more of that kind than it has. */
export async function quota(controlPlane: ControlPlane, namespace: string, { group, plural }: Kind): Promise<void> {
  const count = `count/${[plural, group].filter(Boolean).join('.')}`;
  const has = JSON.parse(await controlPlane.kubectl(['-n', namespace, 'get', plural, '-o', 'json'])) as {
    readonly items: readonly object[];
  };
  const metadata = { name: 'few', namespace };
  await apply(controlPlane, [
    { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { [count]: String(has.items.length) } } },
  ]);
  await waitFor(`the quota in ${namespace} to count`, async () => {
    const path = '-o=jsonpath={.status.used}';
    return (await controlPlane.kubectl(['-n', namespace, 'get', 'resourcequota', 'few', path])).includes(count);
  });
}

/** Nobody may create or change one of that kind there; of Secrets those whose name has `part` in it. */
export async function policy(
  controlPlane: ControlPlane,
  namespace: string,
  { group, plural }: Kind,
  part = '',
): Promise<void> {
  const api = 'admissionregistration.k8s.io';
  const name = `no-${namespace}`;
  const metadata = { name };
  const rule = { apiGroups: [group], apiVersions: ['*'], resources: [plural], operations: ['CREATE', 'UPDATE'] };
  await apply(controlPlane, [
    {
      apiVersion: `${api}/v1`,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        matchConstraints: { resourceRules: [rule] },
        matchConditions: [{ name: 'named', expression: `object.metadata.name.contains('${part}')` }],
        validations: [{ expression: 'false', message: `ask the platform team for ${plural}` }],
      },
    },
    {
      apiVersion: `${api}/v1`,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: {
        policyName: name,
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
      },
    },
  ]);
}

/** Every Service there is shown to a webhook that is not there. */
export async function deadWebhook(controlPlane: ControlPlane, namespace: string): Promise<void> {
  await apply(controlPlane, [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: `dead-${namespace}` },
      webhooks: [
        {
          name: 'dead.example.com',
          clientConfig: { url: 'https://127.0.0.1:1/' },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['services'], operations: ['CREATE', 'UPDATE'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    },
  ]);
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/**
 * The operators may read everywhere, and write only where one of the others allows it.
 * @returns what lets them write a namespace's objects, all of them or all but one kind
 */
export async function splitRights(
  controlPlane: ControlPlane,
): Promise<(namespace: string, without?: Kind) => Promise<void>> {
  const { rules } = JSON.parse(await controlPlane.kubectl(['get', 'clusterrole', 'poolkeeper', '-o', 'json'])) as {
    readonly rules: readonly Rule[];
  };
  const reading = new Set(['get', 'list', 'watch']);
  const plurals = new Set(KINDS.map(({ plural }) => plural));
  const single = rules.flatMap((rule) => rule.resources.map((plural) => ({ ...rule, resources: [plural] })));
  const withoutWriting = (kinds: ReadonlySet<string>): readonly Rule[] =>
    single.map((rule) =>
      kinds.has(rule.resources[0] ?? '') ? { ...rule, verbs: rule.verbs.filter((verb) => reading.has(verb)) } : rule,
    );
  await apply(controlPlane, [
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: 'poolkeeper' }, rules: withoutWriting(plurals) },
  ]);
  return async (namespace, without) => {
    const metadata = { name: without === undefined ? 'all' : `all-but-${without.plural}`, namespace };
    await apply(controlPlane, [
      {
        apiVersion: `${RBAC}/v1`,
        kind: 'Role',
        metadata,
        rules: withoutWriting(new Set(without === undefined ? [] : [without.plural])),
      },
      {
        apiVersion: `${RBAC}/v1`,
        kind: 'RoleBinding',
        metadata,
        roleRef: { apiGroup: RBAC, kind: 'Role', name: metadata.name },
        subjects: operators,
      },
    ]);
  };
}

/** Takes every quota, policy and webhook away. */
export async function liftAll(controlPlane: ControlPlane): Promise<void> {
  const kinds = 'validatingadmissionpolicybindings,validatingadmissionpolicies,validatingwebhookconfigurations';
  await controlPlane.kubectl(['delete', kinds, '--all']);
  await controlPlane.kubectl(['delete', 'resourcequotas', '--all', '--all-namespaces']);
}
