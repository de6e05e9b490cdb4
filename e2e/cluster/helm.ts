// Helm, built from its published module, run inside the cluster's namespace: what a user does with the chart is what
// the tests do.
import { buildProgram } from './build.ts';
import { connect } from './cluster.ts';
import { stateDirectory } from './paths.ts';
import type { RunOptions } from './run.ts';

/** Standard output of Helm on the embedded cluster. Its caches lie in the cluster's state, never in the user's home. */
export async function helm(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program, cluster] = await Promise.all([buildProgram('helm'), connect()]);
  return cluster.exec(program, args, { ...options, environment: { ...helmEnvironment(), ...options.environment } });
}

/** Where Helm keeps its own files. */
export function helmEnvironment(): Readonly<Record<string, string>> {
  return {
    HELM_CACHE_HOME: stateDirectory('helm', 'cache'),
    HELM_CONFIG_HOME: stateDirectory('helm', 'config'),
    HELM_DATA_HOME: stateDirectory('helm', 'data'),
  };
}
