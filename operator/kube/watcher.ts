/**
 * The list-and-watch protocol as a state machine one can see: `listing` pages through everything, `watching` follows from
 * there, `waiting` comes between failures. It never ends by itself and never throws: what goes wrong is reported, and the
 * machine goes back to a state from which the reader gets a complete picture again.
 */
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import { ConnectionError, isGone, ProtocolError, RequestTimeout } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { Page } from './operations.ts';
import { apiVersionOf, type Resource, resourcePath } from './resources.ts';
import { parseWatchLine, type WatchLine } from './watch-line.ts';

export type WatchEvent<T> =
  /** A full list begins: what was listed before is void. */
  | { readonly type: 'init' }
  | { readonly type: 'initApply'; readonly object: T }
  /** The list is complete as of this version: what it did not hold is gone. */
  | { readonly type: 'initDone'; readonly resourceVersion: string }
  | { readonly type: 'apply'; readonly object: T; readonly resourceVersion: string }
  | { readonly type: 'delete'; readonly object: T; readonly resourceVersion: string }
  /** Nothing changed up to here. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  /** Something broke; the machine goes on by itself after the pause. */
  | { readonly type: 'failed'; readonly error: unknown; readonly retryInMs: number };

/** `next` is the token of the page to get; `paged` false gets everything in one go. */
type Listing = { readonly at: 'listing'; readonly next: string | undefined; readonly paged: boolean };
type Watching = { readonly at: 'watching'; readonly resourceVersion: string };
type Waiting = { readonly at: 'waiting'; readonly ms: number; readonly then: Listing | Watching };
type State = Listing | Watching | Waiting;

interface ListedPage<T> {
  readonly objects: readonly T[];
  /** The token of the next page; none or empty after the last. */
  readonly next: string | undefined;
  readonly resourceVersion: string | undefined;
}

export interface WatchOptions<T> {
  /** Undefined: all namespaces, or a kind without one. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only `metadata` is sent by the server. */
  readonly metadataOnly?: boolean;
  /** What is kept of an object. Nothing else of it outlives the moment in which it is read. */
  readonly keep?: (object: T) => T;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called at every sign of life: a page, an open stream, a line. */
  readonly onAlive?: () => void;
  readonly random?: () => number;
  /** How long the server is asked to let a watch last, at most; default 145 s. */
  readonly watchSeconds?: number;
}

const FROM_THE_START: Listing = { at: 'listing', next: undefined, paged: true };
const LIST_TIMEOUT_MS = 30_000;
/** Small: 5000 pods in pages of 500 took 82 MiB at the peak, in pages of 50 12 MiB, which is what a stream of them takes. */
const PAGE_SIZE = 50;
/**
 * The server ends a watch after a little less than this, at random, so that not all come back at one time. Half as long as
 * client-go's, because it bounds how long a connection that swallows everything goes unnoticed: bookmarks cannot, since a
 * kind of which nothing happens has none. A watch that follows on where the last one ended costs the server next to nothing.
 */
const WATCH_SECONDS = 145;
/** How long after the time the server should have ended a watch it is taken for dead. */
const OVERDUE_SECONDS = 5;
/**
 * How old a cache can get while the API server answers: after so long without a sign of life the connection is given up,
 * and a new one brings what was missed. A connection that breaks with a word is replaced within a second.
 */
export const STALE_LIMIT_SECONDS = WATCH_SECONDS + OVERDUE_SECONDS;
/** A watch that ends sooner, with nothing said, counts as a failure. */
const TOO_SHORT_MS = 1_000;
/**
 * The limit is how old a cache may be when the server is back. All watches of an operator ask one or two times a second
 * while it is away, each at a moment of its own: with every namespace watched apart, so many times more.
 */
const BACKOFF = { firstMs: 800, limitMs: 10_000, jitter: 0.5 } as const;
/** After so many senseless answers in a row the place to watch from is given up as well. */
const GARBLED_LIMIT = 3;

