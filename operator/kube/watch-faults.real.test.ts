import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { erase, type Followed, following, write } from './testing/config-maps.ts';
import type { Fault, FaultProxy } from './testing/fault-proxy.ts';
import { equalsFreshList } from './testing/fresh-list.ts';
import type { SeenRequest } from './testing/protocol-server.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

let api: RealApi;
before(async () => {
  api = await startRealApi();
});
after(() => api.stop());

const isWatch = ({ query }: SeenRequest): boolean => query.get('watch') === 'true';
const described = ({ requests }: FaultProxy): readonly string[] =>
  requests.map((request) => (isWatch(request) ? `watch ${request.query.get('resourceVersion')}` : 'list'));

/** Spoils the next watches, one fault each; what comes after them is whole. */
const spoilWatches = (proxy: FaultProxy, ...faults: readonly Fault[]): void => {
  const left = [...faults];
  proxy.spoil((request) => (isWatch(request) ? left.shift() : undefined));
};

/** A change of each kind: something new, something changed, something gone, and a namesake. */
async function changeEverything(namespace: string): Promise<void> {
  await write(api.client, namespace, 'new');
  await write(api.client, namespace, 'changed', { changed: 'yes' });
  await erase(api.client, namespace, 'gone');
  await erase(api.client, namespace, 'again');
  await write(api.client, namespace, 'again', { again: 'yes' });
}

/** What has been told of each object: whether it came, changed or ended, in order. */
const told = ({ changes }: Followed): ReadonlyMap<string, string> => {
  const all = new Map<string, string>();
  for (const { old, new: current } of changes) {
    const { name } = (current ?? old)?.metadata ?? assert.fail('a change of nothing');
    const what = old === undefined ? 'came' : current === undefined ? 'ended' : 'changed';
    all.set(name, `${all.has(name) ? `${all.get(name)}, ` : ''}${what}`);
  }
  return all;
};

/** Follows a namespace through a proxy whose watches are spoilt, and checks what every fault must leave behind. */
async function survives(
  faults: readonly Fault[],
  check: (followed: Followed, proxy: FaultProxy) => void | Promise<void> = () => undefined,
): Promise<void> {
  const namespace = await api.namespace();
  for (const name of ['changed', 'gone', 'again']) await write(api.client, namespace, name);
  await using spoiled = await api.spoiled();
  // The first watch is spoilt, too: a fault that needs something to spoil gets what happens next.
  spoilWatches(spoiled.proxy, ...faults);
  await following(spoiled.client, namespace, async (followed) => {
    await changeEverything(namespace);
    await equalsFreshList(api.client, followed.informer, namespace);
    assert.deepEqual(
      told(followed),
      new Map([
        ['changed', 'came, changed'],
        ['gone', 'came, ended'],
        ['again', 'came, ended, came'],
        ['new', 'came'],
      ]),
    );
    await check(followed, spoiled.proxy);
    // And it goes on.
    await write(api.client, namespace, 'afterwards');
    await equalsFreshList(api.client, followed.informer, namespace);
  });
}

describe('a cache of a real API server is what a fresh list says, and tells each change once,', () => {
  it('when nothing goes wrong', () => survives([], (_followed, proxy) => assert.equal(proxy.requests.length, 2)));

  it('when its version is too old, and the server says so by the status of its answer', () =>
    survives([{ kind: 'refuse', status: 410, reason: 'Expired' }], (_followed, proxy) =>
      assert.deepEqual(
        described(proxy).map((request) => request.split(' ')[0]),
        ['list', 'watch', 'list', 'watch'],
      ),
    ));

  for (const afterLines of [0, 1]) {
    it(`when its version is too old, and the server says so in an event, after ${afterLines} others`, () =>
      survives([{ kind: 'error', afterLines, code: 410, reason: 'Expired' }], (_followed, proxy) =>
        assert.deepEqual(
          described(proxy).map((request) => request.split(' ')[0]),
          ['list', 'watch', 'list', 'watch'],
        ),
      ));
  }

  for (const afterLines of [0, 2]) {
    it(`when a line is cut in its middle after ${afterLines} others, without another list`, () =>
      survives(
        [
          { kind: 'truncate', afterLines },
          { kind: 'truncate', afterLines: 0 },
        ],
        ({ logs }, proxy) => {
          assert.equal(described(proxy).filter((request) => request === 'list').length, 1);
          assert.match(logs.join('\n'), /no JSON/);
        },
      ));
  }

  it('when the server fails in an event, or refuses', () =>
    survives([
      { kind: 'error', afterLines: 1, code: 500, reason: 'InternalError' },
      { kind: 'refuse', status: 503, reason: 'ServiceUnavailable' },
      { kind: 'refuse', status: 429, reason: 'TooManyRequests' },
    ]));

  it('when the server is so slow that each event comes in many pieces', () =>
    survives([{ kind: 'trickle', bytes: 16, everyMs: 2 }]));
});

