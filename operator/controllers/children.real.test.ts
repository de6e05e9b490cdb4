import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { established } from '../../e2e/cluster/established.ts';
import { POOLERS } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { create, get, mergePatch } from '../kube/operations.ts';
import {
  DEPLOYMENTS,
  POD_DISRUPTION_BUDGETS,
  type Resource,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../kube/resources.ts';
import { type RealApi, type Spoiled, startRealApi } from '../kube/testing/real-api.ts';
import {
  adminSecret,
  deployment,
  disruptionBudget,
  type PlannedObject,
  service,
  serviceAccount,
} from '../plan/objects.ts';
import { planPodTemplate } from '../plan/pod-template.ts';
import { applyChild, type ChildWriter, type Written } from './children.ts';

let api: RealApi;
let spoiled: Spoiled;
let pooler: ConnectionPooler & KubeObject;
before(async () => {
  // With controllers: what they write beside us must not make us write.
  api = await startRealApi({ controllers: ['deployment-controller', 'disruption-controller'] });
  spoiled = await api.spoiled();
  await api.controlPlane?.kubectl(['apply', '--server-side', '-f', 'crds']);
  if (api.controlPlane !== undefined) await established(api.controlPlane);
  const namespace = await api.namespace();
  const object = {
    apiVersion: 'poolkeeper.dev/v1alpha1',
    kind: 'ConnectionPooler',
    metadata: { name: 'app', namespace },
    spec: { backends: [{ host: 'pg' }], databases: [{ name: 'app' }] },
  };
  pooler = await create(api.client, POOLERS, object, namespace);
});
after(async () => {
  await spoiled[Symbol.asyncDispose]();
  await api.stop();
});

const CHILDREN: readonly (readonly [Resource, () => PlannedObject])[] = [
  [SERVICES, () => service(pooler)],
  [SERVICE_ACCOUNTS, () => serviceAccount(pooler)],
  [POD_DISRUPTION_BUDGETS, () => disruptionBudget(pooler)],
  [
    DEPLOYMENTS,
    () => {
      const { name } = pooler.metadata;
      const version = '1.26.1';
      const template = { name, spec: pooler.spec, image: 'p:1.26.1', version, restartOnly: {}, credentials: '' };
      return deployment(pooler, { ...planPodTemplate(template), replicas: 2, paused: false, version });
    },
  ],
];

/** What another operator would make of a plan: the same, for somebody else. */
function foreign({ metadata, ...rest }: PlannedObject, namespace: string): object {
  return { ...rest, metadata: { name: metadata.name, namespace } };
}

describe('a child of a pooler', () => {
  for (const [resource, planned] of CHILDREN) {
    it(`that is as it should be is not written: ${resource.kind}`, async () => {
      const stored = (): Promise<KubeObject> =>
        get(api.client, resource, pooler.metadata.namespace, planned().metadata.name);
      const writer: ChildWriter = { client: spoiled.client, observed: () => undefined };
      const writes = (): number => spoiled.proxy.requests.filter(({ method }) => method !== 'GET').length;
      const pass = async (live: KubeObject | undefined): Promise<Written['kind']> =>
        (await applyChild(writer, pooler, resource, planned(), live)).kind;

      const before = writes();
      assert.equal(await pass(undefined), 'written');
      assert.equal(writes(), before + 1);
      // The server has filled in its defaults, and controllers write status, annotations and the like.
      await sleep(1_000);
      for (let round = 0; round < 3; round += 1) assert.equal(await pass(await stored()), 'unchanged');
      // Nor when the cache has not seen it yet: the API server does not create it twice, and it is read.
      const { resourceVersion } = (await stored()).metadata;
      assert.equal(await pass(undefined), 'unchanged');
      assert.equal((await stored()).metadata.resourceVersion, resourceVersion);
      const refused = writes() - before - 1;
      const others = { metadata: { annotations: { 'cloud.example/of-others': 'yes' }, labels: { others: 'yes' } } };
      await mergePatch(api.client, resource, pooler.metadata.namespace, planned().metadata.name, others);
      assert.equal(await pass(await stored()), 'unchanged');
      assert.equal(writes(), before + 1 + refused);

      const ours = Object.keys(planned().metadata.labels ?? {})[0] ?? '';
      const edited = { metadata: { labels: { [ours]: 'edited' } } };
      await mergePatch(api.client, resource, pooler.metadata.namespace, planned().metadata.name, edited);
      assert.equal(await pass(await stored()), 'written');
      assert.equal(writes(), before + 2 + refused);
      assert.equal((await stored()).metadata.annotations?.['cloud.example/of-others'], 'yes');
    });
  }
});

describe('an object of somebody else, where a child should be', () => {
  for (const [resource, planned] of [...CHILDREN, [SECRETS, () => adminSecret(pooler, { password: 'x' })] as const]) {
    it(`is not touched, however like the child it is: ${resource.kind}`, async () => {
      const namespace = await api.namespace();
      const wanted = { ...planned(), metadata: { ...planned().metadata, namespace } };
      const theirs = await create<KubeObject>(api.client, resource, foreign(wanted, namespace), namespace);
      const writer: ChildWriter = { client: api.client, observed: () => undefined };
      const written = await applyChild(writer, pooler, resource, wanted, undefined);
      assert.deepEqual(written, {
        kind: 'collision',
        object: `${resource.kind} ${wanted.metadata.name}`,
        owner: 'nobody',
      });
      const after = await get<KubeObject>(api.client, resource, namespace, wanted.metadata.name);
      assert.equal(after.metadata.uid, theirs.metadata.uid);
      assert.deepEqual([after.metadata.labels, after.metadata.ownerReferences], [undefined, undefined]);
    });

    it(`is never taken over by who comes at the same moment: ${resource.kind}`, async () => {
      const namespace = await api.namespace();
      const wanted = { ...planned(), metadata: { ...planned().metadata, namespace } };
      const writer: ChildWriter = { client: api.client, observed: () => undefined };
      const [ours, theirs] = await Promise.allSettled([
        applyChild(writer, pooler, resource, wanted, undefined),
        create<KubeObject>(api.client, resource, foreign(wanted, namespace), namespace),
      ]);
      assert.equal(ours.status, 'fulfilled');
      // Exactly one of the two is there.
      assert.equal(ours.status === 'fulfilled' && ours.value.kind === 'written', theirs.status === 'rejected');
    });
  }
});
