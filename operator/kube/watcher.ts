/**
 * The list-and-watch protocol as a state machine one can see: `Listing` pages through everything, `Watching` follows
 * from there, and any doubt (410, a broken stream, a line that is no JSON) leads back to one of the two. It never ends
 * by itself and never throws: what goes wrong is reported, and tried again.
 */
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import { ApiError, isGone } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { type Resource, resourcePath } from './resources.ts';

export type WatchEvent<T> =
  /** A full list begins: what was known before is on trial. */
  | { readonly type: 'init' }
  | { readonly type: 'initApply'; readonly object: T }
  /** The list is complete: whatever it did not hold is gone. */
  | { readonly type: 'initDone'; readonly resourceVersion: string }
  | { readonly type: 'apply'; readonly object: T }
  | { readonly type: 'delete'; readonly object: T }
  /** Nothing changed up to here. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

type State =
  | { readonly kind: 'listing' }
  | { readonly kind: 'watching'; readonly resourceVersion: string }
  | { readonly kind: 'waiting'; readonly next: State };

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of every error, which is then handled. */
  readonly onError: (error: unknown) => void;
}

const PAGE = '500';
/** The server ends a watch after this, and the client takes it for dead five seconds later. */
const WATCH_SECONDS = 290;
const IDLE_MS = (WATCH_SECONDS + 5) * 1000;
const BACKOFF_FIRST_MS = 800;
const BACKOFF_LIMIT_MS = 30_000;

interface Page<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

interface Line<T> {
  readonly type: string;
  readonly object: T;
}

export async function* watch<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { signal, clock } = options;
  const path = resourcePath(resource, options.namespace);
  const kind = {
    apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
    kind: resource.kind,
  };
  const select = { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
  const accept = (as: string) =>
    options.metadataOnly ? `application/json;as=${as};g=meta.k8s.io;v=v1` : 'application/json';
  let state: State = { kind: 'listing' };
  let failures = 0;

  while (!signal.aborted) {
    switch (state.kind) {
      case 'waiting': {
        const pause =
          Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures - 1, 6)) * (0.5 + Math.random());
        await clock.sleep(pause, signal);
        state = state.next;
        break;
      }
      case 'listing':
        try {
          let more: string | undefined;
          yield { type: 'init' };
          for (;;) {
            const page: Page<T> = await client.request<Page<T>>('GET', path, {
              query: { ...select, limit: PAGE, continue: more },
              accept: accept('PartialObjectMetadataList'),
              signal,
              timeoutMs: 60_000,
            });
            for (const object of page.items ?? []) yield { type: 'initApply', object: { ...object, ...kind } };
            more = page.metadata?.continue;
            if (more) continue;
            const resourceVersion = page.metadata?.resourceVersion ?? '';
            failures = 0;
            yield { type: 'initDone', resourceVersion };
            state = { kind: 'watching', resourceVersion };
            break;
          }
        } catch (error) {
          if (signal.aborted) return;
          failures += 1;
          options.onError(error);
          state = { kind: 'waiting', next: { kind: 'listing' } };
        }
        break;
      case 'watching': {
        let resourceVersion: string = state.resourceVersion;
        try {
          const lines = client.stream(path, {
            query: {
              ...select,
              watch: 'true',
              allowWatchBookmarks: 'true',
              timeoutSeconds: String(WATCH_SECONDS),
              resourceVersion,
            },
            accept: accept('PartialObjectMetadata'),
            signal,
            idleTimeoutMs: IDLE_MS,
          });
          let said = false;
          for await (const text of lines) {
            const line: Line<T> = parseLine<T>(text);
            if (line.type === 'ERROR') throw toError(line.object);
            const object: T = { ...line.object, ...kind };
            resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
            said = true;
            failures = 0;
            if (line.type === 'BOOKMARK') yield { type: 'bookmark', resourceVersion };
            else yield { type: line.type === 'DELETED' ? 'delete' : 'apply', object };
          }
          // The server closed in good order; a server that does so at once, again and again, is not hammered.
          if (!said) failures += 1;
          state =
            said || failures <= 1
              ? { kind: 'watching', resourceVersion }
              : { kind: 'waiting', next: { kind: 'watching', resourceVersion } };
        } catch (error) {
          if (signal.aborted) return;
          failures += 1;
          if (isGone(error)) {
            state = failures > 1 ? { kind: 'waiting', next: { kind: 'listing' } } : { kind: 'listing' };
            break;
          }
          options.onError(error);
          state = { kind: 'waiting', next: { kind: 'watching', resourceVersion } };
        }
        break;
      }
    }
  }
}

function parseLine<T>(text: string): Line<T> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (
      typeof parsed === 'object' &&
      parsed !== null &&
      'type' in parsed &&
      'object' in parsed &&
      typeof parsed.object === 'object' &&
      parsed.object !== null &&
      (parsed.type === 'ERROR' || 'metadata' in parsed.object)
    ) {
      // The API edge: the kind was asked for by path.
      return parsed as Line<T>;
    }
  } catch (cause) {
    throw new ApiError(0, 'Garbled', 'a line of the watch is no JSON', { cause });
  }
  throw new ApiError(0, 'Garbled', 'a line of the watch is no event');
}

function toError(status: unknown): ApiError {
  const {
    code = 0,
    reason = '',
    message = '',
  } = status as { readonly code?: number; readonly reason?: string; readonly message?: string };
  return new ApiError(code, reason, `the watch ended: ${code} ${message}`);
}
