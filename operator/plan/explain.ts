/**
 * Every setting that is in force for one PgBouncer, and who decided it: what was rendered with its sources, what entries
 * of [databases] and [users] take over from [pgbouncer], and what is left to PgBouncer itself.
 */
import { inheritedKeys } from '../pgbouncer/inherited.ts';
import { appliedBy, defaultIn, findSetting, type Section, settingsOf } from '../pgbouncer/settings.ts';
import { formatVersion, type Version } from '../pgbouncer/version.ts';
import type { Config } from './config.ts';
import type { EffectiveEntry } from './database-section.ts';
import type { EffectiveSetting } from './main-section.ts';

export interface ExplainedSetting {
  readonly key: string;
  /** As it stands in the file; null when it is unset, which means none or unlimited. */
  readonly value: string | null;
  /** See EffectiveSetting; `[pgbouncer] key` when an entry takes it over, `PgBouncer 1.26.1` when nobody decided. */
  readonly source: string;
  /** What applies a change of it. */
  readonly change: 'reload' | 'restart';
}

export interface ExplainedSection {
  readonly section: Exclude<Section, 'peers'>;
  /** The database or user; absent for [pgbouncer]. */
  readonly name?: string;
  readonly settings: readonly ExplainedSetting[];
}

/** The operator's mark in the file, not a setting that anybody chooses. */
const MARKER = 'syslog_ident';

/** Sections in the order of the file, [pgbouncer] first; inside it what is nearest to the user first. */
export function explainConfig(
  config: Pick<Config, 'settings' | 'entries'>,
  users: readonly string[],
  version: Version,
): readonly ExplainedSection[] {
  const main = explainMain(config.settings, version);
  const entry = (section: 'databases' | 'users', found: EffectiveEntry): ExplainedSection => ({
    section,
    name: found.name,
    settings: [
      ...found.settings.map((setting) => explained(section, setting, version)),
      ...inherited(section, found, main, version),
    ],
  });
  const limits = (name: string): EffectiveEntry =>
    config.entries.users.find((user) => user.name === name) ?? { name, settings: [] };
  return [
    { section: 'pgbouncer', settings: main },
    ...config.entries.databases.map((database) => entry('databases', database)),
    ...users.map((user) => entry('users', limits(user))),
  ];
}

function explainMain(settings: readonly EffectiveSetting[], version: Version): readonly ExplainedSetting[] {
  const decided = settings
    .map((setting) => explained('pgbouncer', setting, version))
    .toSorted((a, b) => nearness(a.source) - nearness(b.source));
  const known = new Set(settings.map(({ key }) => key));
  const left = settingsOf(version, 'pgbouncer').filter(({ name }) => !known.has(name) && name !== MARKER);
  return [
    ...decided,
    ...left.map(
      (setting): ExplainedSetting => ({
        key: setting.name,
        value: defaultIn(setting, version),
        source: `PgBouncer ${formatVersion(version)}`,
        change: appliedBy(setting, version),
      }),
    ),
  ];
}

/** The user's own words come first, the operator's last. */
function nearness(source: string): number {
  if (source.startsWith('spec.')) return 0;
  if (source.startsWith('profile ')) return 1;
  return source === 'operator' ? 3 : 2;
}

function explained(section: Section, { key, value, source }: EffectiveSetting, version: Version): ExplainedSetting {
  const setting = findSetting(section, key);
  return {
    key,
    value: setting?.secret === true ? '<secret>' : value,
    source,
    change: appliedBy(setting, version),
  };
}

function inherited(
  section: 'databases' | 'users',
  { settings }: EffectiveEntry,
  main: readonly ExplainedSetting[],
  version: Version,
): readonly ExplainedSetting[] {
  return inheritedKeys(section, version).flatMap(({ key, from }) => {
    const source = main.find((candidate) => candidate.key === from);
    if (source === undefined || settings.some((own) => own.key === key)) return [];
    return [{ key, value: source.value, source: `[pgbouncer] ${from}`, change: 'reload' }];
  });
}
