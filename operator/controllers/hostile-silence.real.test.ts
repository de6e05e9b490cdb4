import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { POOLERS } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { createInformer, type Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const HEALTHY = Array.from({ length: 49 }, (_, index) => `healthy-${index}`);
const WORKERS = 16;
/** More than workers, and more than changes that may happen at once. */
const MANY = Array.from({ length: 2 * WORKERS }, (_, index) => `hanging-${index}`);
const AT_ONCE = 5;

const accepts = (): void => undefined;

await inOwnNetwork(import.meta.filename, () => {
  describe('49 poolers beside others whose pods accept and never answer', () => {
    const ending = new AbortController();
    let stage: Stage;
    let poolers: Informer<ConnectionPooler & KubeObject>;
    let clients = 100;
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=2s', `--workers=${WORKERS}`] });
      poolers = createInformer<ConnectionPooler & KubeObject>(stage.client, POOLERS, {});
      poolers.start(ending.signal);
      await poolers.synced();
      const generations = await Promise.all(
        HEALTHY.map(async (name) => ({ name, generation: await stage.pooler(name) })),
      );
      for (const { name, generation } of generations) await stage.proved(name, generation);
    });
    after(async () => {
      ending.abort();
      await stage?.stop();
    });

    const isProved = (name: string, generation: number): boolean => {
      const conditions = poolers.get(`${stage.namespace}/${name}`)?.status?.conditions ?? [];
      const ready = conditions.find(({ type }) => type === 'Ready');
      return ready?.status === 'True' && (ready.observedGeneration ?? 0) >= generation;
    };
    /** Milliseconds from the write until the status says that it was proved. */
    const change = async (name: string): Promise<number> => {
      const seen = Promise.withResolvers<void>();
      const started = performance.now();
      const generation = await stage.pooler(name, { maxClientConnections: clients });
      poolers.onChange(() => {
        if (isProved(name, generation)) seen.resolve();
      });
      if (isProved(name, generation)) seen.resolve();
      await seen.promise;
      return performance.now() - started;
    };
    /** All healthy ones, a few at a time. */
    const changeAll = async (): Promise<string> => {
      clients += 1;
      const waiting = [...HEALTHY];
      const took: number[] = [];
      const worker = async (): Promise<void> => {
        for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) took.push(await change(name));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      took.sort((a, b) => a - b);
      const at = (share: number): number => Math.round(took[Math.floor(took.length * share)] ?? 0);
      return `change to proved: median ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(0.999)} ms`;
    };
    const isTold = (name: string): Promise<void> =>
      until(`${name} to be told on`, async () => {
        const message = (await stage.condition(name, 'ConfigSynced'))?.message ?? '';
        return message.includes(`${name}-`) && message.includes('no answer to the login') ? true : message;
      });
    const inFlight = (): number => stage.node.connections();

    it('are changed as fast beside one of them, and beside more of them than there are workers', async (test) => {
      await changeAll();
      test.diagnostic(`without: ${await changeAll()}`);

      await stage.pooler('hanging', {}, accepts);
      await until('the first session to hang', async () => (inFlight() > 0 ? true : 'none'));
      test.diagnostic(`beside one that hangs for the first time: ${await changeAll()}`);
      await isTold('hanging');
      assert.notEqual((await stage.condition('hanging', 'ConfigSynced'))?.status, 'True');

      await Promise.all(MANY.map((name) => stage.pooler(name, {}, accepts)));
      await until('more sessions to hang than there are workers', async () =>
        inFlight() > WORKERS ? true : `${inFlight()}`,
      );
      test.diagnostic(`beside ${MANY.length} that hang for the first time: ${await changeAll()}`);
      for (const name of MANY) await isTold(name);
      // All of them want a change at the same moment, as after a rotation of a Secret that they share.
      await Promise.all(MANY.map((name) => stage.pooler(name, { maxClientConnections: 5 })));
      test.diagnostic(`beside ${MANY.length} that hang once more: ${await changeAll()}`);
      await until('sessions to hang still', async () => (inFlight() > 0 ? true : 'none'));
      for (const name of MANY) assert.notEqual((await stage.condition(name, 'ConfigSynced'))?.status, 'True');
      assert.ok(stage.operator.running());
    });

    it('are looked at as before: one that stops answering is told on, and so is that it answers again', async () => {
      for (const name of HEALTHY) assert.equal(await stage.operator.metric('pgbouncer_up', `pooler="${name}"`), 1);
      assert.equal(await stage.operator.metric('pgbouncer_up', 'pooler="hanging-1"'), 0);
      const [pod] = (await stage.read('healthy-0')).status?.pods ?? [];
      const saturated = async (): Promise<string> =>
        (await stage.condition('healthy-0', 'PoolSaturated'))?.message ?? '';
      stage.node.process(pod?.name ?? '')?.kill('SIGSTOP');
      await until('its silence to be named', async () => {
        const message = await saturated();
        return message.includes(`the console of ${pod?.name} cannot be read`) ? true : message;
      });
      assert.equal((await stage.condition('healthy-0', 'ConfigSynced'))?.status, 'True');
      stage.node.process(pod?.name ?? '')?.kill('SIGCONT');
      await until('its answers to be seen', async () => {
        const message = await saturated();
        return message.includes('cannot be read') ? message : true;
      });
      assert.doesNotMatch(stage.operator.output(), /TypeError/);
    });
  });
});
