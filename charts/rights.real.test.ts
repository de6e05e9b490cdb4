/**
 * The rights that the chart gives: to the operator the reviewed list and nothing else, to the cluster's users what does
 * not let them past the trust boundary.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NAMESPACE, only, podOf, type Rule, render } from './testing/rendered.ts';

/** `group/resource[/name] verb`, sorted, so that rules compare whatever their grouping. */
const flat = (rules: readonly Rule[] | undefined): readonly string[] =>
  (rules ?? [])
    .flatMap(({ apiGroups, resources, resourceNames = [], verbs }) => {
      const objects = apiGroups.flatMap((group) => resources.map((resource) => `${group}/${resource}`));
      const named =
        resourceNames.length === 0
          ? objects
          : objects.flatMap((object) => resourceNames.map((name) => `${object}/${name}`));
      return named.flatMap((object) => expand(object, ...verbs));
    })
    .sort();

const expand = (resource: string, ...verbs: readonly string[]): readonly string[] =>
  verbs.map((verb) => `${resource} ${verb}`);

const CHILD = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

/** The list of docs/security.md. */
const OPERATOR_RIGHTS: readonly string[] = [
  ...expand('poolkeeper.dev/connectionpoolers', 'get', 'list', 'watch'),
  ...expand('poolkeeper.dev/connectionpoolers/status', 'patch'),
  ...expand('poolkeeper.dev/connectionpoolers/finalizers', 'update'),
  ...expand('apps/deployments', ...CHILD),
  ...expand('/services', ...CHILD),
  ...expand('/serviceaccounts', ...CHILD),
  ...expand('policy/poddisruptionbudgets', ...CHILD),
  ...expand('cert-manager.io/certificates', ...CHILD),
  ...expand('/secrets', ...CHILD),
  ...expand('/pods', 'get', 'list', 'watch', 'patch', 'delete'),
  ...expand('/pods/log', 'get'),
  ...expand('apps/replicasets', 'get', 'list', 'watch'),
  ...expand('events.k8s.io/events', 'create', 'patch'),
].toSorted();

const LEASE_RIGHTS: readonly string[] = [
  'coordination.k8s.io/leases create',
  ...expand('coordination.k8s.io/leases/poolkeeper', 'get', 'update'),
];

describe('the rights of the operator', () => {
  it('are the reviewed list, cluster-wide by default', async () => {
    const objects = await render();
    assert.deepEqual(flat(only(objects, 'ClusterRole', 'poolkeeper').rules), OPERATOR_RIGHTS);
    assert.deepEqual(only(objects, 'ClusterRoleBinding', 'poolkeeper').subjects, [
      { kind: 'ServiceAccount', name: 'poolkeeper', namespace: NAMESPACE },
    ]);
  });

  it('to Leases are confined to one namespace', async () => {
    const inOwn = only(await render(), 'Role', 'poolkeeper-leader');
    assert.deepEqual(flat(inOwn.rules), LEASE_RIGHTS);
    assert.equal(inOwn.metadata.namespace, NAMESPACE);
    const elsewhere = await render('config.leaseNamespace=leases');
    assert.equal(only(elsewhere, 'Role', 'poolkeeper-leader').metadata.namespace, 'leases');
    assert.ok(podOf(elsewhere).containers[0].args.includes('--lease-namespace=leases'));
  });

  it('are the same list in each named namespace and nothing cluster-wide', async () => {
    const objects = await render('config.namespaces={team-a,team-b}');
    const clusterWide = objects.filter((object) => object.kind.startsWith('ClusterRole'));
    assert.deepEqual(clusterWide, []);
    const roles = objects.filter((object) => object.kind === 'Role' && object.metadata.name === 'poolkeeper');
    assert.deepEqual(
      roles.map((role) => role.metadata.namespace),
      ['team-a', 'team-b'],
    );
    for (const role of roles) assert.deepEqual(flat(role.rules), OPERATOR_RIGHTS);
    const bindings = objects.filter((object) => object.kind === 'RoleBinding' && object.metadata.name === 'poolkeeper');
    assert.deepEqual(
      bindings.map((binding) => [binding.metadata.namespace, binding.subjects?.[0]?.namespace]),
      [
        ['team-a', NAMESPACE],
        ['team-b', NAMESPACE],
      ],
    );
    assert.ok(podOf(objects).containers[0].args.includes('--namespaces=team-a,team-b'));
  });
});

describe("the rights of the cluster's users", () => {
  it('let everyone who may view read poolers, and only admins write them', async () => {
    const objects = await render();
    const aggregated = objects.filter((object) =>
      Object.keys(object.metadata.labels ?? {}).some((label) => label.includes('/aggregate-to-')),
    );
    const rightsOf = (role: string) =>
      aggregated
        .filter((object) => object.metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`] === 'true')
        .flatMap((object) => flat(object.rules));
    const reading = expand('poolkeeper.dev/connectionpoolers', 'get', 'list', 'watch');
    assert.deepEqual(rightsOf('view'), reading);
    assert.deepEqual(rightsOf('edit'), reading);
    for (const verb of ['create', 'patch', 'delete']) {
      assert.ok(rightsOf('admin').includes(`poolkeeper.dev/connectionpoolers ${verb}`), verb);
    }
  });

  it('are left alone on demand', async () => {
    const objects = await render('rbac.aggregateRoles=false');
    assert.deepEqual(
      objects.filter((object) => object.kind === 'ClusterRole').map((object) => object.metadata.name),
      ['poolkeeper'],
    );
  });
});
