import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type OperatorProcess, startOperator } from '../../operator/testing/operator-process.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/processes.ts';
import { deadWebhook, KINDS, type Kind, liftAll, policy, quota, splitRights } from './denials.ts';
import { installRights, OPERATORS, SYSTEM } from './installation.ts';
import { poolers } from './pooler-manifest.ts';

interface Case {
  readonly namespace: string;
  readonly kind: Kind;
  readonly what: string;
  /** Of Secrets: which. */
  readonly part?: string;
  readonly condition: 'Stalled' | 'Reconciling';
  readonly reason: string;
  readonly message: RegExp;
}

const [SECRET, SERVICE] = KINDS as readonly [Kind, Kind];
const nameOf = ({ plural }: Kind): string => (plural === 'secrets' ? 'app-admin' : 'app');
const stalled = { condition: 'Stalled' } as const;

const QUOTAS = KINDS.map((kind) => ({
  ...stalled,
  kind,
  namespace: `quota-${kind.plural}`,
  what: `a quota on ${kind.plural}`,
  reason: 'QuotaExceeded',
  message: new RegExp(`^"write ${kind.plural}/${nameOf(kind)}" .*exceeded quota: few, requested: count/${kind.plural}`),
}));
const said = ({ plural }: Kind): string =>
  plural === 'secrets' ? 'is withheld' : `ask the platform team for ${plural}`;
const POLICIES: readonly Case[] = [
  ...KINDS.map((kind) => ({ kind, namespace: `policy-${kind.plural}`, part: nameOf(kind), name: nameOf(kind) })),
  { kind: SECRET, namespace: 'policy-config', part: '-config-', name: 'app-config-[0-9a-f]+' },
].map(({ kind, namespace, part, name }) => ({
  ...stalled,
  kind,
  namespace,
  part,
  what: `a policy on ${kind.plural} (${part})`,
  reason: 'AdmissionDenied',
  message: new RegExp(
    `^"write ${kind.plural}/${name}" .*'no-${namespace}' with binding .* denied request.*${said(kind)}`,
  ),
}));
const PERMISSIONS = KINDS.map((kind) => ({
  ...stalled,
  kind,
  namespace: `rights-${kind.plural}`,
  what: `a role without ${kind.plural}`,
  reason: 'PermissionMissing',
  message: new RegExp(
    `"write ${kind.plural}/${nameOf(kind)}" .*cannot (patch|create) resource \\\\?"${kind.plural}\\\\?"`,
  ),
}));
const DEAD: Case = {
  kind: SERVICE,
  namespace: 'webhook',
  what: 'a webhook that does not answer',
  condition: 'Reconciling',
  reason: 'AdmissionUnavailable',
  message: /^"write services\/app" .*failed calling webhook "dead.example.com"/,
};
/** A namespace in which there may be no pods. */
const PODS = 'quota-pods';
const CASES: readonly Case[] = [...QUOTAS, ...POLICIES, ...PERMISSIONS, DEAD];

describe('what a rule of the cluster denies', () => {
  let directory: string;
  let controlPlane: ControlPlane;
  let operator: OperatorProcess;
  let allow: (namespace: string, without?: Kind) => Promise<void>;

  const conditionOf = async (namespace: string, type: string) => {
    const text = await controlPlane.kubectl(['-n', namespace, 'get', 'cpool', 'app', '-o', 'json']);
    const { status } = JSON.parse(text) as {
      readonly status?: { readonly conditions?: readonly { readonly [field: string]: string }[] };
    };
    return status?.conditions?.find((condition) => condition['type'] === type);
  };
  /** Waits for a condition, and says which it was last when it waits in vain. */
  const until = async (namespace: string, type: string, status: string, reason?: string) => {
    let last: Awaited<ReturnType<typeof conditionOf>>;
    const reached = waitFor(
      `${type} in ${namespace} to be ${status} ${reason ?? ''}`,
      async () => {
        last = await conditionOf(namespace, type);
        return last?.['status'] === status && (reason === undefined || last['reason'] === reason);
      },
      { everyMs: 1_000 },
    );
    await reached.catch((error: unknown) => assert.fail(`${error}; last: ${JSON.stringify(last)}`));
    return last;
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'denials-'));
    controlPlane = await startControlPlane({
      directory,
      controllers: [
        'resourcequota-controller',
        'serviceaccount-controller',
        'namespace-controller',
        'deployment-controller',
        'replicaset-controller',
      ],
    });
    const namespaces = [...CASES.map(({ namespace }) => namespace), PODS];
    await installRights(controlPlane, namespaces);
    // Before the pooler, so that its kind is counted when a quota allows no more than there is.
    const [secrets, definitions] = [true, false].map((isSecret) =>
      namespaces.flatMap((namespace) =>
        (JSON.parse(poolers(namespace, ['app'], 1)) as { items: { kind: string }[] }).items.filter(
          ({ kind }) => (kind === 'Secret') === isSecret,
        ),
      ),
    );
    const apply = (items: object): Promise<string> =>
      controlPlane.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await apply(secrets ?? []);
    allow = await splitRights(controlPlane);
    await Promise.all([
      ...QUOTAS.map(({ namespace, kind }) => quota(controlPlane, namespace, kind)),
      ...POLICIES.map(({ namespace, kind, part }) => policy(controlPlane, namespace, kind, part)),
      quota(controlPlane, PODS, { group: '', plural: 'pods' }),
      deadWebhook(controlPlane, DEAD.namespace),
      allow(PODS),
      ...[...QUOTAS, ...POLICIES, DEAD].map(({ namespace }) => allow(namespace)),
      ...PERMISSIONS.map(({ namespace, kind }) => allow(namespace, kind)),
    ]);
    const kubeconfig = await controlPlane.kubeconfigFor('operator', [OPERATORS]);
    operator = await startOperator({ kubeconfig, leaseNamespace: SYSTEM });
    await operator.says('this process leads');
    await apply(definitions ?? []);
  });
  after(async () => {
    await operator?.stop();
    await controlPlane?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is told in status: which object, who denies it, in their words', async () => {
    for (const { namespace, condition, reason, message, what } of CASES) {
      const found = await until(namespace, condition, 'True', reason);
      assert.match(found?.['message'] ?? '', message, what);
      assert.match(found?.['message'] ?? '', /tried again every half a minute$/, what);
    }
  });

  it('is told too when it is Kubernetes that may make no pods', async () => {
    const found = await until(PODS, 'Reconciling', 'True', 'PodsDenied');
    assert.match(found?.['message'] ?? '', /^0 of 1 replicas are ready, .*: pods is forbidden: exceeded quota: few/);
    assert.equal((await until(PODS, 'Ready', 'False', 'PodsDenied'))?.['message'], found?.['message']);
  });

  it('is taken when the rule is gone, without anybody telling the operator', async () => {
    await liftAll(controlPlane);
    await Promise.all(PERMISSIONS.map(({ namespace }) => allow(namespace)));
    await until(PODS, 'Reconciling', 'True', 'PodsNotReady');
    for (const { namespace } of CASES) {
      await until(namespace, 'Stalled', 'False');
      await waitFor(`the Deployment in ${namespace}`, () =>
        controlPlane.kubectl(['-n', namespace, 'get', 'deployment,service,serviceaccount,pdb', 'app']).then(
          () => true,
          () => false,
        ),
      );
    }
    const failures = operator.lines.filter(({ msg }) => msg === 'a reconcile failed and is tried again');
    assert.deepEqual(failures, []);
  });
});
