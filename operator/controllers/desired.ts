/**
 * Works out the desired configuration. Secrets are read only when something the configuration is made of changed; the
 * files, which hold passwords, live no longer than the reconcile that needs them.
 */
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { formatVersion, type Version } from '../pgbouncer/version.ts';
import { type Config, type PlannedConfig, planConfig } from '../plan/config.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import type { Memory, PlanDigest } from './memory.ts';
import { fingerprintSecrets, readSecrets } from './referenced-secrets.ts';

export interface DesiredInput {
  readonly client: KubeClient;
  readonly pooler: ConnectionPooler;
  readonly version: Version;
  readonly holders: number;
  readonly credentials: AdminCredentials;
  readonly secrets: Informer<KubeObject>;
  readonly memory: Memory;
}

export interface Desired {
  readonly digest: PlanDigest;
  /** The files themselves; undefined when a Secret changed so that they can no longer be rendered. */
  readonly load: () => Promise<Config | undefined>;
}

export async function planDesired(input: DesiredInput): Promise<Desired> {
  const { client, pooler, version, holders, credentials, secrets, memory } = input;
  const inputs = [
    pooler.metadata.generation,
    formatVersion(version),
    holders,
    credentials.fingerprint,
    fingerprintSecrets(pooler, secrets),
  ].join('|');

  let fresh: PlannedConfig | undefined;
  const plan = async (): Promise<PlannedConfig> => {
    fresh ??= planConfig({
      spec: pooler.spec,
      namespace: pooler.metadata.namespace ?? 'default',
      version,
      holders,
      passwords: { admin: credentials.admin, stats: credentials.stats },
      revisionKey: credentials.revisionKey,
      lookup: await readSecrets(client, pooler),
    });
    return fresh;
  };

  if (memory.inputs !== inputs || memory.digest === undefined) {
    const { config, ...rest } = await plan();
    memory.inputs = inputs;
    memory.digest = { ...rest, revision: config?.revision };
  }
  return { digest: memory.digest, load: async () => (await plan()).config };
}
