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
import {
  type Config,
  type PlannedConfig,
  type Provable,
  planConfig,
  planKnownConfig,
  type Rendered,
} from '../plan/config.ts';
import { OPERATOR_VERSION } from '../version.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import { BY_POOLER } from './caches.ts';
import type { Memory, PlanDigest } from './memory.ts';
import { fingerprintSecrets, type ReadAhead, readSecrets } from './referenced-secrets.ts';

export interface DesiredInput {
  readonly client: KubeClient;
  readonly pooler: ConnectionPooler;
  readonly version: Version;
  readonly holders: number;
  readonly credentials: AdminCredentials;
  readonly secrets: Informer<KubeObject>;
  /** Used unless one of the Secrets has changed since. */
  readonly read?: ReadAhead | undefined;
  readonly memory: Memory;
  /** See ConfigInput. */
  readonly pinned?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Desired {
  readonly digest: PlanDigest;
  /** A hash of everything that the revision is made of. */
  readonly inputs: string;
  /** The files themselves; undefined when a Secret changed so that they can no longer be rendered. */
  readonly load: () => Promise<Config | undefined>;
  /** What a proof of this revision needs; no Secret is read for it. */
  readonly provable: (revision: string) => Provable;
  /** What stands in the files beside passwords; no Secret is read for it. */
  readonly rendered: (revision: string) => Rendered;
}

export async function planDesired(input: DesiredInput): Promise<Desired> {
  const { client, pooler, version, holders, credentials, secrets, read, memory, now } = input;
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
      name: pooler.metadata.name,
      passwords: credentials.verifiers(),
      lookup:
        read?.fingerprint === fingerprintSecrets(pooler, secrets) ? read.lookup : await readSecrets(client, pooler),
      consoleCertificates: credentials.certificates.map(({ certificate }) => certificate),
      judgement: { now, inForce: new Set(pooler.status?.certificates?.flatMap(({ sha256 }) => sha256 ?? [])) },
    });
    return fresh;
  };

  const waited = memory.digest !== undefined && becameValid(memory.digest, now);
  if (memory.inputs !== inputs || memory.digest === undefined || waited) {
    // What certificates say of themselves is noted nowhere: then they are read.
    const isNoted = memory.digest === undefined && pooler.spec.tls === undefined;
    const noted = isNoted ? notedRevision(pooler, secrets, inputs) : undefined;
    if (noted === undefined) {
      const { config, ...rest } = await plan();
      memory.digest = { ...rest, revision: config?.revision };
    } else memory.digest = { ...planKnownConfig(known, noted).planned, revision: noted };
    memory.inputs = inputs;
  }
  const { digest } = memory;
  const computed = new Map<string, ReturnType<typeof planKnownConfig>>();
  const ofRevision = (revision: string): ReturnType<typeof planKnownConfig> => {
    const found = computed.get(revision) ?? planKnownConfig(known, revision, digest.tls);
    computed.set(revision, found);
    return found;
  };
  return {
    digest,
    inputs,
    load: async () => (await plan()).config,
    provable: (revision) => ofRevision(revision).provable,
    rendered: (revision) => ofRevision(revision).rendered,
  };
}

/** Whether something that was refused because its time had not come may be taken now. */
const becameValid = ({ tls }: PlanDigest, now: number): boolean => tls.validFrom !== undefined && tls.validFrom <= now;

function inputsOf({ pooler, version, holders, credentials, secrets, pinned }: DesiredInput): string {
  const parts = [
    // Another operator may render the same things otherwise.
    OPERATOR_VERSION,
    pooler.metadata.uid,
    pooler.metadata.generation,
    formatVersion(version),
    holders,
    credentials.fingerprint,
    credentials.certificates.map(({ certificate }) => certificate).join(),
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
