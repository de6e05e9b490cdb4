/**
 * What is stated and asked by nothing: PgBouncer would never look at it, and whoever wrote it believes that it does
 * something. Most of all authorities in a mode that verifies nobody.
 */
import type { PoolerSpec } from '../../api/types.ts';
import { type Warning, warning } from '../../api/warning.ts';
import { clientMethods } from '../../plan/client-methods.ts';
import { readAccessLines } from '../../plan/hba-lines.ts';
import type { Subject } from './subject.ts';

export function notAsked({ spec, version }: Subject): readonly Warning[] {
  const { auth, tls } = spec;
  const methods = clientMethods(spec, version);
  const maps = new Set(readAccessLines(spec, version).rules.flatMap(({ options }) => options?.['map'] ?? []));
  const ident = (auth?.ident ?? []).flatMap((line, index) => {
    const [map = ''] = line.trim().split(/[ \t]/);
    return maps.has(map)
      ? []
      : [
          warning('NotAsked', {
            path: `spec.auth.ident[${index}]`,
            value: line,
            problem: 'is of a map that no line of auth.hba names',
            remedy: `write a line with \`cert map=${map}\`, or remove this one`,
          }),
        ];
  });
  return [
    ...(auth?.ldap === undefined || methods.has('ldap')
      ? []
      : [
          warning('NotAsked', {
            path: 'spec.auth.ldap',
            problem: `names a directory that nobody is looked up in: clients log in by ${[...methods].join(' and ')}`,
            remedy: 'set auth.type: ldap, write lines of auth.hba with the method ldap, or remove it',
          }),
        ]),
    ...ident,
    ...(tls?.client?.caSecretRef === undefined || verifies(tls.client.mode) || methods.has('cert')
      ? []
      : [unverified('client', tls.client.mode, 'lets clients in without a certificate')]),
    ...authoritiesOfServers(tls),
  ];
}

function authoritiesOfServers(tls: PoolerSpec['tls']): readonly Warning[] {
  const server = tls?.server;
  const stated = server?.caSecretRef !== undefined || (server?.caSecretRefs ?? []).length > 0;
  return server === undefined || !stated || verifies(server.mode)
    ? []
    : [unverified('server', server.mode, 'takes any server for the right one')];
}

const verifies = (mode: string): boolean => mode === 'verify-ca' || mode === 'verify-full';

const unverified = (side: 'client' | 'server', mode: string, meaning: string): Warning =>
  warning('NotVerified', {
    path: `spec.tls.${side}.mode`,
    value: mode,
    problem: `${meaning}, although authorities are given`,
    remedy: 'use verify-full (or verify-ca), or remove the authorities',
  });
