/**
 * What an edit of a pooler will do, as data: each setting old → new and what applies it, pods that are replaced and why,
 * clients that are cut off, and server connections before, during and after. Nothing is asked of a cluster.
 */
import { ANNOTATION_RESTART_WISH, PROOF_USER } from '../api/names.ts';
import { printHba } from '../pgbouncer/hba.ts';
import { appliedBy, defaultIn, findSetting, type Section } from '../pgbouncer/settings.ts';
import { formatVersion, type Version } from '../pgbouncer/version.ts';
import { planAccessRules } from './access-rules.ts';
import { canonicalJson } from './canonical-json.ts';
import { cutsOf } from './client-cuts.ts';
import type { EffectiveEntry } from './database-section.ts';
import { lineChanges } from './line-changes.ts';
import type { EffectiveSetting } from './main-section.ts';
import { objectChanges } from './object-changes.ts';
import { type PeakRow, peakConnections } from './peak-connections.ts';
import type { EntryChange, Outcome, PlannedPooler, PoolerChange, SettingChange } from './pooler-change.ts';
import { pendingSettings } from './restart.ts';

/** @param before undefined: it does not exist yet */
export function comparePoolers(before: PlannedPooler | undefined, after: PlannedPooler): PoolerChange {
  const { name, namespace = 'default' } = after.pooler.metadata;
  const connections = (rolls: boolean): readonly PeakRow[] =>
    peakConnections(before && fleetOf(before), fleetOf(after), rolls);
  const pods = { before: before?.pooler.spec.replicas ?? 0, after: after.pooler.spec.replicas };
  if (before === undefined) {
    return {
      ...{ namespace, name, outcome: 'create', settings: [], entries: [], objects: [] },
      pods: { ...pods, replaced: 0, because: [] },
      waiting: [],
      suspended: after.pooler.spec.suspend,
      cuts: [],
      connections: connections(false),
    };
  }
  const settings = settingChanges(before, after);
  const entries = entryChanges(before, after);
  const objects = objectChanges(before, after);
  const reasons = restartReasons(before, after);
  // Also where a default is only written out: the pods are made for what stands there.
  const onlyAtStart = pendingSettings(after.config.restartOnly, before.config.restartOnly);
  const waits = reasons.length === 0 && after.pooler.spec.rollout?.restart === 'Manual';
  const because = [...reasons, ...(waits ? [] : onlyAtStart.map((key) => `${key} is read only at a start`))];
  const rolls = because.length > 0;
  const waiting = waits ? onlyAtStart : [];
  const reloads = settings.some(({ by }) => by === 'reload') || entries.length > 0;
  return {
    namespace,
    name,
    outcome: outcomeOf({ rolls, reloads, objects: objects.length > 0, waits: waiting.length > 0 }),
    settings,
    entries,
    objects,
    pods: { ...pods, replaced: rolls ? pods.before : 0, because },
    waiting,
    suspended: after.pooler.spec.suspend,
    cuts: cutsOf(before, after, rolls),
    connections: connections(rolls),
  };
}

const fleetOf = ({ pooler, version, config }: PlannedPooler) => ({ spec: pooler.spec, version, config });

/** Names of files change with every revision, and say nothing. */
const FILES: ReadonlySet<string> = new Set(['auth_file', 'auth_hba_file', 'auth_ident_file']);

function settingChanges(before: PlannedPooler, after: PlannedPooler): readonly SettingChange[] {
  const main = changesOf('pgbouncer', before.config.settings, after.config.settings, before.version, after.version);
  const inEntries = (['databases', 'users'] as const).flatMap((section) =>
    after.config.entries[section].flatMap(({ name, settings }) => {
      const old = before.config.entries[section].find((entry) => entry.name === name);
      // A user's first limit, or last one, is a change of that user and not a new one.
      if (old === undefined && section === 'databases') return [];
      return changesOf(section, old?.settings ?? [], settings, before.version, after.version).map((change) => ({
        ...change,
        name,
      }));
    }),
  );
  const lostLimits = before.config.entries.users.flatMap(({ name, settings }) =>
    has(after.config.entries.users, name) || !(after.pooler.spec.users ?? []).some((user) => user.name === name)
      ? []
      : changesOf('users', settings, [], before.version, after.version).map((change) => ({ ...change, name })),
  );
  return [...main.filter(({ key }) => !FILES.has(key)), ...inEntries, ...lostLimits];
}

