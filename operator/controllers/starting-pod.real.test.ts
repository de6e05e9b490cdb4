import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LABEL_ROLE } from '../api/names.ts';
import { list } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { filesIn, type SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

await inOwnNetwork(import.meta.filename, () => {
  describe('a pod that starts while the pointer moves', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage();
    });
    after(() => stage?.stop());

    const revisionsKept = async (): Promise<readonly string[]> => {
      const { items } = await list<SecretObject>(stage.client, SECRETS, stage.namespace, {
        labelSelector: `${LABEL_ROLE}=config`,
      });
      return items.flatMap((secret) => Object.keys(filesIn(secret)).filter((name) => name.endsWith('.hba')));
    };
    /** As its kubelet would. */
    const reports = (pod: string, ready: 'True' | 'False', state: object): Promise<unknown> =>
      stage.kubectl([
        ...['patch', 'pod', pod, '--subresource=status', '--type=json', '--patch'],
        JSON.stringify([
          { op: 'replace', path: '/status/containerStatuses/0/state', value: state },
          { op: 'replace', path: '/status/conditions', value: [{ type: 'Ready', status: ready }] },
        ]),
      ]);

    it('finds the files that the pointer led to before, which go with the next change', async () => {
      await stage.proved('app', await stage.pooler('app', { replicas: 2 }));
      assert.equal((await revisionsKept()).length, 1);
      const [first] = await stage.pods('app');
      assert.ok(first);
      await reports(first.name, 'False', { waiting: { reason: 'ContainerCreating' } });
      await until('the operator to see that it starts', async () => {
        const { status } = await stage.read('app');
        return status?.pods?.find(({ name }) => name === first.name)?.ready === false ? true : 'not yet';
      });

      const before = (await stage.read('app')).status?.config?.revision;
      await stage.pooler('app', { replicas: 2, maxClientConnections: 321 });
      await until('the change to be proved on the pod that runs', async () => {
        const { revision, provedReplicas } = (await stage.read('app')).status?.config ?? {};
        return revision !== before && provedReplicas === 1 ? true : `${revision} on ${provedReplicas}`;
      });
      assert.equal((await revisionsKept()).length, 2);

      await reports(first.name, 'True', { running: { startedAt: new Date().toISOString() } });
      await stage.proved('app', await stage.pooler('app', { replicas: 2, maxClientConnections: 322 }));
      assert.equal((await revisionsKept()).length, 1);
    });
  });
});
