/**
 * Decides every key of [pgbouncer] and says where each value came from. Highest first: the operator's own keys, fields
 * of the spec, `parameters`, `defaults`, the profile, Poolkeeper's conservative defaults; what is left is PgBouncer's.
 */
import type { Fault } from '../api/fault.ts';
import { PORT } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import type { Stated } from '../pgbouncer/inherited.ts';
import { checkParameter } from '../pgbouncer/parameter.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import { authSettings } from './auth-settings.ts';
import { ALWAYS, CONSERVATIVE, IGNORED_STARTUP_PARAMETERS, PROFILES, type ProfileDefaults } from './profiles.ts';

export interface EffectiveSetting {
  readonly key: string;
  readonly value: string;
  /**
   * A path of the specification (`spec.databases[0].poolSize`, `spec.parameters.…`; of a budget with the arithmetic
   * behind a colon), `profile balanced`, `Poolkeeper's default`, or `operator`.
   */
  readonly source: string;
}

/** Looks settings up by their keys. */
export const statedIn =
  (settings: readonly EffectiveSetting[]): Stated =>
  (key) =>
    settings.find((setting) => setting.key === key)?.value;

export const RUN_DIRECTORY = '/run/pgbouncer';
export const CONFIG_DIRECTORY = '/etc/pgbouncer';

/** The keys that protect the server and the console come first: a reload that stops half-way has applied them. */
const SAFETY_FIRST: readonly string[] = [
  'listen_addr',
  'listen_port',
  'unix_socket_dir',
  'auth_hba_file',
  'auth_ident_file',
  'auth_type',
  'auth_file',
  'admin_users',
  'stats_users',
  'client_tls_sslmode',
  'client_tls_cert_file',
  'client_tls_key_file',
  'client_tls_ca_file',
  'client_tls_protocols',
  'server_tls_sslmode',
  'server_tls_ca_file',
  'max_client_conn',
  'default_pool_size',
  'reserve_pool_size',
  'max_db_connections',
  'max_user_connections',
  'pool_mode',
];

interface KnownFromSecrets {
  readonly tls?: readonly EffectiveSetting[];
  readonly lookupUser?: string | undefined;
}

/**
 * All of [pgbouncer] but the marker `syslog_ident`, in the order in which it is printed.
 * @param revision names the files of users and of access rules
 * @param known what Secrets tell: `tls` what `spec.tls` makes, see tls.ts; `lookupUser` who asks for passwords, when that was read
 */
export function planMainSection(
  spec: PoolerSpec,
  version: Version,
  revision: string,
  { tls = [], lookupUser }: KnownFromSecrets = {},
): { readonly settings: readonly EffectiveSetting[]; readonly faults: readonly Fault[] } {
  const chosen = new Map<string, EffectiveSetting>();
  const choose = (key: string, value: string | number | undefined, source: string): void => {
    if (value !== undefined) chosen.set(key, { key, value: String(value), source });
  };
  const profile: ProfileDefaults = PROFILES[spec.profile];

  for (const setting of spec.profile === 'pgbouncer' ? ALWAYS : [...ALWAYS, ...CONSERVATIVE]) {
    if (setting.since === undefined || atLeast(version, setting.since))
      choose(setting.key, setting.value, "Poolkeeper's default");
  }
  const fromProfile = `profile ${spec.profile}`;
  for (const [key, value] of Object.entries(profile.settings)) choose(key, value, fromProfile);
  choose('pool_mode', profile.poolMode, fromProfile);
  choose('default_pool_size', profile.poolSize, fromProfile);
  choose('reserve_pool_size', profile.reservePoolSize, fromProfile);
  choose('max_client_conn', profile.maxClientConnections, fromProfile);

  choose('pool_mode', spec.defaults?.poolMode, 'spec.defaults.poolMode');
  choose('default_pool_size', spec.defaults?.poolSize, 'spec.defaults.poolSize');
  choose('min_pool_size', spec.defaults?.minPoolSize, 'spec.defaults.minPoolSize');
  choose('reserve_pool_size', spec.defaults?.reservePoolSize, 'spec.defaults.reservePoolSize');

  const faults: Fault[] = [];
  for (const [key, value] of Object.entries(spec.parameters ?? {})) {
    const path = `spec.parameters.${key}`;
    const fault = checkParameter({ section: 'pgbouncer', key, value, version, path });
    if (fault) faults.push(fault);
    else choose(key, value, path);
  }
  choose(
    'ignore_startup_parameters',
    ignoredParameters(spec.parameters?.['ignore_startup_parameters']),
    spec.parameters?.['ignore_startup_parameters'] === undefined
      ? "Poolkeeper's default"
      : "Poolkeeper's default, joined with spec.parameters.ignore_startup_parameters",
  );
  choose('max_client_conn', spec.maxClientConnections, 'spec.maxClientConnections');
  for (const { key, value, source } of tls) choose(key, value, source);

  choose('listen_addr', '*', 'operator');
  choose('listen_port', PORT, 'operator');
  choose('unix_socket_dir', RUN_DIRECTORY, 'operator');
  for (const [key, value, source] of authSettings(
    spec,
    version,
    (kind) => `${CONFIG_DIRECTORY}/${revision}.${kind}`,
    lookupUser,
  ))
    choose(key, value, source);

  return { settings: [...chosen.values()].sort(bySafety), faults };
}

function bySafety(a: EffectiveSetting, b: EffectiveSetting): number {
  const rank = (setting: EffectiveSetting) => {
    const index = SAFETY_FIRST.indexOf(setting.key);
    return index < 0 ? SAFETY_FIRST.length : index;
  };
  return rank(a) - rank(b) || (a.key < b.key ? -1 : 1);
}

function ignoredParameters(stated: string | number | undefined): string {
  const own = String(stated ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return [...new Set([...IGNORED_STARTUP_PARAMETERS, ...own])].join(',');
}
