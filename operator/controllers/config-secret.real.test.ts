import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LABEL_INSTANCE, LABEL_ROLE } from '../api/names.ts';
import { list, mergePatch } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import type { SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

await inOwnNetwork(import.meta.filename, () => {
  describe('a configuration Secret that a hand edits', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=600s'] });
    });
    after(() => stage?.stop());

    const stored = async (): Promise<SecretObject | undefined> => {
      const labelSelector = `${LABEL_INSTANCE}=app,${LABEL_ROLE}=config`;
      return (await list<SecretObject>(stage.client, SECRETS, stage.namespace, { labelSelector })).items[0];
    };

    it('while its first pod is being proved is put right all the same', async () => {
      const generation = await stage.pooler('app');
      // The console keeps the operator waiting: the edit falls into the middle of the proof.
      await until('a process that listens', async () => {
        const [pod] = await stage.pods('app');
        const process = stage.node.process(pod?.name ?? '');
        if (process?.log().includes('process up') !== true) return 'none';
        process.kill('SIGSTOP');
        return true;
      });
      await sleep(1_500);
      const secret = await stored();
      const [name, value] =
        Object.entries(secret?.data ?? {}).find(([key]) => key.endsWith('.ini') && key !== 'proved.ini') ?? [];
      assert.ok(secret !== undefined && name !== undefined && value !== undefined);
      const edited = Buffer.from(`; a hand was here\n${Buffer.from(value, 'base64')}`).toString('base64');
      await mergePatch(stage.client, SECRETS, stage.namespace, secret.metadata.name, { data: { [name]: edited } });
      const [pod] = await stage.pods('app');
      stage.node.process(pod?.name ?? '')?.kill('SIGCONT');
      await stage.proved('app', generation);
      await until('the file to be what it was', async () =>
        (await stored())?.data?.[name] === value ? true : 'it is not',
      );
    });
  });
});