export async function* watch<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: WatchOptions<T>,
): AsyncGenerator<WatchEvent<T>> {
  const { signal, clock, onAlive, random = Math.random, watchSeconds = WATCH_SECONDS } = options;
  const path = resourcePath(resource, options.namespace);
  const selectors = { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
  // Items of a list do not say what they are, and metadata says it is metadata.
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const accept = (as: string): string =>
    options.metadataOnly ? `application/json;as=${as};g=meta.k8s.io;v=v1` : 'application/json';
  const kept = (object: T): T => {
    const typed = { ...object, ...type };
    return options.keep?.(typed) ?? typed;
  };
  const readLine = (text: string): WatchLine<T> => {
    const line = parseWatchLine<T>(text, path);
    return line.type === 'bookmark' ? line : { ...line, object: kept(line.object) };
  };
  // Apart from the generator, which would hold on to the last page for as long as the watch lasts.
  const getPage = async ({ next, paged }: Listing): Promise<ListedPage<T>> => {
    const { items, metadata } = await client.request<Page<T>>('GET', path, {
      query: { ...selectors, limit: paged ? String(PAGE_SIZE) : undefined, continue: next },
      accept: accept('PartialObjectMetadataList'),
      signal,
      timeoutMs: LIST_TIMEOUT_MS,
    });
    return { objects: (items ?? []).map(kept), next: metadata?.continue, resourceVersion: metadata?.resourceVersion };
  };
  /** In a row, without anything new in between. A list is nothing new: it is what failures lead to. */
  let failures = 0;
  let garbled = 0;

  const failed = (error: unknown, then: Listing | Watching): readonly [WatchEvent<T>, Waiting] => {
    failures += 1;
    const ms = backoffMs(failures, { ...BACKOFF, random });
    return [
      { type: 'failed', error, retryInMs: ms },
      { at: 'waiting', ms, then },
    ];
  };

  const listPage = async function* (listing: Listing): AsyncGenerator<WatchEvent<T>, State> {
    const { next, paged } = listing;
    if (next === undefined) yield { type: 'init' };
    try {
      const page = await getPage(listing);
      onAlive?.();
      for (const object of page.objects) yield { type: 'initApply', object };
      if (page.next) return { at: 'listing', next: page.next, paged };
      const { resourceVersion } = page;
      if (!resourceVersion) throw new ProtocolError(`LIST ${path}: a list without a resource version`);
      yield { type: 'initDone', resourceVersion };
      return { at: 'watching', resourceVersion };
    } catch (error) {
      if (signal.aborted) return FROM_THE_START;
      // The version that the pages are of is no longer known: once more, and in one go.
      const again: Listing = isGone(error) ? { ...FROM_THE_START, paged: false } : { at: 'listing', next, paged };
      const [event, state] = failed(error, again);
      yield event;
      return state;
    }
  };

  const follow = async function* (from: Watching): AsyncGenerator<WatchEvent<T>, State> {
    let { resourceVersion } = from;
    let opened = false;
    const started = clock.monotonic();
    const seconds = Math.ceil(watchSeconds * (0.85 + 0.15 * random()));
    try {
      const lines = client.stream(path, {
        read: readLine,
        query: {
          ...selectors,
          watch: 'true',
          allowWatchBookmarks: 'true',
          timeoutSeconds: String(seconds),
          resourceVersion,
        },
        accept: accept('PartialObjectMetadata'),
        signal,
        idleTimeoutMs: (seconds + OVERDUE_SECONDS) * 1000,
        onOpen: () => {
          opened = true;
          onAlive?.();
        },
      });
      for await (const line of lines) {
        onAlive?.();
        if (line.resourceVersion !== resourceVersion) failures = garbled = 0;
        resourceVersion = line.resourceVersion;
        yield line;
      }
      if (clock.monotonic() - started >= TOO_SHORT_MS) failures = 0;
      else if (resourceVersion === from.resourceVersion)
        throw new ConnectionError(`WATCH ${path}: ended by the server at once`, { unsent: false });
      return { at: 'watching', resourceVersion };
    } catch (error) {
      if (signal.aborted) return from;
      if (opened && !(error instanceof ConnectionError || error instanceof RequestTimeout)) garbled += 1;
      if (isGone(error) && failures === 0) {
        // Not a failure yet: versions are forgotten after five minutes, and a list is the way on.
        failures = 1;
        return FROM_THE_START;
      }
      const anew = isGone(error) || garbled >= GARBLED_LIMIT;
      if (anew) garbled = 0;
      const [event, state] = failed(error, anew ? FROM_THE_START : { at: 'watching', resourceVersion });
      yield event;
      return state;
    }
  };

  let state: State = FROM_THE_START;
  while (!signal.aborted) {
    switch (state.at) {
      case 'listing':
        state = yield* listPage(state);
        break;
      case 'watching':
        state = yield* follow(state);
        break;
      case 'waiting':
        await clock.sleep(state.ms, signal);
        state = state.then;
        break;
    }
  }
}
