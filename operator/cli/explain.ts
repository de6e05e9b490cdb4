/** `explain`: every setting that is in force, where it comes from, and what applies a change of it. */
import { dump } from 'js-yaml';
import { formatVersion } from '../pgbouncer/version.ts';
import { type ExplainedSection, type ExplainedSetting, explainConfig } from '../plan/explain.ts';
import type { OfflinePlan } from './offline-plan.ts';
import { table, wrap } from './table.ts';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** What `-o json` and `-o yaml` print. */
export interface Explanation {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly profile: string;
  readonly replicas: number;
  readonly sections: readonly ExplainedSection[];
}

export function explain({ pooler, version, config }: OfflinePlan): Explanation {
  const users = (pooler.spec.users ?? []).map(({ name }) => name);
  return {
    namespace: pooler.metadata.namespace ?? 'default',
    name: pooler.metadata.name,
    version: formatVersion(version),
    profile: pooler.spec.profile,
    replicas: pooler.spec.replicas,
    sections: explainConfig(config, users, version),
  };
}

export const printExplanations = (explanations: readonly Explanation[], format: Format): string => {
  if (format === 'table') return explanations.map(explanationText).join('\n');
  const [only] = explanations;
  const data = explanations.length === 1 ? only : explanations;
  return format === 'json' ? `${JSON.stringify(data, null, 2)}\n` : dump(data, { lineWidth: -1, noRefs: true });
};

const LINE = 110;

function explanationText({ namespace, name, version, profile, replicas, sections }: Explanation): string {
  const own = `PgBouncer ${version}`;
  const decided = sections.map((section) => ({
    ...section,
    settings: section.settings.filter((setting) => setting.source !== own && !isNoLimit(section, setting)),
  }));
  // One width for all sections, so that the eye goes down one column.
  const rows = decided.flatMap(({ section, name: entry, settings }) => [
    [`[${section}]${entry === undefined ? '' : ` ${entry}`}`],
    ...(settings.length === 0 ? [['  no limits of its own']] : settings.map(row)),
    [''],
  ]);
  const columns = [{ limit: 32 }, { limit: 36 }, { limit: 72 }];
  const left = sections.flatMap(({ settings }) => settings.filter(({ source }) => source === own));
  return [
    `${name} in ${namespace}: ${own}, profile ${profile}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}. Sizes are those of one replica.`,
    '',
    ...table([['  KEY', 'VALUE', 'SOURCE', 'CHANGED BY'], ...rows], columns),
    `Left to ${own} (* a change needs a restart):`,
    ...wrap(left.map(short), LINE, '  '),
    '',
  ].join('\n');
}

/** Every user has all of those that [pgbouncer] does not set; they are in the other formats. */
const isNoLimit = ({ section }: ExplainedSection, { source, value }: ExplainedSetting): boolean =>
  section === 'users' && source.startsWith('[pgbouncer]') && value === '0';

const row = ({ key, value, source, change }: ExplainedSetting): readonly string[] => [
  `  ${key}`,
  shown(key, value),
  source,
  change,
];

const shown = (key: string, value: string | null): string => {
  if (value === null) return '-';
  if (value === '0' && /^max_.*(connections|conn)$/.test(key)) return '0 (no limit)';
  return value === '' ? '(empty)' : value;
};

const short = ({ key, value, change }: ExplainedSetting, index: number, all: readonly ExplainedSetting[]): string =>
  `${key}${change === 'restart' ? '*' : ''}=${value ?? ''}${index === all.length - 1 ? '' : ','}`;