describe('a cache of a real API server', () => {
  it('takes an object of a megabyte from a slow server, in a list and in a watch', async () => {
    const namespace = await api.namespace();
    await using spoiled = await api.spoiled();
    spoiled.proxy.spoil(() => ({ kind: 'trickle', bytes: 16 * 1024, everyMs: 5 }));
    await write(api.client, namespace, 'listed', { text: 'ä'.repeat(500_000) });
    await following(spoiled.client, namespace, async ({ informer, logs }) => {
      await equalsFreshList(api.client, informer, namespace);
      await write(api.client, namespace, 'watched', { text: 'ö'.repeat(500_000) });
      await equalsFreshList(api.client, informer, namespace);
      assert.deepEqual(logs, []);
    });
  });

  it('is carried on by bookmarks while nothing happens to it, and goes on from there without a list', async () => {
    const namespace = await api.namespace();
    const elsewhere = await api.namespace();
    await using spoiled = await api.spoiled();
    await write(api.client, namespace, 'quiet');
    await following(spoiled.client, namespace, async ({ informer, changes }) => {
      const other = await write(api.client, elsewhere, 'noise');
      const written = other.metadata.resourceVersion ?? '';
      // Every minute the server says how far it has come.
      assert.ok(await informer.waitFor(written, AbortSignal.timeout(150_000)), informer.resourceVersion());
      const watches = spoiled.proxy.requests.length;
      spoiled.proxy.cut();
      while (spoiled.proxy.requests.length === watches) await sleep(50);
      assert.deepEqual(
        described(spoiled.proxy).filter((request) => request === 'list'),
        ['list'],
      );
      const from = spoiled.proxy.requests.at(-1)?.query.get('resourceVersion') ?? '';
      assert.ok(Number(from) >= Number(written), `${from} after ${written}`);
      assert.equal(changes.length, 1);
    });
  });

  it('says how old it may be for as long as the server says nothing, and is as new as the server soon after', async () => {
    const namespace = await api.namespace();
    await using proxy = await api.proxy();
    const client = await api.through(proxy);
    const watchSeconds = 4;
    await following(
      client,
      namespace,
      async ({ informer }) => {
        proxy.be('swallow');
        await write(api.client, namespace, 'missed');
        let oldest = 0;
        let reached = 0;
        const began = performance.now();
        while (informer.get(`${namespace}/missed`) === undefined) {
          assert.ok(performance.now() - began < 90_000, 'the dead connection is not noticed');
          oldest = Math.max(oldest, informer.staleSeconds());
          reached = (performance.now() - began) / 1000;
          // The network is whole again; what was open stays dead.
          if (oldest > 1) proxy.be('pass');
          await sleep(20);
        }
        // What is told is never less than what is true: for so long the write was not there.
        assert.ok(oldest >= Math.min(reached, watchSeconds) - 1, `told ${oldest} s, and it was ${reached} s`);
        assert.ok(informer.staleSeconds() < oldest);
        await equalsFreshList(api.client, informer, namespace);
      },
      { watchSeconds },
    );
    client.close();
  });
});
