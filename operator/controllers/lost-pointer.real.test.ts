import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ANNOTATION_INPUTS,
  ANNOTATION_POINTER,
  ANNOTATION_PROVED,
  ANNOTATION_PROVED_TIME,
  LABEL_INSTANCE,
  LABEL_ROLE,
} from '../api/names.ts';
import { createInformer } from '../kube/informer.ts';
import { list, mergePatch } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { PROVED_FILE, pointerIn } from '../plan/revision-files.ts';
import { issue, issueAuthority } from '../plan/testing/issue.ts';
import { filesIn, type SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const ALL: readonly string[] = [ANNOTATION_POINTER, ANNOTATION_PROVED, ANNOTATION_PROVED_TIME, ANNOTATION_INPUTS];

await inOwnNetwork(import.meta.filename, () => {
  describe('a configuration Secret', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=600s'] });
      const { certificate, key } = issue({
        commonName: 'app',
        use: 'server',
        names: ['app'],
        issuer: issueAuthority('ours'),
      });
      await stage.secret('tls', { 'tls.crt': certificate, 'tls.key': key });
    });
    after(() => stage?.stop());

    const configOf = async (name: string): Promise<SecretObject> => {
      const labelSelector = `${LABEL_INSTANCE}=${name},${LABEL_ROLE}=config`;
      const [secret, ...others] = (await list<SecretObject>(stage.client, SECRETS, stage.namespace, { labelSelector }))
        .items;
      assert.ok(secret !== undefined && others.length === 0);
      return secret;
    };

    for (const [name, lost, spec] of [
      ['everything', ALL, {}],
      ['pointer', [ANNOTATION_POINTER], {}],
      ['proof', [ANNOTATION_PROVED], {}],
      // What is served is proved too.
      ['with-tls', ALL, { tls: { client: { mode: 'require', secretRef: { name: 'tls' } } } }],
    ] as const) {
      it(`that loses annotations (${name}) while a change waits: the pointer moves only to what pods have proved`, async () => {
        await stage.proved(name, await stage.pooler(name, spec));
        // Hands off, so that both are found at the same moment, as by an operator that was just started.
        await stage.pooler(name, { ...spec, suspend: true });
        await stage.says(name, 'Reconciling', 'Suspended');
        const { metadata } = await configOf(name);
        const annotations = Object.fromEntries(lost.map((annotation) => [annotation, null]));
        await mergePatch(stage.client, SECRETS, stage.namespace, metadata.name, { metadata: { annotations } });

        const ending = new AbortController();
        const moves: string[] = [];
        const versions = createInformer<SecretObject>(stage.client, SECRETS, {
          fieldSelector: `metadata.name=${metadata.name}`,
        });
        versions.onChange(({ old, new: current }) => {
          const [before, now] = [old, current].map((secret) => secret && pointerIn(filesIn(secret)[PROVED_FILE] ?? ''));
          const proved = current?.metadata.annotations?.[ANNOTATION_PROVED];
          if (old !== undefined && before !== now)
            moves.push(now === proved ? 'proved' : `to ${now}, proved ${proved}`);
        });
        versions.start(ending.signal);
        await versions.synced();
        await stage.proved(name, await stage.pooler(name, { ...spec, maxClientConnections: 321 }));
        await until('the watch to have seen it', async () => (moves.length > 0 ? true : 'nothing'));
        ending.abort();
        assert.deepEqual(moves, ['proved']);
        assert.equal((await stage.read(name)).status?.pods?.length, 1);
      });
    }

    it('that loses its annotations while nothing changes has them again, and its pods go on', async () => {
      const [before, processes] = [await configOf('pointer'), (await stage.read('pointer')).status?.pods];
      const annotations = Object.fromEntries(ALL.map((annotation) => [annotation, null]));
      await mergePatch(stage.client, SECRETS, stage.namespace, before.metadata.name, { metadata: { annotations } });
      await until('the annotations', async () => {
        const { metadata } = await configOf('pointer');
        const restored = [ANNOTATION_POINTER, ANNOTATION_PROVED].every(
          (annotation) => metadata.annotations?.[annotation] === before.metadata.annotations?.[annotation],
        );
        return restored ? true : JSON.stringify(metadata.annotations);
      });
      assert.deepEqual((await configOf('pointer')).data, before.data);
      assert.deepEqual((await stage.read('pointer')).status?.pods, processes);
    });

    it("that becomes somebody else's is not written to, and said to be in the way, until it is gone", async () => {
      await stage.proved('taken', await stage.pooler('taken'));
      const { metadata } = await configOf('taken');
      await mergePatch(stage.client, SECRETS, stage.namespace, metadata.name, { metadata: { ownerReferences: null } });
      const { metadata: ours } = await configOf('taken');
      const generation = await stage.pooler('taken', { maxClientConnections: 321 });
      await stage.says('taken', 'Stalled', 'NameCollision');
      const stalled = await stage.condition('taken', 'Stalled');
      assert.match(stalled?.message ?? '', new RegExp(`^Secret ${metadata.name} exists and belongs to nobody`));
      assert.equal((await configOf('taken')).metadata.resourceVersion, ours.resourceVersion);
      await stage.kubectl(['delete', 'secret', metadata.name]);
      await stage.proved('taken', generation);
    });
  });
});
