/** The shape of a rule between fields. */
import type { Fault } from '../fault.ts';
import type { PoolerSpec } from '../types.ts';

export interface CrossRule {
  /** Evaluated with `self` = the spec. */
  readonly cel: string;
  /** What the API server answers with: problem and way out in one sentence. */
  readonly message: string;
  /** Where the API server puts its finger, below `spec`. */
  readonly fieldPath: string;
  readonly check: (spec: PoolerSpec) => readonly Fault[];
}
