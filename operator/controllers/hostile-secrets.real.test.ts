import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../kube/objects.ts';
import { list } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const COUNT = 512;
const ref = (name: string, key: string) => ({ name, key });
const USERS = Array.from({ length: COUNT }, (_, index) => `user-${index}`);
const usersOf = (secret: string) => USERS.map((name) => ({ name, passwordSecretRef: ref(secret, name) }));
const passwords = (bytes: number): Readonly<Record<string, string>> =>
  Object.fromEntries(USERS.map((name) => [name, randomBytes(bytes).toString('hex').slice(0, bytes)]));

await inOwnNetwork(import.meta.filename, () => {
  describe('Secrets of any size and content', () => {
    let stage: Stage;
    let slowest = 0;
    const ending = new AbortController();
    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=2s'] });
      for (const name of ['app', 'other']) await stage.proved(name, await stage.pooler(name));
      // How long the operator's event loop was busy with one thing: printed, not judged.
      const ask = async (): Promise<void> => {
        while (!ending.signal.aborted) {
          const started = performance.now();
          await stage.operator.healthy();
          slowest = Math.max(slowest, performance.now() - started);
          await sleep(10);
        }
      };
      ask().catch(() => undefined);
    });
    after(async () => {
      ending.abort();
      await stage?.stop();
    });

    /** What stands in the cluster for a pooler and must not move: its configuration and its pods. */
    const untouched = async (name: string): Promise<unknown> => {
      const secrets = await list<KubeObject>(stage.client, SECRETS, stage.namespace);
      const { status } = await stage.read(name);
      return {
        secrets: secrets.items
          .filter(({ metadata }) => metadata.name.startsWith(`${name}-`))
          .map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`),
        revision: status?.config?.revision,
        pods: status?.pods?.map((pod) => pod.name),
      };
    };
    const credentials = (name: string, pattern: RegExp): Promise<void> =>
      until(`CredentialsValid of ${name} to say ${pattern}`, async () => {
        const found = await stage.condition(name, 'CredentialsValid');
        return found?.status === 'False' && pattern.test(found.message) ? true : (found?.message ?? 'nothing');
      });

    it('a userlist of which no Secret could hold two is refused with the arithmetic, before anything is written', async () => {
      await stage.secret('large', passwords(1_900));
      const before = await untouched('app');
      await stage.pooler('app', { users: usersOf('large') });
      await credentials(
        'app',
        /spec\.users: make a configuration of \d+ bytes \(\d+ for 514 users, \d+ for settings and databases\), and a Secret of 1048576 bytes must hold two of them, 523776 each; use fewer users or databases, or shorter passwords, or split the pooler/,
      );
      assert.deepEqual(await untouched('app'), before);
      await stage.proved('app', await stage.pooler('app'));
    });

    it('the largest that fits is proved, and so is the next one beside it', async () => {
      for (const round of [1, 2]) {
        await stage.secret('fitting', passwords(950));
        await stage.proved(
          'app',
          await stage.pooler('app', { users: usersOf('fitting'), maxClientConnections: round }),
        );
      }
    });

    for (const [what, value, pattern] of [
      ['a password of a megabyte', 'x'.repeat(1_000_000), /has 1000000 bytes/],
      ['a megabyte of binary', randomBytes(1_000_000), /has 1000000 bytes/],
      ['a password that is no text', Buffer.from([0xff, 0xfe, 0x00, 0x80]), /is not UTF-8 text/],
      ['a password with terminal escapes', 'a\u001b[2Jb', /control character/],
      ['a password longer than PgBouncer takes', 'x'.repeat(70_000), /longer than the 65530 bytes/],
      ['an empty password', '', /is empty/],
    ] as const) {
      it(`${what} is named by reference, Secret and key, and nothing that runs is disturbed`, async () => {
        await stage.proved('app', await stage.pooler('app'));
        const before = await untouched('app');
        await stage.secret('odd', { password: value });
        await stage.pooler('app', { users: [{ name: 'app', passwordSecretRef: ref('odd', 'password') }] });
        await credentials('app', pattern);
        await credentials('app', /spec\.users\[0\]\.passwordSecretRef: .*\("odd\/password"\)/);
        assert.deepEqual(await untouched('app'), before);
      });
    }

    it('sixty Secrets of most of a megabyte are read a few at a time, and not kept', async (test) => {
      const filler = 'x'.repeat(700_000);
      const names = Array.from({ length: 60 }, (_, index) => `heavy-${index}`);
      for (const name of names) await stage.secret(name, { filler, password: 'short enough' });
      const before = (await stage.operator.memory()).peak;
      const users = names.map((name) => ({ name, passwordSecretRef: ref(name, 'password') }));
      await stage.proved('app', await stage.pooler('app', { users }));
      const after = (await stage.operator.memory()).peak;
      test.diagnostic(`${before} MB at most before, ${after} MB after`);
      assert.ok(after < before + 150, `${before} MB at most before, ${after} MB after`);
    });

    it('meanwhile the other pooler was changed as ever', async (test) => {
      await stage.proved('other', await stage.pooler('other', { maxClientConnections: 7 }));
      assert.ok(stage.operator.running());
      assert.doesNotMatch(stage.operator.output(), /TypeError|RangeError|xxxx/);
      test.diagnostic(`the operator answered /healthz within ${Math.round(slowest)} ms at the slowest`);
    });
  });
});
