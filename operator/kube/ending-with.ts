/**
 * A client whose every call ends with a signal, so that what works under a deadline, or as a leader, need not hand the
 * signal to each call: once it is given, nothing of its work reaches the API server any more.
 */
import type { CallOptions, KubeClient } from './client.ts';

/**
 * Closing it closes nothing: the connections are those of `client`.
 * @param onAside of every request (`CallOptions`)
 */
export function endingWith(client: KubeClient, signal: AbortSignal, onAside?: () => void): KubeClient {
  const withSignal = <O extends { readonly signal?: AbortSignal }>(options: O): O => ({
    ...options,
    signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
  });
  const telling = (options: CallOptions): CallOptions =>
    onAside === undefined
      ? options
      : {
          ...options,
          onAside: () => {
            onAside();
            options.onAside?.();
          },
        };
  return {
    request: (method, path, options = {}) => client.request(method, path, withSignal(telling(options))),
    stream: (path, options) => client.stream(path, withSignal(options)),
    close: () => undefined,
  };
}
