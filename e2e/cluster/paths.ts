// Where the embedded cluster keeps things: what can be thrown away and made again (the cache) and what runs now (the
// state). Both can be moved with an environment variable, so that a small root disk or a second cluster is no obstacle.
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const defaultState = '/var/lib/poolkeeper-cluster';

/** The root of this repository. */
export const repository = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** Built binaries, root filesystems and images, by content: `POOLKEEPER_CACHE`, else the user's cache directory. */
export function cacheDirectory(...parts: readonly string[]): string {
  const { POOLKEEPER_CACHE, XDG_CACHE_HOME } = process.env;
  return join(POOLKEEPER_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'poolkeeper'), ...parts);
}

/** The running cluster, gone after `down`: `POOLKEEPER_STATE`, else /var/lib/poolkeeper-cluster (a real disk: /run may be memory). */
export function stateDirectory(...parts: readonly string[]): string {
  return join(resolve(process.env['POOLKEEPER_STATE'] ?? defaultState), ...parts);
}

/** Begins the names of the cluster's network namespace and control groups: another state directory is another cluster. */
export function clusterName(): string {
  if (stateDirectory() === defaultState) return 'poolkeeper';
  return `poolkeeper-${createHash('sha256').update(stateDirectory()).digest('hex').slice(0, 6)}`;
}
