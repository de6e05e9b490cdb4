/**
 * A process of its own that fills one of the operator's caches and says what that cost. Arguments: the server, the cache's
 * name, and `list` (as the operator does) or `stream` (as the API server's WatchList would have it).
 */
import { connect, createCaches } from '../../operator/controllers/caches.ts';
import { createKubeClient, type KubeClient } from '../../operator/kube/client.ts';
import type { Page } from '../../operator/kube/operations.ts';
import { parseWatchLine } from '../../operator/kube/watch-line.ts';

export interface Filled {
  readonly objects: number;
  /** Of the heap, after a collection. */
  readonly heapBytes: number;
  /** Of resident memory, at its most while it was filled, above what there was before. */
  readonly peakBytes: number;
}

const [server = '', name = '', how = 'list'] = process.argv.slice(2);
const client = createKubeClient({ server, requestOptions: async () => ({}) }, { userAgent: 'bench' });
const caches = createCaches(how === 'stream' ? streaming(client) : client, {
  namespaces: [],
  log: (message, details) => process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
});
connect(caches, () => undefined);
const cache = Object.entries(caches).find(([key]) => key === name)?.[1];
if (cache === undefined) throw new Error(`there is no cache ${JSON.stringify(name)}`);

const collect = (): number => {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
// What is compiled and connected at the first request belongs to no object.
await client.request('GET', '/warm-up').catch(() => undefined);
const before = { heap: collect(), resident: process.memoryUsage.rss() };
cache.start(new AbortController().signal);
await cache.synced();
const peak = process.resourceUsage().maxRSS * 1024;
const filled: Filled = {
  objects: cache.list().length,
  heapBytes: collect() - before.heap,
  peakBytes: peak - before.resident,
};
process.stdout.write(JSON.stringify(filled));
process.exit(0);

/** Answers a list, page by page, from one stream of all objects, of which it holds no more than the page. */
function streaming(from: KubeClient): KubeClient {
  let lines: AsyncIterator<string> | undefined;
  return {
    ...from,
    request: async <T>(_method: string, path: string, options?: Parameters<KubeClient['request']>[2]): Promise<T> => {
      const accept = options?.accept?.replace('PartialObjectMetadataList', 'PartialObjectMetadata');
      const query = { watch: 'true', sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
      lines ??= from
        .stream(path, { query, idleTimeoutMs: 60_000, ...(accept ? { accept } : {}) })
        [Symbol.asyncIterator]();
      const items: unknown[] = [];
      for (let next = await lines.next(); !next.done; next = await lines.next()) {
        const line = parseWatchLine(next.value, path);
        if (line.type === 'bookmark') {
          const page: Page<unknown> = { metadata: { resourceVersion: line.resourceVersion }, items };
          return page as T;
        }
        items.push(line.object);
        if (items.length === 10) return { metadata: { continue: 'more' }, items } as T;
      }
      throw new Error('the stream ended');
    },
  };
}
