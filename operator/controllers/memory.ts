/**
 * What the controller remembers of a pooler between two reconciles. All of it can be found out again: after a restart
 * of the operator pods are proved once more and Secrets read once more, and nothing is written.
 */

import type { ConnectionPooler } from '../api/types.ts';
import type { PlannedConfig } from '../plan/config.ts';
import type { PodView } from '../plan/pods.ts';
import type { Busy } from './leaving.ts';

/** A planned configuration without its secrets: revision and findings, no files. */
export interface PlanDigest extends Omit<PlannedConfig, 'config'> {
  readonly revision: string | undefined;
}

export interface Failure {
  readonly revision: string;
  readonly template: string;
  readonly reason: string;
}

export interface PodProof {
  readonly revision: string;
  readonly restartRequired: readonly string[];
  /** Of SHOW CONFIG at the proof; undefined when a hand had changed something by then. */
  readonly settings: string | undefined;
}

/** What a hand changed in a process, and what the look at it saw that gave the hint. */
export interface Override {
  readonly hint: string;
  readonly found: readonly string[];
}

/** A revision that the processes of a template cannot take without a restart, and for what they keep. */
export interface MustRestart {
  readonly template: string;
  readonly revision: string;
  readonly keeps: readonly string[];
}

/** Databases that are being emptied, and since when. */
export interface Draining {
  readonly databases: string;
  /** Monotonic milliseconds. */
  readonly since: number;
  busy: readonly Busy[];
}

export interface Memory {
  /** The object this is about: a pooler deleted and made again under its name starts afresh. */
  readonly uid: string;
  /** What the digest was made of; while it stays the same no Secret is read. */
  inputs: string | undefined;
  digest: PlanDigest | undefined;
  /** By process, so that a restarted container is proved anew. */
  readonly proofs: Map<string, PodProof>;
  /** How often a canary died on a revision. */
  readonly deaths: Map<string, number>;
  /** By process. */
  readonly overrides: Map<string, Override>;
  draining: Draining | undefined;
  mustRestart: MustRestart | undefined;
  /** When the operator last told a console something: what was seen before says nothing. Milliseconds since 1970. */
  touchedAt: number;
  failure: Failure | undefined;
  /** Why the last attempt is made again. */
  retrying: string | undefined;
  attempts: number;
  /** How many reconciles in a row ended because nobody answered a write. */
  silences: number;
  /** Generation of the pooler and versions of the objects around its pods when these were last seen to be right. */
  aroundSeen: string | undefined;
  /** resourceVersion of the configuration Secret whose content was last seen to be right. */
  verifiedSecret: string | undefined;
  /** By name: the resourceVersion at which a connection Secret was last seen to be right, and the inputs it was right for. */
  readonly connections: Map<string, { readonly version: string | undefined; readonly desired: string | undefined }>;
  /** Monotonic milliseconds of the last change, after which entries go back to rest. */
  changedAt: number | undefined;
  /** The status that was written last, and the version the object had then: what others own in it is not fought over. */
  settled: { readonly status: string; readonly version: string | undefined } | undefined;
  /** Monotonic milliseconds when pool numbers were last written to status. */
  numbersAt: number | undefined;
  /** Monotonic milliseconds since which it is not told that work has begun, because it may be over soon. */
  begunAt: number | undefined;
  /** Monotonic milliseconds when status was last written. */
  statusAt: number | undefined;
}

export interface MemoryStore {
  of(key: string, pooler: ConnectionPooler): Memory;
  forget(key: string): void;
}

export function createMemoryStore(): MemoryStore {
  const memories = new Map<string, Memory>();
  return {
    of: (key, pooler) => {
      const uid = pooler.metadata.uid ?? '';
      const known = memories.get(key);
      if (known?.uid === uid) return known;
      const fresh: Memory = {
        uid,
        inputs: undefined,
        digest: undefined,
        proofs: new Map(),
        deaths: new Map(),
        overrides: new Map(),
        draining: undefined,
        mustRestart: undefined,
        touchedAt: 0,
        failure: failureOf(pooler),
        retrying: undefined,
        attempts: 0,
        silences: 0,
        aroundSeen: undefined,
        verifiedSecret: undefined,
        connections: new Map(),
        changedAt: undefined,
        settled: undefined,
        numbersAt: undefined,
        begunAt: undefined,
        statusAt: undefined,
      };
      memories.set(key, fresh);
      return fresh;
    },
    forget: (key) => {
      memories.delete(key);
    },
  };
}

/** What an operator before this one found out the hard way. */
function failureOf(pooler: ConnectionPooler): Failure | undefined {
  const { revision, template, reason } = pooler.status?.config?.failed ?? {};
  return revision === undefined || template === undefined ? undefined : { revision, template, reason: reason ?? '' };
}

export const provedRevision = (memory: Memory, pod: PodView): string | undefined =>
  memory.proofs.get(pod.process)?.revision;

/** Forgets processes that are gone. */
export function keepProofsOf(memory: Memory, pods: readonly PodView[]): void {
  const alive = new Set(pods.map((pod) => pod.process));
  for (const known of [memory.proofs, memory.overrides])
    for (const process of known.keys()) if (!alive.has(process)) known.delete(process);
}
