/**
 * Where a list of hosts leads nowhere: before 1.25 PgBouncer looks for the whole list in a server's certificate (its pull
 * request 1303), so that verify-full lets none of them in. Tried on 1.18 and 1.24 in fallback.real.test.ts.
 */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { atLeast, formatVersion, type Version } from '../pgbouncer/version.ts';

const SINCE = '1.25';

export function hostListFaults(spec: PoolerSpec, version: Version): readonly Fault[] {
  if (spec.tls?.server?.mode !== 'verify-full' || atLeast(version, SINCE)) return [];
  const fault = (path: string, value: unknown): Fault => ({
    path,
    value,
    problem: `makes a list of hosts, and PgBouncer ${formatVersion(version)} looks for all of it in a server's certificate when spec.tls.server.mode is verify-full, so that it reaches none`,
    remedy: `use PgBouncer ${SINCE} or newer, verify-ca, or one host`,
  });
  return [
    ...spec.backends.flatMap(({ hosts = [] }, index) =>
      hosts.length > 1 ? [fault(`spec.backends[${index}].hosts`, hosts)] : [],
    ),
    ...(spec.databases ?? []).flatMap(({ fallbackBackend }, index) =>
      fallbackBackend === undefined ? [] : [fault(`spec.databases[${index}].fallbackBackend`, fallbackBackend)],
    ),
  ];
}