function changesOf(
  section: Exclude<Section, 'peers'>,
  before: readonly EffectiveSetting[],
  after: readonly EffectiveSetting[],
  oldVersion: Version,
  version: Version,
): readonly SettingChange[] {
  const keys = new Set([...after, ...before].map(({ key }) => key));
  return [...keys].flatMap((key): readonly SettingChange[] => {
    const setting = findSetting(section, key);
    const [was, is] = [before, after].map((list) => list.find((candidate) => candidate.key === key));
    const fallback = (of: Version): string | null =>
      section === 'pgbouncer' && setting !== undefined ? defaultIn(setting, of) : null;
    const [old, now] = [was?.value ?? fallback(oldVersion), is?.value ?? fallback(version)];
    if (old === now) return [];
    const secret = setting?.secret === true;
    return [
      {
        section,
        key,
        before: secret && old !== null ? '<secret>' : old,
        after: secret && now !== null ? '<secret>' : now,
        by: appliedBy(setting, version),
        source: is?.source ?? (section === 'pgbouncer' ? `PgBouncer ${formatVersion(version)}` : 'unset'),
      },
    ];
  });
}

function entryChanges(before: PlannedPooler, after: PlannedPooler): readonly EntryChange[] {
  const databases = namesChanged('databases', before.config.entries.databases, after.config.entries.databases);
  const users = namesChanged('users', before.pooler.spec.users ?? [], after.pooler.spec.users ?? []);
  return [...databases, ...users, ...accessChanges(before, after)];
}

/**
 * How who may log in from where; the names of users are told by themselves, the operator's own lines follow from the rest.
 * The first rule that matches counts, so that one which moves is told as one that goes and one that comes.
 */
function accessChanges(before: PlannedPooler, after: PlannedPooler): readonly EntryChange[] {
  const [old, now] = [before, after].map(accessLines);
  return lineChanges(old ?? [], now ?? []).map((change) => ({ section: 'access', ...change }));
}

const accessLines = ({ pooler, version }: PlannedPooler): readonly string[] =>
  // Without what only Secrets tell: their names and passwords are not to be shown.
  printHba(planAccessRules(pooler.spec, version, { listed: new Set() }))
    .split('\n')
    .filter((line) => line !== '' && !line.includes(PROOF_USER))
    .concat(pooler.spec.auth?.ident?.map((line) => `map ${line}`) ?? [])
    .map((line) => line.replaceAll(/\s+/g, ' '));

function namesChanged(
  section: EntryChange['section'],
  before: readonly { readonly name: string }[],
  after: readonly { readonly name: string }[],
): readonly EntryChange[] {
  return [
    ...before
      .filter(({ name }) => !has(after, name))
      .map(({ name }) => ({ section, name, change: 'removed' as const })),
    ...after.filter(({ name }) => !has(before, name)).map(({ name }) => ({ section, name, change: 'added' as const })),
  ];
}

const has = (list: readonly { readonly name: string }[] | readonly EffectiveEntry[], name: string): boolean =>
  list.some((item) => item.name === name);

/** Why pods are replaced, whatever their settings. */
function restartReasons(before: PlannedPooler, after: PlannedPooler): readonly string[] {
  const images = before.image === after.image ? [] : [`the image changes to ${after.image}`];
  const [old, now] = [before, after].map(({ version }) => formatVersion(version));
  const versions = old === now ? [] : [`PgBouncer changes from ${old} to ${now}`];
  const templates =
    canonicalJson(before.pooler.spec.template ?? {}) === canonicalJson(after.pooler.spec.template ?? {})
      ? []
      : ['spec.template changes'];
  const [wished, wish] = [before, after].map(({ pooler }) => pooler.metadata.annotations?.[ANNOTATION_RESTART_WISH]);
  // A file that says nothing of it leaves what is there.
  const wishes = wish === undefined || wish === wished ? [] : [`${ANNOTATION_RESTART_WISH} changes`];
  return [...versions, ...images, ...templates, ...wishes];
}

function outcomeOf(has: Readonly<Record<'rolls' | 'reloads' | 'objects' | 'waits', boolean>>): Outcome {
  if (has.rolls) return 'restart';
  if (has.reloads) return 'reload';
  return has.objects ? 'objects' : has.waits ? 'waits' : 'none';
}
