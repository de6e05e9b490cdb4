/**
 * Every setting of every section, by version, as checked data: settings.json holds one line for each, compared with
 * what the real programs say. Versions in it are full ones (`1.24.0`); nothing older than the supported ones is told.
 */
import { type Ownership, ownershipOf } from './ownership.ts';
import rows from './settings.json' with { type: 'json' };
import { atLeast, type Version } from './version.ts';

export const SECTIONS = ['pgbouncer', 'databases', 'users', 'peers'] as const;
export type Section = (typeof SECTIONS)[number];

export const SETTING_TYPES = ['boolean', 'integer', 'octal', 'seconds', 'enum', 'string'] as const;
export type SettingType = (typeof SETTING_TYPES)[number];

export interface Setting {
  readonly name: string;
  readonly section: Section;
  readonly type: SettingType;
  /** The words of an `enum`. */
  readonly enum?: readonly string[];
  /** As it would stand in the file, in the oldest supported version; null when unset or taken from elsewhere. */
  readonly default: string | null;
  /** Later defaults, oldest first. */
  readonly defaultChanges: readonly { readonly since: string; readonly default: string | null }[];
  /** False when only a restart applies it. The same in every supported version. */
  readonly reloadable: boolean;
  /** The first version that knows it. */
  readonly since: string;
  /** The first version that does not know it any more. */
  readonly until?: string;
  /** Unknown everywhere else, so to all of ours. */
  readonly windowsOnly: boolean;
  readonly unit?: string;
  /** PgBouncer checks no range at all; these are what it can do something sensible with. */
  readonly min?: number;
  readonly max?: number;
  /** Never shown: its value holds a password. */
  readonly secret: boolean;
  readonly notes?: string;
  readonly ownership: Ownership;
}

/** All of them, by section and name. */
export const SETTINGS: readonly Setting[] = rows.map((row): Setting => {
  const section = oneOf(SECTIONS, row.section);
  return {
    name: row.name,
    section,
    type: oneOf(SETTING_TYPES, row.type),
    ...(row.enum && { enum: row.enum }),
    default: row.default,
    defaultChanges: row.defaultChanges ?? [],
    reloadable: row.reloadable,
    since: row.since,
    ...(row.until !== undefined && { until: row.until }),
    windowsOnly: row.windowsOnly ?? false,
    ...(row.unit !== undefined && { unit: row.unit }),
    ...(row.min !== undefined && { min: row.min }),
    ...(row.max !== undefined && { max: row.max }),
    secret: row.secret ?? false,
    ...(row.notes !== undefined && { notes: row.notes }),
    ownership: ownershipOf(section, row.name),
  };
});

const byKey: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.map((setting) => [`${setting.section}/${setting.name}`, setting]),
);

/** Whatever the version; see {@link existsIn}. */
export const findSetting = (section: Section, name: string): Setting | undefined => byKey.get(`${section}/${name}`);

export const existsIn = (setting: Setting, version: Version): boolean =>
  !setting.windowsOnly &&
  atLeast(version, setting.since) &&
  (setting.until === undefined || !atLeast(version, setting.until));

/** The settings of a section that this version knows, by name. */
export const settingsOf = (version: Version, section: Section): readonly Setting[] =>
  SETTINGS.filter((setting) => setting.section === section && existsIn(setting, version));

/** Whether a RELOAD silently ignores it. The version counts for nothing in the supported ones, and may in later ones. */
export const isRestartOnly = (setting: Setting, _version: Version): boolean => !setting.reloadable;

/** What applies a change of it; what is no setting is read anew like all else. */
export const appliedBy = (setting: Setting | undefined, version: Version): 'reload' | 'restart' =>
  setting !== undefined && isRestartOnly(setting, version) ? 'restart' : 'reload';

/** As it would stand in the file; null when unset. */
export const defaultIn = (setting: Setting, version: Version): string | null =>
  setting.defaultChanges.findLast((change) => atLeast(version, change.since))?.default ?? setting.default;

function oneOf<const Word extends string>(words: readonly Word[], text: string): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new TypeError(`settings.json: ${text} is none of ${words.join(', ')}`);
  return found;
}
