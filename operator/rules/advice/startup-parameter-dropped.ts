/**
 * A parameter in `ignore_startup_parameters` is taken from clients and thrown away: they connect, and run without what
 * they asked for. Where the specification names one that means something, the same is to be had otherwise.
 */
import type { PoolerSpec } from '../../api/types.ts';
import { type Warning, warning } from '../../api/warning.ts';
import { atLeast, type Version } from '../../pgbouncer/version.ts';
import type { Subject } from './subject.ts';

/** Of no account: what PostgreSQL would print differently, or PgBouncer forwards by itself. */
const HARMLESS: ReadonlySet<string> = new Set([
  'extra_float_digits',
  'application_name',
  'client_encoding',
  'datestyle',
  'timezone',
  'standard_conforming_strings',
]);

/** Limits that PgBouncer can keep itself, by which of its settings. */
const LIMITS: Readonly<Record<string, string>> = {
  options: 'query_timeout',
  statement_timeout: 'query_timeout',
  transaction_timeout: 'transaction_timeout',
  idle_in_transaction_session_timeout: 'idle_transaction_timeout',
};

export function startupParameterDropped({ spec, version, main }: Subject): readonly Warning[] {
  const stated = String(spec.parameters?.['ignore_startup_parameters'] ?? '').split(',');
  return stated
    .map((name) => name.trim())
    .filter((name) => name !== '' && !HARMLESS.has(name.toLowerCase()))
    .flatMap((name) => {
      const limit = LIMITS[name.toLowerCase()];
      if (limit !== undefined && isKept(limit, spec, main)) return [];
      const setting = name === 'options' ? 'statement_timeout' : name;
      return [
        warning('StartupParameterDropped', {
          path: 'spec.parameters.ignore_startup_parameters',
          value: name,
          problem:
            name === 'options'
              ? 'is taken from clients and dropped: one that asks for -c statement_timeout=30000 connects, and has no such limit'
              : 'is taken from clients and dropped: they connect, and do not get what they ask for',
          remedy: `run on the server: ${alterRole(spec, setting)}${limit === undefined ? '' : ` or set ${howToLimit(limit, version)}`}`,
        }),
      ];
    });
}

const FIELDS: Readonly<Record<string, keyof NonNullable<PoolerSpec['users']>[number]>> = {
  query_timeout: 'queryTimeout',
  transaction_timeout: 'transactionTimeout',
  idle_transaction_timeout: 'idleTransactionTimeout',
};

/** For everybody, or for every user that is listed. */
function isKept(limit: string, spec: PoolerSpec, main: Subject['main']): boolean {
  const field = FIELDS[limit];
  const users = spec.users ?? [];
  const everyUser = field !== undefined && users.length > 0 && users.every((user) => user[field] !== undefined);
  return everyUser || Number(main(limit) ?? 0) > 0;
}

function howToLimit(limit: string, version: Version): string {
  const perUser = atLeast(version, limit === 'transaction_timeout' ? '1.25' : '1.24');
  const everybody = limit === 'transaction_timeout' && !perUser ? undefined : `parameters: {${limit}: 30}`;
  const field = perUser ? `spec.users[].${FIELDS[limit]}: 30s` : undefined;
  return (
    [field, everybody].filter((way) => way !== undefined).join(' or ') ||
    'transaction_timeout with PgBouncer 1.25 or newer'
  );
}

/** As many as a line can bear; the others are like them. */
const ROLES_SHOWN = 3;

/** What to run on the server, with the names of roles as SQL writes them. */
function alterRole(spec: PoolerSpec, setting: string): string {
  const roles = (spec.users ?? []).map(({ name }) => `"${name.replaceAll('"', '""')}"`).slice(0, ROLES_SHOWN);
  const value = setting.endsWith('timeout') ? "'30s'" : '…';
  return (roles.length === 0 ? ['…'] : roles).map((role) => `ALTER ROLE ${role} SET ${setting} = ${value};`).join(' ');
}
