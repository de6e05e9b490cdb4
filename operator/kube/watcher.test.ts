import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { createKubeClient, type KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';
import { PODS } from './resources.ts';
import { collect } from './testing/collect.ts';
import { type SeenRequest, sendJson, sendStatus, startProtocolServer } from './testing/protocol-server.ts';
import { STALE_LIMIT_SECONDS, type WatchEvent, type WatchOptions, watch } from './watcher.ts';

/** What the server does with the n-th request; it must come in this order. */
type Step = (response: ServerResponse, request: SeenRequest) => void;

const pod = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const page =
  (resourceVersion: string, items: readonly object[], next?: string): Step =>
  (response, request) => {
    assert.equal(request.query.get('watch'), null, 'a list is expected');
    sendJson(response, 200, { metadata: { resourceVersion, ...(next ? { continue: next } : {}) }, items });
  };
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
/** A watch that says these lines and then ends, or goes on for ever. */
const watching =
  (lines: readonly string[], end: 'close' | 'break' | 'stay' = 'close'): Step =>
  (response, request) => {
    assert.equal(request.query.get('watch'), 'true', 'a watch is expected');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const finish = { close: () => response.end(), break: () => response.destroy(), stay: () => undefined }[end];
    if (lines.length === 0) setTimeout(finish, 5);
    else response.write(lines.join(''), finish);
  };
const refuse =
  (status: number, reason = ''): Step =>
  (response) =>
    sendStatus(response, status, reason, 'no');
const stay = watching([], 'stay');

interface Followed {
  /** The events, short. */
  readonly told: readonly string[];
  readonly requests: readonly SeenRequest[];
  /** Pauses that were made. */
  readonly slept: readonly number[];
}

/** Follows a server until the last step was asked for, whose answer does not count. Pauses take no time; `watchMs` is how long each watch seems to last. */
async function follow(
  steps: readonly Step[],
  options: Partial<WatchOptions<KubeObject>> = {},
  watchMs = 10_000,
): Promise<Followed> {
  const ending = new AbortController();
  const slept: number[] = [];
  let now = 0;
  const clock: Clock = {
    ...systemClock,
    monotonic: () => {
      now += watchMs;
      return now;
    },
    sleep: async (ms) => {
      slept.push(ms);
    },
  };
  let count = 0;
  const last = Promise.withResolvers<void>();
  await using server = await startProtocolServer((request, response) => {
    try {
      steps[count]?.(response, request);
    } catch (error) {
      last.reject(error);
    }
    count += 1;
    if (count >= steps.length) last.resolve();
  });
  const client = createKubeClient(server.access, { userAgent: 'x' });
  const told: string[] = [];
  const events = watch<KubeObject>(client, PODS, { clock, signal: ending.signal, random: () => 0.5, ...options });
  const reading = (async () => {
    for await (const event of events) told.push(describeEvent(event));
  })();
  await last.promise;
  ending.abort();
  await reading;
  client.close();
  return { told, requests: server.requests, slept };
}

function describeEvent(event: WatchEvent<KubeObject>): string {
  switch (event.type) {
    case 'init':
      return 'init';
    case 'initApply':
      return `initApply ${event.object.metadata.name}`;
    case 'apply':
    case 'delete':
      return `${event.type} ${event.object.metadata.name}@${event.resourceVersion}`;
    case 'initDone':
    case 'bookmark':
      return `${event.type} ${event.resourceVersion}`;
    case 'failed':
      return `failed: ${event.error instanceof Error ? event.error.message : event.error}`;
  }
}

const queries = (requests: readonly SeenRequest[]): readonly string[] =>
  requests.map(({ query }) =>
    query.get('watch') ? `watch ${query.get('resourceVersion')}` : `list ${query.get('continue') ?? ''}`.trim(),
  );

describe('the list-and-watch protocol', () => {
  it('lists in pages, then follows from there', async () => {
    const { told, requests } = await follow([
      page('10', [pod('a', '1'), pod('b', '2')], 'more'),
      page('10', [pod('c', '3')]),
      watching([line('ADDED', pod('d', '11')), line('MODIFIED', pod('a', '12')), line('DELETED', pod('b', '13'))]),
      stay,
    ]);
    assert.deepEqual(told, [
      'init',
      ...['initApply a', 'initApply b', 'initApply c', 'initDone 10'],
      ...['apply d@11', 'apply a@12', 'delete b@13'],
    ]);
    assert.deepEqual(queries(requests), ['list', 'list more', 'watch 10', 'watch 13']);
    assert.equal(requests[0]?.query.get('limit'), '50');
    const asked = requests[2]?.query;
    assert.equal(asked?.get('allowWatchBookmarks'), 'true');
    assert.ok(Number(asked?.get('timeoutSeconds')) > 120 && Number(asked?.get('timeoutSeconds')) <= 145);
  });

  it('goes on from a bookmark', async () => {
    const bookmark = line('BOOKMARK', { metadata: { resourceVersion: '99' } });
    const { told, requests } = await follow([page('10', []), watching([bookmark]), stay]);
    assert.deepEqual(told, ['init', 'initDone 10', 'bookmark 99']);
    assert.deepEqual(queries(requests), ['list', 'watch 10', 'watch 99']);
  });

  it('selects the same objects in both, and gives each its kind', async () => {
    const kinds: string[] = [];
    const { requests } = await follow([page('10', [pod('a', '1')]), watching([line('ADDED', pod('b', '11'))]), stay], {
      labelSelector: 'app=x',
      fieldSelector: 'status.phase=Running',
      namespace: 'shop',
      onAlive: () => kinds.push('alive'),
    });
    for (const { path, query } of requests) {
      assert.equal(path, '/api/v1/namespaces/shop/pods');
      assert.deepEqual([query.get('labelSelector'), query.get('fieldSelector')], ['app=x', 'status.phase=Running']);
    }
    // The page, the open stream, the line; the next stream may be open already.
    assert.ok(kinds.length === 3 || kinds.length === 4, `${kinds.length} signs of life`);
  });

  it('asks for metadata only, when that is all that is wanted', async () => {
    const { requests } = await follow([page('10', []), stay], { metadataOnly: true });
    assert.deepEqual(
      requests.map(({ headers }) => headers.accept),
      [
        'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
        'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      ],
    );
  });

  describe('when a version is too old', () => {
    const expired = line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    for (const [what, step] of [
      ['by its status', refuse(410, 'Gone')],
      ['by an event', watching([expired], 'stay')],
    ] as const) {
      it(`and the server says so ${what}, it lists anew at once`, async () => {
        const { told, requests, slept } = await follow([page('10', [pod('a', '1')]), step, page('20', []), stay]);
        assert.deepEqual(told, ['init', 'initApply a', 'initDone 10', 'init', 'initDone 20']);
        assert.deepEqual(queries(requests), ['list', 'watch 10', 'list', 'watch 20']);
        assert.deepEqual(slept, []);
      });
    }

    it('again and again, it does not list without pause', async () => {
      const gone = refuse(410, 'Gone');
      const { slept } = await follow([
        page('1', []),
        gone,
        page('2', []),
        gone,
        page('3', []),
        gone,
        page('4', []),
        gone,
        page('5', []),
      ]);
      assert.deepEqual(slept, [1_600, 3_200, 6_400]);
    });

    it('between two pages, it lists everything in one go', async () => {
      const { told, requests } = await follow([
        page('10', [pod('a', '1')], 'more'),
        refuse(410, 'Expired'),
        page('20', [pod('b', '11')]),
        stay,
      ]);
      assert.deepEqual(
        told.filter((event) => !event.startsWith('failed')),
        ['init', 'initApply a', 'init', 'initApply b', 'initDone 20'],
      );
      assert.equal(requests[2]?.query.get('limit'), null);
    });
  });

  describe('when a watch breaks', () => {
    for (const [what, step, error] of [
      ['off in a line', watching([line('ADDED', pod('a', '11')), '{"type":"MODIF'], 'close'), /no JSON/],
      ['off between lines', watching([line('ADDED', pod('a', '11'))], 'break'), /WATCH|GET/],
      ['with garbage', watching([line('ADDED', pod('a', '11')), 'garbage\n'], 'stay'), /no JSON/],
      [
        'with an error of the server',
        watching(
          [line('ADDED', pod('a', '11')), line('ERROR', { code: 500, reason: 'Internal', message: 'oh' })],
          'stay',
        ),
        /500 Internal: oh/,
      ],
    ] as const) {
      it(`${what}, it goes on after the last event it has read`, async () => {
        const { told, requests, slept } = await follow([page('10', []), step, stay]);
        assert.deepEqual(told.slice(0, 3), ['init', 'initDone 10', 'apply a@11']);
        assert.match(told[3] ?? '', error);
        assert.deepEqual(queries(requests), ['list', 'watch 10', 'watch 11']);
        assert.deepEqual(slept, [800]);
      });
    }

    it('with senseless answers three times at one place, it does not believe in the place', async () => {
      const garbage = watching(['garbage\n'], 'stay');
      const { requests } = await follow([page('10', []), garbage, garbage, garbage, page('20', []), stay]);
      assert.deepEqual(queries(requests), ['list', 'watch 10', 'watch 10', 'watch 10', 'list', 'watch 20']);
    });

    it('because the server is away, it goes on where it was, without a list', async () => {
      const away = refuse(503, 'ServiceUnavailable');
      const { requests, slept } = await follow([page('10', []), ...Array.from({ length: 8 }, () => away), stay]);
      assert.deepEqual(new Set(queries(requests).slice(1)), new Set(['watch 10']));
      assert.deepEqual(slept, [800, 1_600, 3_200, 6_400, ...Array(4).fill(10_000 / 1.5)]);
    });

    it('now and then, the pauses do not grow', async () => {
      const steps = ['11', '12', '13'].map((version) => watching([line('ADDED', pod('a', version))], 'break'));
      const { slept } = await follow([page('10', []), ...steps, stay]);
      assert.deepEqual(slept, [800, 800, 800]);
    });
  });

  it('believes in no stream that was silent for longer than the bound on how old a cache gets', async () => {
    const idle: number[] = [];
    for (const random of [0, 0.5, 1]) {
      const ending = new AbortController();
      const client: KubeClient = {
        request: async <T>() => ({ metadata: { resourceVersion: '10' } }) as T,
        stream: (_path, { idleTimeoutMs }) => {
          idle.push(idleTimeoutMs / 1000);
          ending.abort();
          return (async function* () {})();
        },
        close: () => undefined,
      };
      const options = { clock: systemClock, signal: ending.signal, random: () => random };
      await collect(watch<KubeObject>(client, PODS, options));
    }
    assert.equal(Math.max(...idle), STALE_LIMIT_SECONDS);
    assert.ok(Math.min(...idle) > STALE_LIMIT_SECONDS / 2);
  });

  it('follows on at once when the server ends a watch in good order', async () => {
    const { slept, told } = await follow([page('10', []), watching([]), watching([]), stay]);
    assert.deepEqual(slept, []);
    assert.deepEqual(told, ['init', 'initDone 10']);
  });

  it('pauses when the server ends watches as soon as they begin', async () => {
    const { slept } = await follow([page('10', []), watching([]), watching([]), stay], {}, 1);
    assert.deepEqual(slept, [800, 1_600]);
  });

  it('lists until it may: what is missing today may be there tomorrow', async () => {
    const { told, slept } = await follow([refuse(404, 'NotFound'), refuse(403, 'Forbidden'), page('10', []), stay]);
    assert.deepEqual(
      told.filter((event) => !event.startsWith('failed')),
      ['init', 'init', 'init', 'initDone 10'],
    );
    assert.equal(slept.length, 2);
  });

  it('goes on with the page that failed, not with the first', async () => {
    const { told, requests } = await follow([
      page('10', [pod('a', '1')], 'more'),
      refuse(500),
      page('10', [pod('b', '2')]),
      stay,
    ]);
    assert.deepEqual(
      told.filter((event) => !event.startsWith('failed')),
      ['init', 'initApply a', 'initApply b', 'initDone 10'],
    );
    assert.deepEqual(queries(requests), ['list', 'list more', 'list more', 'watch 10']);
  });

  it('does not follow a list that does not say what it is of', async () => {
    const { told } = await follow([(response) => sendJson(response, 200, { items: [] }), page('10', []), stay]);
    assert.match(told[1] ?? '', /without a resource version/);
    assert.equal(told.at(-1), 'initDone 10');
  });
});
