import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { apiAccess } from './access.ts';
import { createKubeClient, type ObservedCall } from './client.ts';
import {
  ApiError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
} from './errors.ts';
import type { KubeObject } from './objects.ts';
import { apply, create, get, list, mergePatch, remove, update } from './operations.ts';
import { DEPLOYMENTS, NAMESPACES, type Resource, SECRETS, SERVICES } from './resources.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

let api: RealApi;
let namespace: string;
before(async () => {
  api = await startRealApi();
  namespace = await api.namespace();
});
after(() => api.stop());

const configMap = (name: string, data?: Readonly<Record<string, string>>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  ...(data ? { data } : {}),
});

describe('operations on a real API server', () => {
  it('server-side apply creates, changes, and removes what is not said any more', async () => {
    const options = { fieldManager: 'test', force: true };
    const first = await apply<ConfigMap>(api.client, CONFIG_MAPS, configMap('applied', { a: '1', b: '2' }), options);
    const second = await apply<ConfigMap>(api.client, CONFIG_MAPS, configMap('applied', { a: '1' }), options);
    assert.deepEqual(second.data, { a: '1' });
    assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const third = await apply<ConfigMap>(api.client, CONFIG_MAPS, configMap('applied', { a: '1' }), options);
    assert.equal(
      third.metadata.resourceVersion,
      second.metadata.resourceVersion,
      'nothing changed, nothing is written',
    );
  });

  it('server-side apply conflicts over a field of another manager, unless forced', async () => {
    await apply(api.client, CONFIG_MAPS, configMap('fought-over', { a: '1' }), { fieldManager: 'one' });
    const other = apply(api.client, CONFIG_MAPS, configMap('fought-over', { a: '2' }), { fieldManager: 'two' });
    await assert.rejects(other, isConflict);
    const forced = { fieldManager: 'two', force: true };
    const won = await apply<ConfigMap>(api.client, CONFIG_MAPS, configMap('fought-over', { a: '2' }), forced);
    assert.deepEqual(won.data, { a: '2' });
  });

  it('a dry run changes nothing', async () => {
    const options = { fieldManager: 'test', force: true, dryRun: true };
    await apply(api.client, CONFIG_MAPS, configMap('dry', { a: '1' }), options);
    await create(api.client, CONFIG_MAPS, configMap('dry'), namespace, { dryRun: true });
    await assert.rejects(get(api.client, CONFIG_MAPS, namespace, 'dry'), isNotFound);
  });

  it('creating twice says that it exists', async () => {
    await create(api.client, CONFIG_MAPS, configMap('once'), namespace);
    await assert.rejects(create(api.client, CONFIG_MAPS, configMap('once'), namespace), isAlreadyExists);
  });

  it('replacing an old version conflicts', async () => {
    const old = await create<ConfigMap>(api.client, CONFIG_MAPS, configMap('versions'), namespace);
    await update(api.client, CONFIG_MAPS, { ...old, data: { a: '1' } } as ConfigMap);
    await assert.rejects(update(api.client, CONFIG_MAPS, old), isConflict);
  });

  it('a merge patch onto another object of the name, or another version of it, conflicts', async () => {
    const { metadata } = await create<ConfigMap>(api.client, CONFIG_MAPS, configMap('patched'), namespace);
    const patch = { data: { a: '1' } };
    const ours = { metadata: { uid: metadata.uid }, ...patch };
    assert.deepEqual((await mergePatch<ConfigMap>(api.client, CONFIG_MAPS, namespace, 'patched', ours)).data, {
      a: '1',
    });
    const older = { metadata: { resourceVersion: metadata.resourceVersion }, ...patch };
    await assert.rejects(mergePatch(api.client, CONFIG_MAPS, namespace, 'patched', older), isConflict);
    const another = { metadata: { uid: crypto.randomUUID() }, ...patch };
    await assert.rejects(mergePatch(api.client, CONFIG_MAPS, namespace, 'patched', another), isConflict);
  });

  it('removing another object of the name conflicts, and removing what is gone says so', async () => {
    const { metadata } = await create<ConfigMap>(api.client, CONFIG_MAPS, configMap('removed'), namespace);
    await assert.rejects(
      remove(api.client, CONFIG_MAPS, namespace, 'removed', { uid: crypto.randomUUID() }),
      isConflict,
    );
    const resourceVersion = metadata.resourceVersion ?? '';
    await remove(api.client, CONFIG_MAPS, namespace, 'removed', { resourceVersion });
    await assert.rejects(remove(api.client, CONFIG_MAPS, namespace, 'removed'), isNotFound);
  });

  it('lists everything, however many pages it takes', async () => {
    const many = await api.namespace();
    const names = Array.from({ length: 1_050 }, (_, index) => `many-${index}`);
    const object = (name: string) => ({ ...configMap(name), metadata: { name, namespace: many } });
    await Promise.all(names.map((name) => create(api.client, CONFIG_MAPS, object(name), many)));
    const { items } = await list(api.client, CONFIG_MAPS, many);
    assert.deepEqual(new Set(items.map(({ metadata }) => metadata.name)), new Set(names));
    const selected = await list(api.client, CONFIG_MAPS, many, { fieldSelector: 'metadata.name=many-7' });
    assert.equal(selected.items.length, 1);
    const everywhere = await list(api.client, NAMESPACES, undefined);
    assert.ok(everywhere.items.some(({ metadata }) => metadata.name === many));
  });

  it('an invalid object is refused with each field named', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'bad', namespace },
      spec: { ports: [{ port: 99_999 }] },
    };
    await assert.rejects(create(api.client, SERVICES, service, namespace), (error) => {
      assert.ok(isInvalid(error));
      assert.ok(
        error.causes.some(({ field }) => field === 'spec.ports[0].port'),
        JSON.stringify(error.causes),
      );
      return true;
    });
  });

  for (const [what, data] of [
    ['of the wrong type', { password: 123_456_789 }],
    ['that is no base64', { password: 'planted-not-base64' }],
    ['under a key that is none', { 'planted/key': 'cGxhbnRlZA==' }],
  ] as const) {
    it(`the error about a Secret with contents ${what} repeats none of it`, async () => {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bad', namespace }, data };
      const attempts = [
        () => create(api.client, SECRETS, secret, namespace),
        () => apply(api.client, SECRETS, secret, { fieldManager: 'test', force: true }),
      ];
      for (const attempt of attempts) {
        await assert.rejects(attempt(), (error) => {
          assert.ok(error instanceof ApiError);
          assert.doesNotMatch(error.message, /planted-|123456789|cGxhbnRlZA/);
          return true;
        });
      }
    });
  }

  it('fields that no model of ours knows are kept', async () => {
    const labels = { app: 'kept' };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'kept', namespace },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x', resizePolicy: [] }] } },
      },
    };
    const applied = await apply<KubeObject & { spec: object }>(api.client, DEPLOYMENTS, deployment, {
      fieldManager: 'test',
    });
    const read = await get<KubeObject & { spec: object }>(api.client, DEPLOYMENTS, namespace, 'kept');
    assert.deepEqual(read.spec, applied.spec);
  });

  it('goes over one connection when calls follow each other', async () => {
    await using proxy = await api.proxy();
    const client = await api.through(proxy);
    for (let count = 0; count < 200; count += 1) await get(client, NAMESPACES, undefined, namespace);
    assert.equal(proxy.connections(), 1);
    client.close();
  });

  it('a namespace that is being deleted is known by its error', {
    skip: process.env['POOLKEEPER_TEST_KUBECONFIG'] !== undefined,
  }, async () => {
    const ending = await api.namespace();
    // Without its controller a namespace ends, and never is gone.
    await remove(api.client, NAMESPACES, undefined, ending);
    const object = { ...configMap('late'), metadata: { name: 'late', namespace: ending } };
    await assert.rejects(create(api.client, CONFIG_MAPS, object, ending), isNamespaceTerminating);
  });

  it('keeps asking when the API server has too much to do, until it is done', {
    skip: process.env['POOLKEEPER_TEST_KUBECONFIG'] !== undefined,
  }, async () => {
    const user = 'crowd';
    await api.controlPlane?.kubectl([
      'create',
      'clusterrolebinding',
      user,
      '--clusterrole=cluster-admin',
      `--user=${user}`,
    ]);
    await api.controlPlane?.kubectl(['apply', '-f', '-'], narrowPriority(user));
    const file = (await api.controlPlane?.kubeconfigFor(user)) ?? '';
    const calls: ObservedCall[] = [];
    const crowd = createKubeClient(await apiAccess({ file }, {}), {
      userAgent: 'crowd',
      observe: (call) => calls.push(call),
      maxInFlight: 64,
    });
    const names = Array.from({ length: 200 }, (_, index) => `crowd-${index}`);
    const deadline = performance.now() + 60_000;
    // The level takes a moment to be in force.
    for (let round = 0; !calls.some(({ code }) => code === '429'); round += 1) {
      assert.ok(performance.now() < deadline, 'the API server never refused');
      const write = (name: string) =>
        apply(crowd, CONFIG_MAPS, configMap(name, { round: String(round) }), { fieldManager: 'crowd', force: true });
      const written = await Promise.all(names.map(write));
      assert.equal(written.length, names.length);
    }
    crowd.close();
  });

  it('what is forbidden is refused as such', {
    skip: process.env['POOLKEEPER_TEST_KUBECONFIG'] !== undefined,
  }, async () => {
    const file = (await api.controlPlane?.kubeconfigFor('nobody')) ?? '';
    const client = createKubeClient(await apiAccess({ file }, {}), { userAgent: 'nobody' });
    await assert.rejects(list(client, SECRETS, namespace), isForbidden);
    client.close();
  });
});

/** Lets one request of the user run at a time, and refuses the others. */
const narrowPriority = (user: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
        kind: 'PriorityLevelConfiguration',
        metadata: { name: user },
        spec: {
          type: 'Limited',
          limited: {
            nominalConcurrencyShares: 1,
            lendablePercent: 0,
            borrowingLimitPercent: 0,
            limitResponse: { type: 'Reject' },
          },
        },
      },
      {
        apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
        kind: 'FlowSchema',
        metadata: { name: user },
        spec: {
          priorityLevelConfiguration: { name: user },
          matchingPrecedence: 100,
          rules: [
            {
              subjects: [{ kind: 'User', user: { name: user } }],
              resourceRules: [
                { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
              ],
            },
          ],
        },
      },
    ],
  });
