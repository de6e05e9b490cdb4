/**
 * Works out the desired configuration. Secrets are read only when something the configuration is made of changed; the
 * files, which hold passwords, live no longer than the reconcile that needs them. What a configuration Secret was made
 * of is noted on it, so that an operator that was just started reads nothing either.
 */
import { createHash } from 'node:crypto';
import { ANNOTATION_INPUTS, ANNOTATION_POINTER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { formatVersion, type Version } from '../pgbouncer/version.ts';
import { canonicalJson } from '../plan/canonical-json.ts';
import { type Config, type PlannedConfig, type Provable, planConfig, planKnownConfig } from '../plan/config.ts';
import { OPERATOR_VERSION } from '../version.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import { BY_POOLER } from './caches.ts';
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
  /** See ConfigInput. */
  readonly pinned?: Readonly<Record<string, string>>;
}

export interface Desired {
  readonly digest: PlanDigest;
  /** A hash of everything that the revision is made of. */
  readonly inputs: string;
  /** The files themselves; undefined when a Secret changed so that they can no longer be rendered. */
  readonly load: () => Promise<Config | undefined>;
  /** What a proof of this revision needs; no Secret is read for it. */
  readonly provable: (revision: string) => Provable;
}

export async function planDesired(input: DesiredInput): Promise<Desired> {
  const { client, pooler, version, holders, credentials, secrets, memory } = input;
  const inputs = inputsOf(input);
  const known = {
    spec: pooler.spec,
    namespace: pooler.metadata.namespace ?? 'default',
    version,
    holders,
    revisionKey: credentials.revisionKey,
    ...(input.pinned && { pinned: input.pinned }),
  };

  let fresh: PlannedConfig | undefined;
  const plan = async (): Promise<PlannedConfig> => {
    fresh ??= planConfig({
      ...known,
      passwords: credentials.verifiers(),
      lookup: await readSecrets(client, pooler),
    });
    return fresh;
  };

  if (memory.inputs !== inputs || memory.digest === undefined) {
    const noted = memory.digest === undefined ? notedRevision(pooler, secrets, inputs) : undefined;
    if (noted === undefined) {
      const { config, ...rest } = await plan();
      memory.digest = { ...rest, revision: config?.revision };
    } else memory.digest = { ...planKnownConfig(known, noted).planned, revision: noted };
    memory.inputs = inputs;
  }
  return {
    digest: memory.digest,
    inputs,
    load: async () => (await plan()).config,
    provable: (revision) => planKnownConfig(known, revision).provable,
  };
}

function inputsOf({ pooler, version, holders, credentials, secrets, pinned }: DesiredInput): string {
  const parts = [
    // Another operator may render the same things otherwise.
    OPERATOR_VERSION,
    pooler.metadata.uid,
    pooler.metadata.generation,
    formatVersion(version),
    holders,
    credentials.fingerprint,
    fingerprintSecrets(pooler, secrets),
    ...(pinned ? [canonicalJson(pinned)] : []),
  ];
  return createHash('sha256').update(parts.join('|')).digest('hex').slice(0, 16);
}

/** The revision that an operator before this one made of the same things. */
function notedRevision(
  { metadata: { namespace, name } }: ConnectionPooler,
  secrets: Informer<KubeObject>,
  inputs: string,
): string | undefined {
  return secrets
    .byIndex(BY_POOLER, `${namespace}/${name}`)
    .find(({ metadata }) => metadata.annotations?.[ANNOTATION_INPUTS] === inputs)?.metadata.annotations?.[
    ANNOTATION_POINTER
  ];
}
