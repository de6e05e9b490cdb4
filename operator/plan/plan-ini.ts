/** Puts the sections of the ini together, each with its faults, and keeps what only a restart changes where it is pinned. */
import type { IniFile } from '../pgbouncer/ini.ts';
import { findSetting, isRestartOnly } from '../pgbouncer/settings.ts';
import type { Version } from '../pgbouncer/version.ts';
import { authFaults } from './auth-faults.ts';
import type { Budget } from './budget.ts';
import type { ConfigInput } from './config.ts';
import { planDatabases, planUsers } from './database-section.ts';
import { COMMON_LOOKUP } from './lookups.ts';
import { type EffectiveSetting, planMainSection } from './main-section.ts';
import { pendingSettings } from './restart.ts';
import type { TlsView } from './tls.ts';

interface KnownToIni {
  /** See KnownFromSecrets. */
  readonly lookupUsers?: ReadonlyMap<string, string>;
  /** See Credentials. */
  readonly serverPasswords?: ReadonlyMap<string, string>;
}

/** @param known what Secrets tell; without it the ini has no word of that */
export function planIni(
  input: Pick<ConfigInput, 'spec' | 'version' | 'namespace' | 'pinned'> & { readonly tls: TlsView },
  budget: Budget,
  revision: string,
  { lookupUsers, serverPasswords }: KnownToIni = {},
) {
  const { spec, version, pinned, tls } = input;
  const main = planMainSection(spec, version, revision, {
    tls: tls.settings,
    lookupUser: lookupUsers?.get(COMMON_LOOKUP),
  });
  const wanted = restartOnlyOf(main.settings, version);
  const settings = pinned === undefined ? main.settings : pin(main.settings, wanted, pinned);
  const databases = planDatabases(spec, version, budget, { namespace: input.namespace, serverPasswords, lookupUsers });
  const users = planUsers(spec, version);
  const ini: IniFile = {
    databases: databases.entries,
    users: users.entries,
    pgbouncer: [
      ...settings.map(({ key, value }) => [key, value] as const),
      // SHOW CONFIG returns it only if the file was parsed to its end, so nothing may follow.
      ['syslog_ident', revision] as const,
    ],
  };
  return {
    ini,
    settings,
    pending: pinned === undefined ? [] : pendingSettings(wanted, pinned),
    entries: { databases: databases.effective, users: users.effective },
    faults: [...authFaults(spec, version), ...main.faults, ...tls.faults.spec, ...databases.faults, ...users.faults],
  };
}

/** Settings with those that only a restart changes as they are pinned. */
function pin(
  settings: readonly EffectiveSetting[],
  wanted: Readonly<Record<string, string>>,
  pinned: Readonly<Record<string, string>>,
): readonly EffectiveSetting[] {
  const source = 'the pods, until they are replaced';
  const kept = settings
    .filter(({ key }) => !(key in wanted) || key in pinned)
    .map((setting) => {
      const value = setting.key in wanted ? pinned[setting.key] : undefined;
      return value === undefined || value === setting.value ? setting : { ...setting, value, source };
    });
  const added = Object.entries(pinned).filter(([key]) => !(key in wanted));
  return [...kept, ...added.map(([key, value]) => ({ key, value, source }))];
}

export function restartOnlyOf(
  settings: readonly EffectiveSetting[],
  version: Version,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    settings.flatMap(({ key, value }) => {
      const setting = findSetting('pgbouncer', key);
      return setting !== undefined && isRestartOnly(setting, version) ? [[key, value]] : [];
    }),
  );
}
