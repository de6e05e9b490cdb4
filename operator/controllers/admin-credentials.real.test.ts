import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { adminSecretName } from '../api/names.ts';
import { getIfThere } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import type { SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

await inOwnNetwork(import.meta.filename, () => {
  describe("the Secret with the operator's logins", () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage();
    });
    after(() => stage?.stop());

    const stored = (): Promise<SecretObject | undefined> =>
      getIfThere(stage.client, SECRETS, stage.namespace, adminSecretName('app'));

    it('that somebody deletes is put back, and neither this operator nor the next replaces a pod for it', async () => {
      await stage.proved('app', await stage.pooler('app', { replicas: 2 }));
      const [pods, was] = [await stage.pods('app'), await stored()];
      assert.ok(was?.data);
      await stage.kubectl(['delete', 'secret', adminSecretName('app')]);
      await until('the Secret', async () => {
        const now = await stored();
        return now !== undefined && now.metadata.uid !== was.metadata.uid ? true : 'it is gone';
      });
      assert.deepEqual((await stored())?.data, was.data);
      await stage.replaceOperator();
      await stage.proved('app', await stage.pooler('app', { replicas: 2, maxClientConnections: 77 }));
      assert.deepEqual(await stage.pods('app'), pods);
    });
  });
});
