/**
 * Where a list of hosts leads nowhere: before 1.25 PgBouncer looks for the whole list in a server's certificate (its pull
 * request 1303), so that verify-full lets none of them in. Tried on 1.18 and 1.24 in fallback.real.test.ts.
 */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { atLeast, formatVersion, type Version } from '../pgbouncer/version.ts';
import { isSocket } from './backend-host.ts';
import { backendsOf } from './budget.ts';

const SINCE = '1.25';

export const hostListFaults = (spec: PoolerSpec, version: Version): readonly Fault[] => [
  ...socketFaults(spec),
  ...certificateFaults(spec, version),
];

/** Sockets are one host, never one of several: nobody has tried what PgBouncer makes of others in a list of names. */
const socketFaults = (spec: PoolerSpec): readonly Fault[] =>
  (spec.databases ?? []).flatMap((database, index) =>
    database.fallbackBackend !== undefined && backendsOf(spec, database).some(({ host }) => isSocket(host))
      ? [
          {
            path: `spec.databases[${index}].fallbackBackend`,
            value: database.fallbackBackend,
            problem: 'makes a list of hosts, and one of the two backends is a Unix socket',
            remedy: 'name backends that are reached over the network, or leave it out',
          },
        ]
      : [],
  );

function certificateFaults(spec: PoolerSpec, version: Version): readonly Fault[] {
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
