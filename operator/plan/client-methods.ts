/** By which methods clients log in, as access rules call them. */
import type { PoolerSpec } from '../api/types.ts';
import type { Version } from '../pgbouncer/version.ts';
import { planAccessRules } from './access-rules.ts';

const NOTHING = { listed: new Set<string>() } as const;

export const clientMethods = (spec: PoolerSpec, version: Version): ReadonlySet<string> =>
  new Set(
    planAccessRules(spec, version, NOTHING)
      .filter(({ databases, method }) => method !== 'reject' && !databases.includes('pgbouncer'))
      .map(({ method }) => method),
  );
