/** `plan`: what an edit will do before it is applied, against the cluster or against another file. */
import { type Fault, formatFault } from '../api/fault.ts';
import { isObject } from '../api/schema-node.ts';
import { formatWarning, type Warning } from '../api/warning.ts';
import { comparePoolers } from '../plan/compare.ts';
import type { PoolerChange } from '../plan/pooler-change.ts';
import type { LivePooler } from './cluster.ts';
import { type OfflineOptions, type OfflinePlan, planOffline } from './offline-plan.ts';

/** A pooler of the file that is planned, and the file itself. */
export interface Wanted {
  readonly file: string;
  readonly pooler: Readonly<Record<string, unknown>>;
}

export interface PlanRequest {
  readonly wanted: Wanted;
  readonly options: OfflineOptions;
  /** What there is now: an object of a cluster, one of another file, or nothing. */
  readonly present:
    | { readonly what: string; readonly pooler: unknown; readonly deployment?: LivePooler['deployment'] }
    | undefined;
}

export type Planning =
  /** Warnings that the edit brings up; those that were there before are no news. */
  | { readonly ok: true; readonly change: PoolerChange; readonly warnings: readonly Warning[] }
  | { readonly ok: false; readonly lines: readonly string[] };

export function planEdit({ wanted, options, present }: PlanRequest): Planning {
  const running = { ...options, deployment: present?.deployment };
  const after = planOffline(wanted.pooler, running);
  if (!after.ok) return { ok: false, lines: linesOf(wanted.file, after.faults) };
  let before: OfflinePlan | undefined;
  if (present !== undefined) {
    const planned = planOffline(present.pooler, { ...running, unknownFields: 'ignore' });
    // What runs then is of an earlier generation, and nobody can tell which.
    if (!planned.ok) return { ok: false, lines: linesOf(`${present.what} is not valid itself`, planned.faults) };
    before = planned.plan;
  }
  const known = new Set(before?.warnings.map(formatWarning));
  const warnings = after.plan.warnings.filter((warning) => !known.has(formatWarning(warning)));
  return { ok: true, change: comparePoolers(before, after.plan), warnings };
}

/** `namespace/name` of an object in a file, before it is known to be valid. */
export function nameIn(object: unknown, namespace: string): { readonly namespace: string; readonly name: string } {
  const metadata = isObject(object) && isObject(object['metadata']) ? object['metadata'] : {};
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
  return { namespace: text(metadata['namespace'], namespace), name: text(metadata['name'], '') };
}

/** For pull requests: 0 nothing changes, 3 no client notices, 4 pods are replaced or clients cut off. */
export function exitCodeOf({ outcome, cuts }: PoolerChange): 0 | 3 | 4 {
  if (outcome === 'none') return 0;
  return outcome === 'restart' || cuts.some((cut) => cut.cuts) ? 4 : 3;
}

const linesOf = (where: string, faults: readonly Fault[]): readonly string[] =>
  faults.map((fault) => `${where}: ${formatFault(fault)}`);
