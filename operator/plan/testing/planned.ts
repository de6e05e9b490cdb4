/** Plans a spec as the operator would, for tests that care for what comes out. */
import type { Fault } from '../../api/fault.ts';
import { poolerOf } from '../../api/testing/json.ts';
import type { PoolerSpec, SecretKeyRef } from '../../api/types.ts';
import { validatePooler } from '../../api/validate.ts';
import type { Version } from '../../pgbouncer/version.ts';
import { holdersOf } from '../budget.ts';
import { type PlannedConfig, planConfig } from '../config.ts';

export const PASSWORDS = { admin: 'admin-password', stats: 'stats-password' } as const;

/** Every reference leads to a password of its own name. */
export const passwordOf = (ref: SecretKeyRef): string => `password of ${ref.name}/${ref.key}`;

export interface PlanOptions {
  readonly password?: (ref: SecretKeyRef) => string;
}

/** @throws what planConfig throws; validatePooler must have taken the spec */
export const planned = (
  spec: PoolerSpec,
  version: Version,
  { password = passwordOf }: PlanOptions = {},
): PlannedConfig =>
  planConfig({
    spec,
    namespace: 'shop',
    version,
    holders: holdersOf(spec.replicas, 0),
    passwords: PASSWORDS,
    revisionKey: 'key of the revision',
    lookup: (ref) => ({ found: true, value: password(ref) }),
  });

/** The spec with its defaults, or what is wrong with it. */
export function validated(
  spec: unknown,
): { readonly spec: PoolerSpec } | { readonly spec: undefined; readonly faults: readonly Fault[] } {
  const result = validatePooler(poolerOf(spec), 'refuse');
  return result.ok ? { spec: result.pooler.spec } : { spec: undefined, faults: result.faults };
}

export const faultsOf = ({ faults }: PlannedConfig): readonly Fault[] => [
  ...faults.spec,
  ...faults.budget,
  ...faults.credentials,
];
