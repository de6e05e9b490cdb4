import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import { create, get, mergePatch } from '../kube/operations.ts';
import { DEPLOYMENTS, POD_DISRUPTION_BUDGETS, type Resource, SERVICE_ACCOUNTS, SERVICES } from '../kube/resources.ts';
import { type RealApi, type Spoiled, startRealApi } from '../kube/testing/real-api.ts';
import { deployment, disruptionBudget, type PlannedObject, service, serviceAccount } from '../plan/objects.ts';
import { planPodTemplate } from '../plan/pod-template.ts';
import { POOLERS } from './caches.ts';
import { applyChild, type ChildWriter, type Written } from './children.ts';

let api: RealApi;
let spoiled: Spoiled;
let pooler: ConnectionPooler & KubeObject;
before(async () => {
  // With controllers: what they write beside us must not make us write.
  api = await startRealApi({ controllers: ['deployment-controller', 'disruption-controller'] });
  spoiled = await api.spoiled();
  await api.controlPlane?.kubectl(['apply', '--server-side', '-f', 'crds']);
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
      // Nor when the cache has not seen it yet: it is read, and not written.
      assert.equal(await pass(undefined), 'unchanged');
      const others = { metadata: { annotations: { 'cloud.example/of-others': 'yes' }, labels: { others: 'yes' } } };
      await mergePatch(api.client, resource, pooler.metadata.namespace, planned().metadata.name, others);
      assert.equal(await pass(await stored()), 'unchanged');
      assert.equal(writes(), before + 1);

      const ours = Object.keys(planned().metadata.labels ?? {})[0] ?? '';
      const edited = { metadata: { labels: { [ours]: 'edited' } } };
      await mergePatch(api.client, resource, pooler.metadata.namespace, planned().metadata.name, edited);
      assert.equal(await pass(await stored()), 'written');
      assert.equal(writes(), before + 2);
      assert.equal((await stored()).metadata.annotations?.['cloud.example/of-others'], 'yes');
    });
  }
});
