import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const WORKERS = 2;
/** Many times the workers: one after the other would take some ten seconds. */
const HANGING = Array.from({ length: 4 * WORKERS }, (_, index) => `hanging-${index}`);

await inOwnNetwork(import.meta.filename, () => {
  describe('a database that is to be paused on pods whose consoles hang', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=600s', `--workers=${WORKERS}`] });
    });
    after(() => stage?.stop());

    const freeze = async (signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> => {
      for (const name of HANGING) for (const pod of await stage.pods(name)) stage.node.process(pod.name)?.kill(signal);
    };
    const synced = async (name: string): Promise<string> => {
      const found = await stage.condition(name, 'ConfigSynced');
      return `${found?.status} of ${found?.observedGeneration}: ${found?.message}`;
    };

    it('is not told to be, holds up no change of another pooler, and is paused as soon as they answer', async () => {
      const generations = await Promise.all(
        [...HANGING, 'well'].map(async (name) => ({ name, generation: await stage.pooler(name) })),
      );
      for (const { name, generation } of generations) await stage.proved(name, generation);

      await freeze('SIGSTOP');
      const paused = await Promise.all(
        HANGING.map((name) => stage.pooler(name, { databases: [{ name: 'app', state: 'Paused' }] })),
      );
      await stage.proved('well', await stage.pooler('well', { maxClientConnections: 123 }));
      const told = await Promise.all(HANGING.map(synced));
      assert.ok(told.filter((said) => said.includes('no answer')).length < HANGING.length, told.join('\n'));
      for (const [index, name] of HANGING.entries())
        await until(`${name} to be told on`, async () => {
          const said = await synced(name);
          return said.startsWith(`False of ${paused[index]}: `) ? true : said;
        });

      await freeze('SIGCONT');
      for (const [index, name] of HANGING.entries()) await stage.proved(name, paused[index] ?? 0);
      const [pod] = await stage.pods('hanging-0');
      assert.match(stage.node.process(pod?.name ?? '')?.log() ?? '', /PAUSE 'app' command issued/);
    });
  });
});
