import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AFTER_LOGIN, BEFORE_LOGIN, ESCAPED_POOL, IN_POOLS } from '../console/testing/impostors.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const IMPOSTORS = [...BEFORE_LOGIN, ...AFTER_LOGIN, ...IN_POOLS].map((impostor, index) => ({
  ...impostor,
  pooler: `impostor-${index}`,
}));
/**
 * Megabytes that all impostors together may cost, looked at every second, on top of what the operator takes without
 * them. Generous: a heap without a limit is collected late.
 */
const COST = 400;
const CONTROL = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

await inOwnNetwork(import.meta.filename, () => {
  describe('an operator whose poolers have impostors for pods', () => {
    let stage: Stage;
    let memoryBefore: number;
    let clients = 100;
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=1s'] });
      for (const name of ['good-a', 'good-b'])
        await stage.proved(name, await stage.pooler(name, { replicas: 2, maxClientConnections: clients }));
      await sleep(5_000);
      memoryBefore = (await stage.operator.memory()).now;
      for (const { pooler, act } of IMPOSTORS)
        await stage.pooler(pooler, {}, (socket, { passwords }) => act(socket, passwords));
    });
    after(() => stage?.stop());

    const changeGoodOnes = async (): Promise<void> => {
      clients += 1;
      for (const name of ['good-a', 'good-b'])
        await stage.proved(name, await stage.pooler(name, { replicas: 2, maxClientConnections: clients }));
    };

    it('proves changes of the others all the while', async () => {
      for (let change = 0; change < 5; change += 1) await changeGoodOnes();
    });

    for (const { pooler, does, fault } of IMPOSTORS) {
      it(`names the pod that ${does}, and what is wrong`, async () => {
        await until(`${pooler} to be told on (${fault})`, async () => {
          const { status } = await stage.read(pooler);
          const messages = (status?.conditions ?? []).map(({ message }) => message);
          return messages.some((message) => message.includes(`${pooler}-`) && fault.test(message))
            ? true
            : messages.join('\n');
        });
        assert.equal((await stage.condition(pooler, 'Ready'))?.status, 'False');
      });
    }

    it('shows a pool whose name would clear a terminal, spelled out', async () => {
      await stage.pooler('escaped', { databases: [{ name: '*' }] }, (socket, { passwords }) =>
        ESCAPED_POOL.act(socket, passwords),
      );
      await until('the pool to be shown', async () => {
        const { status } = await stage.read('escaped');
        return ESCAPED_POOL.fault.test(status?.pools?.[0]?.database ?? '') ? true : JSON.stringify(status?.pools);
      });
    });

    it('still proves changes, stays up, and stays within its memory', async (test) => {
      // Long enough for every impostor to be looked at and tried many times: what piles up would show.
      const seen: number[] = [];
      for (let second = 0; second < 24; second += 1) {
        await changeGoodOnes();
        await sleep(500);
        if (second % 6 === 5) seen.push((await stage.operator.memory()).now);
      }
      assert.ok(stage.operator.running());
      const { peak } = await stage.operator.memory();
      test.diagnostic(`${memoryBefore} MB before, then ${seen.join(', ')} MB, ${peak} MB at most`);
      assert.ok(peak < memoryBefore + COST, `${memoryBefore} MB before, ${peak} MB at most`);
      assert.equal(await stage.operator.metric('pgbouncer_up', 'pooler="good-a"'), 2);
      assert.equal(await stage.operator.metric('pgbouncer_up', 'pooler="impostor-0"'), 0);
    });

    it('repeats nothing raw, in the log or in a status, and no password', async () => {
      const poolers = JSON.stringify(JSON.parse(await stage.kubectl(['get', 'cpool', '-o', 'json'])));
      const texts = [...poolers.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([text]) => String(JSON.parse(text)));
      for (const text of texts) assert.doesNotMatch(text, CONTROL);
      const output = stage.operator.output();
      assert.doesNotMatch(output, CONTROL);
      assert.doesNotMatch(output, /TypeError|RangeError|uncaught/);
      for (const name of ['good-a', 'impostor-0']) {
        const secret = JSON.parse(await stage.kubectl(['get', 'secret', `${name}-admin`, '-o', 'json'])) as {
          readonly data: Readonly<Record<string, string>>;
        };
        for (const key of ['password', 'stats-password', 'revision-key'])
          assert.ok(!output.includes(Buffer.from(secret.data[key] ?? '', 'base64').toString()), key);
      }
    });
  });
});
