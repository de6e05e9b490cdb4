/** Plans a spec as the operator would, for tests that care for what comes out. */
import type { Fault } from '../../api/fault.ts';
import { poolerOf } from '../../api/testing/json.ts';
import type { PoolerSpec, SecretKeyRef } from '../../api/types.ts';
import { validatePooler } from '../../api/validate.ts';
import type { Version } from '../../pgbouncer/version.ts';
import { holdersOf } from '../budget.ts';
import { type PlannedConfig, planConfig } from '../config.ts';
import { lookupNameReferences, type SecretReference, userlistReferences } from '../secret-references.ts';
import { tlsReferences } from '../tls-references.ts';
import { issue, issueAuthority } from './issue.ts';

export const PASSWORDS = { admin: 'admin-password', stats: 'stats-password' } as const;

/** Every reference leads to a password of its own name. */
export const passwordOf = (ref: SecretKeyRef): string => `password of ${ref.name}/${ref.key}`;

const AUTHORITY = issueAuthority('authority of the tests');
const SERVED = issue({ commonName: 'pooler', names: ['pooler', 'pooler.shop', 'pooler.shop.svc'], issuer: AUTHORITY });

function pemFor({ ref, path }: SecretReference): string {
  if (/caSecretRef/.test(path)) return AUTHORITY.certificate;
  if (ref.key === 'ca.crt') return AUTHORITY.certificate;
  return ref.key === 'tls.crt' ? SERVED.certificate : SERVED.key;
}

export interface PlanOptions {
  readonly password?: (ref: SecretKeyRef) => string;
}

/** Who asks for passwords by this Secret: each Secret has a login of its own. */
export const askerOf = ({ auth }: PoolerSpec, secret: string): string =>
  secret === auth?.query?.userSecretRef.name ? 'asker' : `asker of ${secret}`.slice(0, 63);

/** A value of the kind that the reference is for: a userlist, a name, a password. */
export const secretOf = (
  spec: PoolerSpec,
  { password = passwordOf }: PlanOptions = {},
): ((ref: SecretKeyRef) => string) => {
  const names = (references: readonly SecretReference[]): ReadonlySet<string> =>
    new Set(references.map(({ ref }) => `${ref.name}/${ref.key}`));
  const lists = names(userlistReferences(spec));
  const askers = names(lookupNameReferences(spec));
  const pem = new Map(tlsReferences(spec, 'pooler').map((at) => [`${at.ref.name}/${at.ref.key}`, pemFor(at)]));
  return (ref) => {
    const place = `${ref.name}/${ref.key}`;
    if (lists.has(place)) return `; ${place}\n"listed" "password"\n"a""b" "SCRAM"\n`;
    if (askers.has(place)) return askerOf(spec, ref.name);
    return pem.get(place) ?? password(ref);
  };
};

/** @throws what planConfig throws; validatePooler must have taken the spec */
export const planned = (spec: PoolerSpec, version: Version, options: PlanOptions = {}): PlannedConfig => {
  const secret = secretOf(spec, options);
  return planConfig({
    spec,
    name: 'pooler',
    namespace: 'shop',
    version,
    holders: holdersOf(spec.replicas, 0),
    passwords: PASSWORDS,
    revisionKey: 'key of the revision',
    lookup: (ref) => ({ found: true, value: secret(ref) }),
  });
};

/** The spec with its defaults, or what is wrong with it. */
export function validated(
  spec: unknown,
): { readonly spec: PoolerSpec } | { readonly spec: undefined; readonly faults: readonly Fault[] } {
  const result = validatePooler(poolerOf(spec), 'refuse');
  return result.ok ? { spec: result.pooler.spec } : { spec: undefined, faults: result.faults };
}

export const faultsOf = ({ faults, tls }: PlannedConfig): readonly Fault[] => [
  ...faults.spec,
  ...faults.budget,
  ...faults.credentials,
  ...tls.faults.certificates,
];
