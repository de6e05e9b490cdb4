/**
 * The access rules that a user writes, line by line. PgBouncer skips what it cannot read with a warning, so that a broken
 * `reject` opens a door: each line is read here as this version would, and what is wrong with one names its place.
 */
import type { Fault } from '../api/fault.ts';
import { RESERVED_USERS } from '../api/names.ts';
import type { ClientTls, PoolerSpec } from '../api/types.ts';
import { type HbaRule, parseHbaLine } from '../pgbouncer/hba.ts';
import { type IdentEntry, parseIdentLine } from '../pgbouncer/ident.ts';
import { atLeast, formatVersion, type Version } from '../pgbouncer/version.ts';

type Objection = Pick<Fault, 'problem' | 'remedy'>;

export interface AccessLines {
  /** Of the lines without a fault. */
  readonly rules: readonly HbaRule[];
  readonly ident: readonly IdentEntry[];
  readonly faults: readonly Fault[];
}

export function readAccessLines({ auth, tls }: PoolerSpec, version: Version): AccessLines {
  const faults: Fault[] = [];
  const ident: IdentEntry[] = [];
  for (const [index, line] of (auth?.ident ?? []).entries()) {
    const parsed = parseIdentLine(line);
    if (parsed.ok) ident.push(parsed.entry);
    else
      faults.push({
        path: `spec.auth.ident[${index}]`,
        value: line,
        problem: parsed.problem,
        remedy: 'write it as `MAP NAME-IN-CERTIFICATE USER`',
      });
  }
  if (ident.length > 0 && !atLeast(version, '1.23'))
    faults.push({ path: 'spec.auth.ident', ...needs('1.23', 'a map of names', version) });

  const maps = new Set(ident.map(({ map }) => map));
  const rules: HbaRule[] = [];
  for (const [index, line] of (auth?.hba ?? []).entries()) {
    const parsed = parseHbaLine(line);
    const objection = parsed.ok
      ? objectionTo(parsed.rule, { version, maps, directory: auth?.ldap !== undefined, tls: tls?.client })
      : { problem: parsed.problem, remedy: 'write it as `host DATABASES USERS 10.0.0.0/8 METHOD`' };
    if (objection !== undefined) faults.push({ path: `spec.auth.hba[${index}]`, value: line, ...objection });
    else if (parsed.ok) rules.push(parsed.rule);
  }
  return { rules, ident, faults };
}

interface Surroundings {
  readonly version: Version;
  readonly maps: ReadonlySet<string>;
  /** Whether `auth.ldap` says which one. */
  readonly directory: boolean;
  readonly tls: ClientTls | undefined;
}

/** What is wrong with a rule that can be read. */
function objectionTo(rule: HbaRule, { version, maps, directory, tls }: Surroundings): Objection | undefined {
  const { type, databases, users, address, method, options = {} } = rule;
  if (type === 'local' || method === 'peer')
    return {
      problem: 'is about the Unix socket, which only the probes of the pod use',
      remedy: 'write it for host, hostssl or hostnossl',
    };
  if (databases.includes('pgbouncer'))
    return {
      problem: 'names the console, and is never reached: rules of the operator come first there',
      remedy: 'list the user in auth.adminUsers or auth.statsUsers instead',
    };
  const reserved = users.find((name) => typeof name === 'string' && RESERVED_USERS.includes(name));
  if (reserved !== undefined)
    return { problem: `names ${String(reserved)}, who belongs to the operator`, remedy: 'leave that user out' };
  if (isReplication(rule) && !atLeast(version, '1.23')) return needs('1.23', 'replication', version);
  if (address === 'all' && !atLeast(version, '1.23'))
    return { ...needs('1.23', 'the address all', version), remedy: 'write two lines, for 0.0.0.0/0 and for ::/0' };
  if (method === 'cert' && type !== 'hostssl')
    return { problem: 'asks for a certificate where there may be no TLS', remedy: 'begin it with hostssl' };
  if (type === 'hostssl' && (tls === undefined || tls.mode === 'disable'))
    return { problem: 'is for clients with TLS, and they find none', remedy: 'set tls.client, or begin it with host' };
  // Else any certificate of the public authorities of the image would do.
  if (method === 'cert' && tls?.caSecretRef === undefined)
    return { problem: 'asks for certificates of nobody in particular', remedy: 'set tls.client.caSecretRef' };
  const { map } = options;
  if (map !== undefined && !maps.has(map))
    return { problem: `names the map ${map}, which no line of auth.ident has`, remedy: 'add the map, or remove map=' };
  if (method !== 'ldap') return undefined;
  if (!atLeast(version, '1.25')) return needs('1.25', 'the method ldap', version);
  if (Object.keys(options).length > 0)
    return {
      problem: 'says which directory to ask, and such a line may hold a password',
      remedy: 'move what follows ldap to auth.ldap.options, without the password, which belongs into a Secret',
    };
  return directory
    ? undefined
    : { problem: 'asks a directory, and auth.ldap does not say which', remedy: 'set auth.ldap.options' };
}

export const isReplication = ({ databases }: HbaRule): boolean =>
  databases.some((name) => typeof name === 'object' && name.keyword === 'replication');

/** @param since the first version that has `what` */
export const needs = (since: string, what: string, version: Version): Objection => ({
  problem: `needs PgBouncer ${since} or newer for ${what}, and this pooler has ${formatVersion(version)}`,
  remedy: 'use a newer image, or remove it',
});
