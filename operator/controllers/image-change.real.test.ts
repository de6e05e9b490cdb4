import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LABEL_INSTANCE, LABEL_TEMPLATE } from '../api/names.ts';
import type { KubeObject } from '../kube/objects.ts';
import { list } from '../kube/operations.ts';
import { PODS, SECRETS } from '../kube/resources.ts';
import { parseIni } from '../pgbouncer/parse-ini.ts';
import { formatVersion, versionFromImage } from '../pgbouncer/version.ts';
import { filesIn, type SecretObject } from './secret-object.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
}

const NAME = 'app';
/** What is called otherwise in another version, or is in only some of them. */
const common = (image: string, clients: number) => ({
  replicas: 2,
  image: `pgbouncer:${image}`,
  maxClientConnections: clients,
  backends: [{ hosts: ['127.0.0.1', '127.0.0.2'] }],
  databases: [{ name: 'app', poolSize: 4, reservePoolSize: 2 }],
});
const NEW_ONLY = {
  users: [{ name: 'app', passwordSecretRef: { name: 'app', key: 'password' }, transactionTimeout: '30s' }],
  parameters: { query_wait_notify: 7, pool_idle_timeout: 60 },
};

await inOwnNetwork(import.meta.filename, () => {
  describe('an image that changes from one version of PgBouncer to another', () => {
    let stage: Stage;
    const ending = new AbortController();
    /** Files that a pod of another version could read, and how many were looked at. */
    const unreadable = new Set<string>();
    const read = new Map<string, Set<string>>();

    before(async () => {
      stage = await startStage({ flags: ['--observe-interval=2s'] });
      const look = async (): Promise<void> => {
        while (!ending.signal.aborted) {
          await lookAtFiles();
          await sleep(20);
        }
      };
      look().catch((error: unknown) => unreadable.add(String(error)));
    });
    after(async () => {
      ending.abort();
      await stage?.stop();
    });

    /** Every file that any pod could be told to read, with the reader of that pod's version. */
    async function lookAtFiles(): Promise<void> {
      const options = { labelSelector: `${LABEL_INSTANCE}=${NAME}` };
      const [pods, secrets] = await Promise.all([
        list<Pod>(stage.client, PODS, stage.namespace, options),
        list<SecretObject>(stage.client, SECRETS, stage.namespace, options),
      ]);
      for (const pod of pods.items) {
        const template = pod.metadata.labels?.[LABEL_TEMPLATE];
        const version = versionFromImage(pod.spec.containers[0]?.image ?? '');
        assert.ok(version);
        const own = secrets.items.find((secret) => secret.metadata.labels?.[LABEL_TEMPLATE] === template);
        for (const [name, text] of Object.entries(own === undefined ? {} : filesIn(own))) {
          if (!name.endsWith('.ini') || name === 'proved.ini') continue;
          const parsed = parseIni(text, version);
          const reader = formatVersion(version);
          read.set(reader, (read.get(reader) ?? new Set()).add(name));
          if (!parsed.ok) unreadable.add(`${pod.metadata.name} of ${reader}: ${name}:${parsed.line} ${parsed.problem}`);
        }
      }
    }

    const imagesOfPods = async (): Promise<ReadonlySet<string>> => {
      const pods = await list<Pod>(stage.client, PODS, stage.namespace, { labelSelector: `${LABEL_INSTANCE}=${NAME}` });
      return new Set(pods.items.map((pod) => pod.spec.containers[0]?.image ?? ''));
    };
    const both = (): Promise<void> =>
      until('pods of both versions', async () => {
        const images = await imagesOfPods();
        return images.size === 2 ? true : [...images].join();
      });
    const runs = async (image: string, clients: number): Promise<void> => {
      assert.deepEqual([...(await imagesOfPods())], [`pgbouncer:${image}`]);
      // Said by the consoles, which are looked at now and then.
      await until(`the consoles to say ${image}`, async () => {
        const { status } = await stage.read(NAME);
        return status?.version === image ? true : String(status?.version);
      });
      const { status } = await stage.read(NAME);
      const files = await stage.kubectl(['get', 'secret', '-o', 'json', '-l', `${LABEL_INSTANCE}=${NAME}`]);
      const inis = (JSON.parse(files) as { readonly items: readonly SecretObject[] }).items.flatMap((secret) =>
        Object.entries(filesIn(secret)).filter(([name]) => name === `${status?.config?.revision}.ini`),
      );
      assert.equal(inis.length, 1);
      assert.match(inis[0]?.[1] ?? '', new RegExp(`^max_client_conn = ${clients}$`, 'm'));
    };

    it('goes from 1.18 to 1.26, with a change of settings in the middle', async () => {
      await stage.proved(NAME, await stage.pooler(NAME, common('1.18.0', 101)));
      await runs('1.18.0', 101);
      await stage.pooler(NAME, common('1.26.1', 101));
      await both();
      await stage.proved(NAME, await stage.pooler(NAME, { ...common('1.26.1', 102), ...NEW_ONLY }));
      await until('the last pods of 1.18', async () => (await imagesOfPods()).size === 1 || 'both');
      await runs('1.26.1', 102);
    });

    it('does not go back while the specification holds what the old version does not know, and says what', async () => {
      await stage.pooler(NAME, { ...common('1.18.0', 102), ...NEW_ONLY });
      await until('the faults', async () => {
        const stalled = await stage.condition(NAME, 'Stalled');
        return stalled?.status === 'True' &&
          /spec\.users\[0\]\.transactionTimeout: needs PgBouncer 1\.25\.0/.test(stalled.message) &&
          /spec\.parameters\.query_wait_notify: needs PgBouncer 1\.25\.0/.test(stalled.message) &&
          /spec\.parameters\.pool_idle_timeout: needs PgBouncer 1\.26\.0/.test(stalled.message)
          ? true
          : `${stalled?.reason}: ${stalled?.message}`;
      });
      await runs('1.26.1', 102);
    });

    it('goes back to 1.18, with a change of settings in the middle, and names the holes of what it runs', async () => {
      await stage.pooler(NAME, common('1.18.0', 102));
      await both();
      await stage.proved(NAME, await stage.pooler(NAME, common('1.18.0', 103)));
      await until('the last pods of 1.26', async () => (await imagesOfPods()).size === 1 || 'both');
      await runs('1.18.0', 103);
      await until('the condition of the image', async () => {
        const outdated = await stage.condition(NAME, 'ImageOutdated');
        return outdated?.status === 'True' && /PgBouncer 1\.18\.0, which has .*CVE-2026-6664/.test(outdated.message)
          ? true
          : `${outdated?.reason}: ${outdated?.message}`;
      });
    });

    it('turns in the middle of the way', async () => {
      await stage.pooler(NAME, common('1.26.1', 104));
      await both();
      await stage.proved(NAME, await stage.pooler(NAME, common('1.18.0', 105)));
      await until('the last pods of 1.26', async () => (await imagesOfPods()).size === 1 || 'both');
      await runs('1.18.0', 105);
    });

    it('never handed a file to a version that does not know it, and none complained', () => {
      assert.deepEqual([...unreadable], []);
      for (const version of ['1.18.0', '1.26.1'])
        assert.ok((read.get(version)?.size ?? 0) >= 2, `${version}: ${[...(read.get(version) ?? [])].join()}`);
      const said = stage.node.said();
      assert.ok(said.length >= 6, `${said.length} processes`);
      for (const { pod, log } of said)
        assert.doesNotMatch(log, / ERROR |refuses its configuration|config file loading failed|unknown parameter/, pod);
    });
  });
});
