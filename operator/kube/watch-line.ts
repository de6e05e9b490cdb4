/** One line of a watch, checked as far as the informer relies on it: a type, and an object that has a name. */
import { ProtocolError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { watchError } from './status-error.ts';

export type WatchLine<T> =
  | { readonly type: 'apply' | 'delete'; readonly object: T; readonly resourceVersion: string }
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

/** @throws ProtocolError; ApiError when the line is the server's error */
export function parseWatchLine<T extends KubeObject>(text: string, path: string): WatchLine<T> {
  const { type, object } = parse(text, path);
  if (type === 'ERROR') throw watchError(path, object);
  const metadata = isRecord(object) && isRecord(object['metadata']) ? object['metadata'] : {};
  const { resourceVersion, name } = metadata;
  if (typeof resourceVersion !== 'string')
    throw new ProtocolError(`WATCH ${path}: an event without a resource version`);
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion };
  if (typeof name !== 'string') throw new ProtocolError(`WATCH ${path}: an event about an object without a name`);
  // The API edge: the kind was asked for by path.
  const typed = object as unknown as T;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'apply', object: typed, resourceVersion };
    case 'DELETED':
      return { type: 'delete', object: typed, resourceVersion };
    default:
      throw new ProtocolError(`WATCH ${path}: an event of an unknown type`);
  }
}

function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (isRecord(parsed)) return parsed;
  } catch (cause) {
    // The parser quotes what it read, which may be half a Secret.
    throw new ProtocolError(`WATCH ${path}: a line of ${text.length} characters that is no JSON`, {
      cause: cause instanceof SyntaxError ? undefined : cause,
    });
  }
  throw new ProtocolError(`WATCH ${path}: a line that is no event`);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
